"""The catalogue of a lane: which definitions there are, and what state they are in (A9).

A snapshot: `apply` gives another one and leaves this one as it is. Compiled forms are kept by (workspace, kind,
id, version) and shared between snapshots, since bodies never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from typing import Any

import msgspec
from msgspec.structs import force_setattr, replace

from laudstream.conditions import Get, getter
from laudstream.conditions.tally import RUN, Query
from laudstream.journey.control import Control
from laudstream.journey.definition import parse
from laudstream.journey.durations import zone_of
from laudstream.journey.parse_steps import STATE_ROOTS
from laudstream.journey.steps import Journey
from laudstream.messages import template as templates
from laudstream.segments.definition import parse as segment
from laudstream.segments.watch import EMPTY, Live, Watch, made

LIVE, PAUSED, DRAINING, STOPPED, DELETED = "live", "paused", "draining", "stopped", "deleted"

FOREVER = 1 << 62

BodyOf = Callable[[str, str, str, int], dict[str, Any]]
"""(workspace, kind, id, version) -> published body; raises KeyError if it is not here yet."""


class Status(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a lane keeps of a definition, besides its body."""

    status: str
    live: int
    """Version that takes entries."""
    published: tuple[tuple[int, int], ...] = ()
    """(version, ms since when it takes entries), in the order of publishing."""
    resumed_at: int = 0
    """ms; timers that were due in a pause count from here (R49)."""
    stopped_at: int = 0
    """ms; runs that entered before are ended (R7)."""
    audience: tuple[int, int] = (0, 0)
    """(control record, ms) that its present customers enter by (R36); zeros: it asks for none."""
    seq: int = 0
    """Control record of its last change."""


class LiveJourney(msgspec.Struct, frozen=True, gc=False):
    id: str
    status: Status
    versions: dict[int, Journey]
    moves: bool = False
    """Whether its runs take steps."""
    ended_before: int = 0
    """ms; a stop has ended the runs that entered earlier."""

    def __post_init__(self) -> None:
        status = self.status
        force_setattr(self, "moves", status.status in (LIVE, DRAINING))
        force_setattr(self, "ended_before", FOREVER if status.status in (STOPPED, DELETED) else status.stopped_at)

    def ended(self, entered_at: int) -> bool:
        """Whether a stop has ended a run that entered at that time (ms)."""
        return entered_at < self.ended_before

    def taking(self, now: int) -> int:
        """The version that takes entries at `now` (ms): the last one published by then (A5); 0: none."""
        for version, since in reversed(self.status.published):
            if since <= now:
                return version
        return 0


class Template(msgspec.Struct, frozen=True, gc=False):
    version: int
    requires: tuple[tuple[str, Get | None], ...]
    """Paths that must have a value; None: a path that nothing supplies."""
    reads: dict[str, tuple[str, ...]]
    """customer, entry, steps -> names below it that travel in the send request; "" means all."""


class Space(msgspec.Struct, frozen=True, gc=False):
    """The definitions of one workspace."""

    zone: tzinfo = UTC
    journeys: dict[str, LiveJourney] = {}
    templates: dict[str, Template] = {}
    entries: dict[str, tuple[LiveJourney, ...]] = {}
    """Event -> journeys that it may enter, by priority, then by id (R21)."""
    audiences: tuple[LiveJourney, ...] = ()
    """Journeys that all present customers are looked at for, in the order of publishing."""
    segments: dict[str, Live] = {}
    watch: Watch = EMPTY
    counted: dict[str, tuple[Query, ...]] = {}
    """Event -> the tallies that it adds to."""
    judged: int = 0
    """Control record of the last change that customers are looked at for: of a segment, of a journey that asks for the
    instants of changes, of the zone."""
    segments_seq: int = 0
    """Control record of the last change of a segment."""
    zone_seq: int = 0
    """Control record of the workspace's zone."""
    edges: dict[tuple[str, str], tuple[LiveJourney, ...]] = {}
    """(segment, enter or leave) -> journeys that it may enter, by priority, then by id (R35)."""
    asks_consents: bool = False
    """Whether a condition of a journey asks for a consent."""
    timed: bool = False
    """Whether time alone can move a run by a condition."""

    def zone_of(self, attributes: dict[str, Any]) -> tzinfo:
        """The customer's zone, else the workspace's."""
        name = attributes.get("timezone")
        return zone_of(name, self.zone) if name else self.zone


