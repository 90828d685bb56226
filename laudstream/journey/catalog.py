"""The catalogue of a lane: which definitions there are, and what state they are in (A9).

A snapshot: `apply` gives another one and leaves this one as it is. Compiled forms are kept by (workspace, kind,
id, version) and shared between snapshots, since bodies never change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from laudstream.journey.census import CENSUS
from laudstream.journey.compiling import Key, compile
from laudstream.journey.control import BODILESS, COUNT, LEVEL, Control
from laudstream.journey.live import HORIZON_MS, NOTHING, Space, Status
from laudstream.journey.placing import placed, watching
from laudstream.journey.signals import SIGNAL
from laudstream.journey.statuses import after
from laudstream.journey.steps import Journey

BodyOf = Callable[[str, str, str, int], dict[str, Any]]
"""(workspace, kind, id, version) -> published body; raises KeyError if it is not here yet."""


class Catalog:
    """Statuses by (workspace, kind, id), and what was made of them."""

    __slots__ = ("_compiled", "_statuses", "counting", "forgetful", "horizon_ms", "spaces")

    def __init__(
        self,
        statuses: dict[tuple[str, str, str], Status] | None = None,
        spaces: dict[str, Space] | None = None,
        compiled: dict[Key, Any] | None = None,
    ) -> None:
        self._statuses = statuses or {}
        self.spaces = spaces or {}
        self._compiled: dict[Key, Any] = {} if compiled is None else compiled
        self.counting = frozenset(workspace for workspace, space in self.spaces.items() if space.watch.events)
        """Workspaces where events are counted."""
        self.forgetful = frozenset(workspace for workspace, space in self.spaces.items() if not space.horizon_ms)
        """Workspaces that keep no events."""
        self.horizon_ms = max((space.horizon_ms for space in self.spaces.values()), default=HORIZON_MS)
        """How long the events of some workspace are kept, ms."""

    def apply(self, control: Control, at: int, body_of: BodyOf) -> Catalog:
        """This catalogue after a control record that was appended `at` (ms).

        KeyError: its body is not here yet. Invalid: it does not compile (the control agent lets none through).
        """
        if control.kind in (COUNT, LEVEL, CENSUS):
            return self
        key = (control.workspace, control.kind, control.id)
        self._compile((*key, control.version), body_of)
        version = self._compiled.get((*key, control.version))
        asks = isinstance(version, Journey) and version.looks
        status = after(self._statuses.get(key), control, at, asks)
        for number, _ in status.published:
            self._compile((*key, number), body_of)
        statuses = {**self._statuses, key: status}
        space = placed(self.spaces.get(control.workspace, NOTHING), key, status, control.seq, self._compiled)
        if control.kind not in ("template", SIGNAL):
            space = watching(space)
        return Catalog(statuses, {**self.spaces, control.workspace: space}, self._compiled)

    def entries(self) -> bytes:
        """The statuses, for the lane's own state; bodies are not among them."""
        rows = [(*key, status.row()) for key, status in sorted(self._statuses.items())]
        return msgspec.msgpack.encode({"statuses": rows})

    @classmethod
    def load(cls, entries: bytes, body_of: BodyOf, compiled: dict[Key, Any] | None = None) -> Catalog:
        """The catalogue of `entries`. KeyError: a body is not here yet."""
        rows = msgspec.msgpack.decode(entries, type=dict[str, list[tuple[str, str, str, Status]]])["statuses"]
        catalog = cls({(workspace, kind, id): status for workspace, kind, id, status in rows}, {}, compiled)
        for key, status in catalog._statuses.items():
            for version in {status.live, *(version for version, _ in status.published)}:
                catalog._compile((*key, version), body_of)
            space = catalog.spaces.get(key[0], NOTHING)
            catalog.spaces[key[0]] = placed(space, key, status, status.seq, catalog._compiled)
        spaces = {workspace: watching(space) for workspace, space in catalog.spaces.items()}
        return cls(catalog._statuses, spaces, catalog._compiled)

    def _compile(self, key: Key, body_of: BodyOf) -> None:
        if key[1] not in BODILESS and key not in self._compiled:
            self._compiled[key] = compile(key, body_of(*key))
