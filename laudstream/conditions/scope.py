"""What conditions may look at, and how paths read it.

A path begins with customer, group, entry, event or steps.<id>.event; a missing value is null (R25).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any, Protocol

from laudstream.conditions.tally import Tally


class State(Protocol):
    """What is known of a customer besides attributes and the input: a `Work`, or `Facts`."""

    @property
    def workspace(self) -> str: ...
    @property
    def now(self) -> int:
        """Lane time, ms."""

    @property
    def tallies(self) -> Mapping[str, Tally]: ...
    @property
    def consents(self) -> Mapping[str, tuple[str, int]]:
        """channel/subscription -> (status, revision)."""

    @property
    def memberships(self) -> Mapping[str, int]:
        """Segments that the customer is in -> since when, ms."""

    def zone_at(self, place: Any) -> tzinfo:
        """The zone for local times; `place`: the run that asks, or None."""

    def active_in(self, journey: str) -> bool:
        """Whether a run of that journey is under way."""

    def segment_version(self, segment: str) -> int:
        """Its live version; 0: there is none."""


class Facts:
    """A `State` of plain values."""

    __slots__ = ("consents", "journeys", "memberships", "now", "tallies", "versions", "workspace", "zone")

    def __init__(
        self,
        now: int = 0,
        zone: tzinfo = UTC,
        tallies: Mapping[str, Tally] | None = None,
        consents: Mapping[str, tuple[str, int]] | None = None,
        memberships: Mapping[str, int] | None = None,
        journeys: frozenset[str] = frozenset(),
        versions: Mapping[str, int] | None = None,
        workspace: str = "",
    ) -> None:
        self.now = now
        self.zone = zone
        self.tallies = tallies or {}
        self.consents = consents or {}
        self.memberships = memberships or {}
        self.journeys = journeys
        self.versions = versions or {}
        self.workspace = workspace

    def zone_at(self, place: Any) -> tzinfo:
        return self.zone

    def active_in(self, journey: str) -> bool:
        return journey in self.journeys

    def segment_version(self, segment: str) -> int:
        return self.versions.get(segment, 0)


NO_FACTS = Facts()


class Packed(Protocol):
    """Properties that are decoded when they are first read."""

    @property
    def properties(self) -> dict[str, Any]: ...


class Scope:
    """What one condition looks at. `entry`, `event` and `steps` are those of a run, where there is one."""

    __slots__ = ("_entry", "attributes", "event", "facts", "id", "place", "steps")

    def __init__(
        self,
        id: str,
        attributes: dict[str, Any],
        entry: dict[str, Any] | Packed,
        event: dict[str, Any] | None = None,
        steps: dict[str, dict[str, Any]] | None = None,
        facts: State = NO_FACTS,
        place: Any = None,
    ) -> None:
        self.id = id
        self.attributes = attributes
        self._entry = entry
        self.event = event
        self.steps = steps
        self.facts = facts
        self.place = place

    @property
    def entry(self) -> dict[str, Any]:
        entry = self._entry
        if not isinstance(entry, dict):
            entry = self._entry = entry.properties
        return entry

    @property
    def now(self) -> int:
        return self.facts.now

    @property
    def zone(self) -> tzinfo:
        return self.facts.zone_at(self.place)


Get = Callable[[Scope], Any]


def deep(found: Any, names: tuple[str, ...]) -> Any:
    """The value below `found`; None where there is none."""
    for name in names:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def way(path: str, roots: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """(base, names below it) of a path below one of `roots`; None if it is none. Who may read `customer` may read
    `group`, which is an attribute of the row (A18). The base is an attribute of Scope."""
    root, *rest = path.split(".")
    if not rest or not all(rest):
        return None
    if root == "group" and "customer" in roots:
        return "attributes", ("group", *rest)
    if root not in roots:
        return None
    if root == "customer":
        return ("id", ()) if rest == ["id"] else ("attributes", tuple(rest))
    if root == "steps":
        return ("steps", tuple(rest)) if rest[1:] == ["events"] or (len(rest) > 2 and rest[1] == "event") else None
    return (root, tuple(rest)) if root in ("entry", "event") else None


def getter(path: str, roots: tuple[str, ...]) -> Get | None:
    """Reads `path` in a scope; None if it is no path below one of `roots`."""
    found = way(path, roots)
    if found is None:
        return None
    base, names = found
    if base == "id":
        return lambda scope: scope.id
    if len(names) == 1 and base == "attributes":
        name = names[0]
        return lambda scope: scope.attributes.get(name)
    return lambda scope: deep(getattr(scope, base), names)