NOTHING = Space()
_GONE = (STOPPED, DELETED)

_Key = tuple[str, str, str, int]


class Catalog:
    """Statuses by (workspace, kind, id), and what was made of them."""

    __slots__ = ("_compiled", "_statuses", "spaces")

    def __init__(
        self,
        statuses: dict[tuple[str, str, str], Status] | None = None,
        spaces: dict[str, Space] | None = None,
        compiled: dict[_Key, Any] | None = None,
    ) -> None:
        self._statuses = statuses or {}
        self.spaces = spaces or {}
        self._compiled: dict[_Key, Any] = {} if compiled is None else compiled

    def apply(self, control: Control, at: int, body_of: BodyOf) -> Catalog:
        """This catalogue after a control record that was appended `at` (ms).

        KeyError: its body is not here yet. Invalid: it does not compile (the control agent lets none through).
        """
        key = (control.workspace, control.kind, control.id)
        self._compile((*key, control.version), body_of)
        version = self._compiled[(*key, control.version)]
        asks = isinstance(version, Journey) and version.audience is not None
        status = _after(self._statuses.get(key), control, at, asks)
        for version, _ in status.published:
            self._compile((*key, version), body_of)
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
        catalog.spaces = {workspace: watching(space) for workspace, space in catalog.spaces.items()}
        return catalog

    def _compile(self, key: _Key, body_of: BodyOf) -> None:
        if key not in self._compiled:
            self._compiled[key] = _COMPILERS[key[1]](key, body_of(*key))

    def _placed(self, space: Space, key: tuple[str, str, str], status: Status, seq: int) -> Space:
        workspace, kind, id = key
        live = self._compiled[(*key, status.live)]
        if kind == "workspace":
            return replace(space, zone=live, zone_seq=seq)
        if kind == "template":
            return replace(space, templates={**space.templates, id: live})
        if kind == "segment":
            segments = {name: other for name, other in space.segments.items() if name != id}
            if status.status not in _GONE:
                segments[id] = Live(live, status.live, seq, dict(status.published).get(status.live, 0))
            return replace(space, segments=segments, segments_seq=max(space.segments_seq, seq))
        versions = {version: self._compiled[(workspace, kind, id, version)] for version, _ in status.published}
        journeys = {**space.journeys, id: LiveJourney(id, status, versions)}
        return replace(space, journeys=journeys, entries=_by_event(journeys), audiences=_audiences(journeys))


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
    timed = any(version.timed for journey in space.journeys.values() for version in journey.versions.values())
    return replace(
        space, watch=watch, counted=watch.events, judged=judged, edges=_by_edge(space.journeys), timed=timed,
        asks_consents=any(needs.consents for needs, _ in versions),
    )  # fmt: skip


def _follows(journey: LiveJourney) -> bool:
    """Whether it asks for what is to be found out of each customer first."""
    needs = [version.needs for version in journey.versions.values()]
    return any(each.trackers or any(query.kind == RUN for query in each.queries) for each in needs)


def _audiences(journeys: dict[str, LiveJourney]) -> tuple[LiveJourney, ...]:
    asking = [journey for journey in journeys.values() if journey.status.audience[0]]
    return tuple(sorted(asking, key=lambda journey: journey.status.audience))


def _after(before: Status | None, control: Control, at: int, asks: bool) -> Status:
    """`asks`: the version has an audience."""
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
    if status not in (LIVE, PAUSED):
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
    compiled = templates.compile(body)
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
    "workspace": lambda key, body: zone_of(body.get("time_zone")),
}
