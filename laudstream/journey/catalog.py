"""The catalogue of a lane: which definitions there are, and what state they are in (A9).

A snapshot: `apply` gives another one and leaves this one as it is. Compiled forms are kept by (workspace, kind,
id, version) and shared between snapshots, since bodies never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from laudstream.conditions import getter
from laudstream.conditions.tally import EVENT, RUN
from laudstream.journey import subscriptions
from laudstream.journey.control import Control
from laudstream.journey.definition import parse
from laudstream.journey.kinds.place import STATE_ROOTS
from laudstream.journey.live import (
    DELETED,
    DRAINING,
    LIVE,
    NOTHING,
    PAUSED,
    STOPPED,
    LiveJourney,
    Space,
    Status,
    Template,
)
from laudstream.journey.parse_settings import workspace
from laudstream.journey.steps import Journey
from laudstream.messages import forms
from laudstream.segments.definition import parse as segment
from laudstream.segments.watch import Live, made

BodyOf = Callable[[str, str, str, int], dict[str, Any]]
"""(workspace, kind, id, version) -> published body; raises KeyError if it is not here yet."""


WINNER = "winner"
"""Kind of a control record without a body: its status is the arm that has won, its id the experiment (R45)."""

_GONE = (STOPPED, DELETED)

_Key = tuple[str, str, str, int]


class Catalog:
    """Statuses by (workspace, kind, id), and what was made of them."""

    __slots__ = ("_compiled", "_statuses", "counting", "spaces")

    def __init__(
        self,
        statuses: dict[tuple[str, str, str], Status] | None = None,
        spaces: dict[str, Space] | None = None,
        compiled: dict[_Key, Any] | None = None,
    ) -> None:
        self._statuses = statuses or {}
        self.spaces = spaces or {}
        self._compiled: dict[_Key, Any] = {} if compiled is None else compiled
        self.counting = frozenset(workspace for workspace, space in self.spaces.items() if space.watch.events)
        """Workspaces where events are counted."""

    def apply(self, control: Control, at: int, body_of: BodyOf) -> Catalog:
        """This catalogue after a control record that was appended `at` (ms).

        KeyError: its body is not here yet. Invalid: it does not compile (the control agent lets none through).
        """
        key = (control.workspace, control.kind, control.id)
        self._compile((*key, control.version), body_of)
        version = self._compiled.get((*key, control.version))
        asks = isinstance(version, Journey) and version.looks
        status = _after(self._statuses.get(key), control, at, asks)
        for number, _ in status.published:
            self._compile((*key, number), body_of)
        statuses = {**self._statuses, key: status}
        space = self._placed(self.spaces.get(control.workspace, NOTHING), key, status, control.seq)
        if control.kind != "template":
            space = watching(space)
        return Catalog(statuses, {**self.spaces, control.workspace: space}, self._compiled)

    def entries(self) -> bytes:
        """The statuses, for the lane's own state; bodies are not among them."""
        rows = [(*key, status) for key, status in sorted(self._statuses.items())]
        return msgspec.msgpack.encode({"statuses": rows})

    @classmethod
    def load(cls, entries: bytes, body_of: BodyOf, compiled: dict[_Key, Any] | None = None) -> Catalog:
        """The catalogue of `entries`. KeyError: a body is not here yet."""
        rows = msgspec.msgpack.decode(entries, type=dict[str, list[tuple[str, str, str, Status]]])["statuses"]
        catalog = cls({(workspace, kind, id): status for workspace, kind, id, status in rows}, {}, compiled)
        for key, status in catalog._statuses.items():
            for version in {status.live, *(version for version, _ in status.published)}:
                catalog._compile((*key, version), body_of)
            space = catalog.spaces.get(key[0], NOTHING)
            catalog.spaces[key[0]] = catalog._placed(space, key, status, status.seq)
        spaces = {workspace: watching(space) for workspace, space in catalog.spaces.items()}
        return cls(catalog._statuses, spaces, catalog._compiled)

    def _compile(self, key: _Key, body_of: BodyOf) -> None:
        if key[1] != WINNER and key not in self._compiled:
            self._compiled[key] = _COMPILERS[key[1]](key, body_of(*key))

    def _placed(self, space: Space, key: tuple[str, str, str], status: Status, seq: int) -> Space:
        owner, kind, id = key
        if kind == WINNER:
            others = {name: arm for name, arm in space.winners.items() if name != id}
            return replace(space, winners=others if status.status == DELETED else {**others, id: status.status})
        live = self._compiled[(*key, status.live)]
        if kind == "workspace":
            return replace(space, workspace=live, zone_seq=seq)
        if kind == "template":
            pinned = {f"{id}@{version}": self._compiled[(*key, version)] for version, _ in status.published}
            return replace(space, templates={**space.templates, **pinned, id: live})
        if kind == "subscription":
            return replace(space, subscriptions={**space.subscriptions, id: live})
        if kind == "segment":
            segments = {name: other for name, other in space.segments.items() if name != id}
            if status.status not in _GONE:
                segments[id] = Live(live, status.live, seq, dict(status.published).get(status.live, 0))
            return replace(space, segments=segments, segments_seq=max(space.segments_seq, seq))
        versions = {version: self._compiled[(owner, kind, id, version)] for version, _ in status.published}
        journeys = {**space.journeys, id: LiveJourney(id, status, versions)}
        return replace(
            space,
            journeys=journeys,
            entries=_by_event(journeys),
            audiences=_audiences(journeys),
            timed=_timed(journeys),
        )


