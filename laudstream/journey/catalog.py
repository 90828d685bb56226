"""The catalogue of a lane: which definitions there are, and what state they are in (A9).

A snapshot: `apply` gives another one and leaves this one as it is. Compiled forms are kept by (workspace, kind,
id, version) and shared between snapshots, since bodies never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from typing import Any

import msgspec
from msgspec.structs import replace

from laudstream.conditions import getter
from laudstream.conditions.tally import EVENT, RUN
from laudstream.customers.row import GROUP
from laudstream.journey import migration, pins, signals, subscriptions
from laudstream.journey.census import CENSUS
from laudstream.journey.control import BODILESS, COUNT, LEVEL, MIGRATION, WINNER, Control
from laudstream.journey.definition import parse
from laudstream.journey.kinds.place import STATE_ROOTS
from laudstream.journey.live import (
    DELETED,
    DRAINING,
    HORIZON_MS,
    LIVE,
    NOTHING,
    PAUSED,
    STOPPED,
    TRIAL,
    WITHDRAWN,
    LiveJourney,
    Signal,
    Space,
    Status,
    Template,
)
from laudstream.journey.parse_settings import workspace
from laudstream.journey.signals import SIGNAL
from laudstream.journey.steps import Journey
from laudstream.messages import forms
from laudstream.segments.definition import parse as segment
from laudstream.segments.watch import Live, made

BodyOf = Callable[[str, str, str, int], dict[str, Any]]
"""(workspace, kind, id, version) -> published body; raises KeyError if it is not here yet."""


_GONE = (STOPPED, DELETED)
DAY_MS = 86_400_000

_Key = tuple[str, str, str, int]


class Catalog:
    """Statuses by (workspace, kind, id), and what was made of them."""

    __slots__ = ("_compiled", "_statuses", "counting", "forgetful", "horizon_ms", "spaces")

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
        after = _signalled if control.kind == SIGNAL else _after
        status = after(self._statuses.get(key), control, at, asks)
        for number, _ in status.published:
            self._compile((*key, number), body_of)
        statuses = {**self._statuses, key: status}
        space = self._placed(self.spaces.get(control.workspace, NOTHING), key, status, control.seq)
        if control.kind not in ("template", SIGNAL):
            space = watching(space)
        return Catalog(statuses, {**self.spaces, control.workspace: space}, self._compiled)

    def entries(self) -> bytes:
        """The statuses, for the lane's own state; bodies are not among them."""
        rows = [(*key, status.row()) for key, status in sorted(self._statuses.items())]
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
        if key[1] not in BODILESS and key not in self._compiled:
            self._compiled[key] = _COMPILERS[key[1]](key, body_of(*key))

    def _placed(self, space: Space, key: tuple[str, str, str], status: Status, seq: int) -> Space:
        owner, kind, id = key
        if kind == WINNER:
            others = {name: arm for name, arm in space.winners.items() if name != id}
            return replace(space, winners=others if status.status == DELETED else {**others, id: status.status})
        if kind == SIGNAL:
            found = [Signal(n, at, id, self._compiled[(*key, n)]) for n, at in status.published]
            return replace(space, signals=_of_a_day([*found, *(each for each in space.signals if each.name != id)]))
        live = self._compiled[(*key, status.live)]
        if kind == "workspace":
            settings = [(at, self._compiled[(*key, version)].zone) for version, at in status.published]
            return replace(space, workspace=live, zone_seq=seq, zones=_changes(settings))
        if kind == "template":
            pinned = {f"{id}@{version}": self._compiled[(*key, version)] for version, _ in status.published}
            return replace(space, templates={**space.templates, **pinned, id: live})
        if kind == "subscription":
            return replace(space, subscriptions={**space.subscriptions, id: live})
        if kind == "segment":
            segments = {name: other for name, other in space.segments.items() if name != id}
            if status.status not in _GONE:
                segments[id] = Live(live, status.live, seq, dict(status.published).get(status.live, 0))
            pinnable = {name: each for name, each in space.segment_versions.items() if pins.base_of(name) != id}
            for version, since in status.published if status.status not in _GONE else ():
                name, each = pins.pinned(self._compiled[(owner, kind, id, version)], version)
                pinnable[name] = each, since
            return replace(
                space, segments=segments, segment_versions=pinnable, segments_seq=max(space.segments_seq, seq)
            )
        before = space.journeys.get(id)
        if kind == MIGRATION:
            if before is None:
                return space
            made = tuple(replace(self._compiled[(*key, number)], at=at) for number, at in status.published)
            journey = replace(before, migrations=made)
        else:
            versions = {version: self._compiled[(owner, kind, id, version)] for version, _ in status.published}
            journey = LiveJourney(id, status, versions, migrations=before.migrations if before is not None else ())
        journeys = {**space.journeys, id: journey}
        return replace(
            space,
            migrated_at=max(space.migrated_at, journey.migrated_at),
            journeys=journeys,
            entries=_by_event(journeys),
            audiences=_audiences(journeys),
            timed=_timed(journeys),
            listeners=_listeners(journeys),
        )


def watching(space: Space) -> Space:
    """The space with what it watches."""
    versions = [
        (version.needs, dict(journey.status.published).get(number, 0))
        for journey in space.journeys.values()
        for number, version in journey.versions.items()
    ]
    pinned = pins.pins(space)
    following = [journey.status.seq for journey in space.journeys.values() if _follows(journey)]
    following += [live.seq for live in pinned.values()]
    judged = max([space.segments_seq, *following])
    if judged:
        judged = max(judged, space.zone_seq)
    watch = made({**space.segments, **pinned}, (each for each in versions if each[0].stateful), judged, space.zone_seq)
    ticking = any(version.timed for journey in space.journeys.values() for version in journey.versions.values())
    return replace(
        space, watch=watch, counted=watch.events, judged=judged, edges=_by_edge(space.journeys), ticking=ticking,
        asks_consents=any(needs.consents for needs, _ in versions), rezoned_at=_rezoned_at(space),
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
    if status in (TRIAL, WITHDRAWN):
        return _beside(before, control, at)
    if status in (LIVE, PAUSED, DRAINING):
        known = dict(published)
        if control.version not in known or before.status in _GONE:
            known.pop(control.version, None)
            published = (*known.items(), (control.version, at))
            audience = (control.seq, at) if asks else (0, 0)
        elif control.kind == "journey" and control.version != before.live:  # it was beside the live one, and takes over
            known.pop(control.version)
            published = (*known.items(), (control.version, at))
    if status in (STOPPED, DELETED):
        audience = (0, 0)
    resumed = at if before.status == PAUSED and status in (LIVE, DRAINING) else before.resumed_at
    stopped = at if status in _GONE else before.stopped_at
    live = control.version if status in (LIVE, PAUSED, DRAINING) else before.live
    trial = before.trial if live == before.live and status not in _GONE else (0, 0, 0)
    return Status(status, live, published, resumed, stopped, audience, control.seq, trial)


def _beside(before: Status, control: Control, at: int) -> Status:
    """A version begins to take a share of those who enter, or takes another one; or it was withdrawn."""
    version, since = control.version, before.trial[2] if before.trial[0] == control.version else at
    known = dict(before.published)
    published = before.published if version in known else ((version, at), *before.published)
    trial = (version, control.share, since) if control.status == TRIAL else (0, 0, 0)
    return replace(before, published=published, seq=control.seq, trial=trial)


def _signalled(before: Status | None, control: Control, at: int, asks: bool) -> Status:
    """Those of the last day are kept."""
    known = before.published if before is not None else ()
    young = tuple((number, then) for number, then in known if then > at - DAY_MS and number != control.version)
    return Status(LIVE, control.version, (*young, (control.version, at)), seq=control.seq)


def _of_a_day(signals: list[Signal]) -> tuple[Signal, ...]:
    newest = max(each.at for each in signals)
    return tuple(sorted((each for each in signals if each.at > newest - DAY_MS), key=lambda each: each.number))


def _rezoned_at(space: Space) -> int:
    published = [at for journey in space.journeys.values() for _, at in journey.status.published]
    changed = space.zones[-1][0] if space.zones else 0
    return changed if published and min(published) < changed else 0


def _changes(zones: list[tuple[int, tzinfo]]) -> tuple[tuple[int, tzinfo], ...]:
    """Those that are another one than before; UTC where nothing is said."""
    found: list[tuple[int, tzinfo]] = []
    for at, zone in zones:
        if zone != (found[-1][1] if found else UTC):
            found.append((at, zone))
    return tuple(found)


def _listeners(journeys: dict[str, LiveJourney]) -> dict[str, tuple[LiveJourney, ...]]:
    met: dict[str, list[LiveJourney]] = {}
    for journey in by_priority(journeys.values()):
        if journey.status.status not in _GONE:
            audiences = (version.audience for version in journey.versions.values())
            for name in sorted({each.signal for each in audiences if each is not None and each.signal}):
                met.setdefault(name, []).append(journey)
    return {name: tuple(found) for name, found in met.items()}


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


_TEMPLATE_ROOTS = (*STATE_ROOTS, GROUP)


def _template(key: _Key, body: dict[str, Any]) -> Template:
    compiled = forms.compile(body)
    reads: dict[str, dict[str, None]] = {}
    for path in compiled.reads:
        root, _, rest = path.partition(".")
        if root in _TEMPLATE_ROOTS:
            reads.setdefault(root, {})[rest.partition(".")[0]] = None
    needs = [path for path in compiled.requires if path.partition(".")[0] in _TEMPLATE_ROOTS and "." in path]
    requires = tuple((path, getter(path, STATE_ROOTS)) for path in needs)
    return Template(key[3], requires, {root: tuple(names) for root, names in reads.items()})


_COMPILERS: dict[str, Callable[[_Key, dict[str, Any]], Any]] = {
    "journey": lambda key, body: parse(body, horizon=None),
    "segment": lambda key, body: segment(body, horizon=None),
    "template": _template,
    "subscription": lambda key, body: subscriptions.parse(body),
    "workspace": lambda key, body: workspace(body),
    MIGRATION: lambda key, body: migration.parse(key[3], body),
    SIGNAL: lambda key, body: signals.parse(body),
}