def watching(space: Space) -> Space:
    """The space with what it watches."""
    versions = [
        (version.needs, dict(journey.status.published).get(number, 0))
        for journey in space.journeys.values()
        for number, version in journey.versions.items()
    ]
    following = [journey.status.seq for journey in space.journeys.values() if _follows(journey)]
    judged = max([space.segments_seq, *following])
    if judged:
        judged = max(judged, space.zone_seq)
    watch = made(space.segments, (each for each in versions if each[0].stateful), judged, space.zone_seq)
    ticking = any(version.timed for journey in space.journeys.values() for version in journey.versions.values())
    return replace(
        space, watch=watch, counted=watch.events, judged=judged, edges=_by_edge(space.journeys), ticking=ticking,
        asks_consents=any(needs.consents for needs, _ in versions),
    )  # fmt: skip


def _follows(journey: LiveJourney) -> bool:
    """Whether it asks for what is to be found out of each customer first."""
    needs = [version.needs for version in journey.versions.values()]
    return any(each.trackers or any(query.kind in (EVENT, RUN) for query in each.queries) for each in needs)


def _audiences(journeys: dict[str, LiveJourney]) -> tuple[LiveJourney, ...]:
    asking = [each for each in journeys.values() if each.status.audience[0] and each.status.status in (LIVE, PAUSED)]
    return tuple(sorted(asking, key=lambda journey: journey.status.audience))


def _timed(journeys: dict[str, LiveJourney]) -> tuple[LiveJourney, ...]:
    found = []
    for journey in journeys.values():
        live = journey.versions.get(journey.status.live)
        schedule = live.audience.schedule if live is not None and live.audience is not None else None
        if live is not None and journey.wakes and (live.dates or (schedule is not None and schedule.by_customer)):
            found.append(journey)
    return tuple(sorted(found, key=lambda journey: journey.id))


def _after(before: Status | None, control: Control, at: int, asks: bool) -> Status:
    """`asks`: the version has entries that each customer is looked at for."""
    status = control.status
    if before is None:
        before = Status(DELETED, control.version)
    published, audience = before.published, before.audience
    if status in (LIVE, PAUSED, DRAINING):
        known = dict(published)
        if control.version not in known or before.status in _GONE:
            known.pop(control.version, None)
            published = (*known.items(), (control.version, at))
            audience = (control.seq, at) if asks else (0, 0)
    if status in (STOPPED, DELETED):
        audience = (0, 0)
    resumed = at if before.status == PAUSED and status in (LIVE, DRAINING) else before.resumed_at
    stopped = at if status in _GONE else before.stopped_at
    live = control.version if status in (LIVE, PAUSED, DRAINING) else before.live
    return Status(status, live, published, resumed, stopped, audience, control.seq)


def _by_event(journeys: dict[str, LiveJourney]) -> dict[str, tuple[LiveJourney, ...]]:
    met: dict[str, list[LiveJourney]] = {}
    for journey in sorted(journeys.values(), key=lambda journey: (_priority(journey), journey.id)):
        if journey.status.status in _GONE:
            continue
        for name in sorted({name for version in journey.versions.values() for name in version.entry_events()}):
            met.setdefault(name, []).append(journey)
    return {name: tuple(found) for name, found in met.items()}


def _by_edge(journeys: dict[str, LiveJourney]) -> dict[tuple[str, str], tuple[LiveJourney, ...]]:
    met: dict[tuple[str, str], list[LiveJourney]] = {}
    for journey in sorted(journeys.values(), key=lambda journey: (_priority(journey), journey.id)):
        if journey.status.status in _GONE:
            continue
        entries = (entry for version in journey.versions.values() for entry in version.segment_entries)
        for edge in sorted({(entry.segment, entry.edge) for entry in entries}):
            met.setdefault(edge, []).append(journey)
    return {edge: tuple(found) for edge, found in met.items()}


def by_priority(journeys: Iterable[LiveJourney]) -> list[LiveJourney]:
    """Each once, by priority, then by id (R21)."""
    return sorted({live.id: live for live in journeys}.values(), key=lambda live: (_priority(live), live.id))


def _priority(journey: LiveJourney) -> int:
    live = journey.versions.get(journey.status.live)
    return live.settings.priority if live is not None else 9


def _template(key: _Key, body: dict[str, Any]) -> Template:
    compiled = forms.compile(body)
    reads: dict[str, dict[str, None]] = {}
    for path in compiled.reads:
        root, _, rest = path.partition(".")
        if root in STATE_ROOTS:
            reads.setdefault(root, {})[rest.partition(".")[0]] = None
    needs = [path for path in compiled.requires if path.partition(".")[0] in STATE_ROOTS and "." in path]
    requires = tuple((path, getter(path, STATE_ROOTS)) for path in needs)
    return Template(key[3], requires, {root: tuple(names) for root, names in reads.items()})


_COMPILERS: dict[str, Callable[[_Key, dict[str, Any]], Any]] = {
    "journey": lambda key, body: parse(body, horizon=None),
    "segment": lambda key, body: segment(body, horizon=None),
    "template": _template,
    "subscription": lambda key, body: subscriptions.parse(body),
    "workspace": lambda key, body: workspace(body),
}
