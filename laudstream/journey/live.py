"""The definitions as a lane looks at them: what is live in a workspace, and in what state."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any

import msgspec
from msgspec.structs import astuple, force_setattr

from laudstream.conditions import Get
from laudstream.conditions.tally import Query
from laudstream.journey.durations import zone_of
from laudstream.journey.migration import Migration
from laudstream.journey.steps import Cap, Journey, QuietHours
from laudstream.segments.definition import Segment
from laudstream.segments.watch import EMPTY, Live, Watch

LIVE, PAUSED, DRAINING, STOPPED, DELETED = "live", "paused", "draining", "stopped", "deleted"
TRIAL, WITHDRAWN = "trial", "withdrawn"
"""What a version beside the live one becomes; the journey keeps its status."""
GONE = (STOPPED, DELETED)

FOREVER = 1 << 62
SPREAD_MS = 10 * 60_000
"""Mass releases are spread over this where a workspace says nothing else (A8)."""


HORIZON_MS = 90 * 86_400_000
"""Events are kept for so long where a workspace says nothing else (R58)."""


class Status(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a lane keeps of a definition, besides its body."""

    status: str
    live: int
    """Version that takes entries."""
    published: tuple[tuple[int, int], ...] = ()
    """(version, ms since when it takes entries), in the order of publishing; those that never took all of them come
    first."""
    resumed_at: int = 0
    """ms; timers that were due in a pause count from here (R49)."""
    stopped_at: int = 0
    """ms; runs that entered before are ended (R7)."""
    audience: tuple[int, int] = (0, 0)
    """(control record, ms) of the publishing that each customer is looked at for, once: it enters an audience, or is
    armed for entries on time (R33, R36). No control record: it asks for no look."""
    seq: int = 0
    """Control record of its last change."""
    trial: tuple[int, int, int] = (0, 0, 0)
    """(version, share in 1/10,000, ms since when) of the version beside the live one; 0: there is none."""

    def row(self) -> tuple[Any, ...]:
        """As it is kept: a trial that there is not is left out, so that the bytes are those of the releases before."""
        fields = astuple(self)
        return fields if self.trial[0] else fields[:-1]


class LiveJourney(msgspec.Struct, frozen=True, gc=False):
    id: str
    status: Status
    versions: dict[int, Journey]
    moves: bool = False
    """Whether its runs take steps."""
    ended_before: int = 0
    """ms; a stop has ended the runs that entered earlier."""
    wakes: bool = False
    """Whether alarms of its entries fire; in a pause they do, and are refused (R49, R59)."""
    looks_at_all: bool = False
    """Whether it looks at customers that came after its publishing too."""
    migrations: tuple[Migration, ...] = ()
    """All of them, in order: whoever was not looked at for some of them yet goes through each (R48)."""
    migrated_at: int = 0
    """ms; when the last of them came. Runs that entered later are none of its."""

    def __post_init__(self) -> None:
        status = self.status
        force_setattr(self, "moves", status.status in (LIVE, DRAINING))
        force_setattr(self, "wakes", status.status in (LIVE, PAUSED, DRAINING))
        live = self.versions.get(status.live)
        force_setattr(self, "looks_at_all", live is not None and live.looks_at_all)
        force_setattr(self, "migrated_at", max((each.at for each in self.migrations), default=0))
        force_setattr(self, "ended_before", FOREVER if status.status in GONE else status.stopped_at)

    def ended(self, entered_at: int) -> bool:
        """Whether a stop has ended a run that entered at that time (ms)."""
        return entered_at < self.ended_before

    def taking(self, now: int) -> int:
        """The version that takes entries at `now` (ms): the last one published by then (A5); 0: none. What was there
        before a stop takes nobody any more (R7)."""
        published = self.status.published
        if published and published[-1][1] <= now:  # by far the most
            return published[-1][0]
        for version, since in reversed(published):
            if since < self.status.stopped_at:
                break
            if since <= now:
                return version
        return 0


class Template(msgspec.Struct, frozen=True, gc=False):
    version: int
    requires: tuple[tuple[str, Get | None], ...]
    """Paths that must have a value; None: a path that nothing supplies."""
    reads: dict[str, tuple[str, ...]]
    """customer, entry, steps -> names below it that travel in the send request; "" means all."""


class Workspace(msgspec.Struct, frozen=True, gc=False):
    """What a workspace says for all its journeys."""

    zone: tzinfo = UTC
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()
    release_spread: int = SPREAD_MS
    """ms over which mass releases are spread (A8)."""
    holdout: int = 0
    """In 1/10,000 of the customers: the global holdout (R46)."""
    horizon_ms: int = HORIZON_MS
    """How long events are kept, ms; 0: not at all (R58)."""


class Subscription(msgspec.Struct, frozen=True, gc=False):
    """What a customer consents to (R12)."""

    id: str
    name: str
    channel: str
    implied: bool
    """`opt_in: implied`: who has said nothing gets marketing too."""


class Signal(msgspec.Struct, frozen=True, gc=False):
    """An event that belongs to no customer (R34)."""

    number: int
    """In the workspace: 1, 2, 3, …"""
    at: int
    """When it stood in the log, ms."""
    name: str
    properties: dict[str, Any]


class Space(msgspec.Struct, frozen=True, gc=False):
    """The definitions of one workspace."""

    workspace: Workspace = Workspace()
    journeys: dict[str, LiveJourney] = {}
    templates: dict[str, Template] = {}
    """The live ones by id, and every version by id@version (R48)."""
    entries: dict[str, tuple[LiveJourney, ...]] = {}
    """Event -> journeys that it may enter, by priority, then by id (R21)."""
    audiences: tuple[LiveJourney, ...] = ()
    """Journeys that ask for a look at each customer, in the order of publishing."""
    timed: tuple[LiveJourney, ...] = ()
    """Journeys with entries that go by an attribute: by a date, or by the zone of the customer."""
    segments: dict[str, Live] = {}
    segment_versions: dict[str, tuple[Segment, int]] = {}
    """name@version -> what it says under that name, and when it was published (ms): those that may be pinned (R48)."""
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
    ticking: bool = False
    """Whether time alone can move a run by a condition."""
    subscriptions: dict[str, Subscription] = {}
    winners: dict[str, str] = {}
    """experiment -> arm that has won (R45)."""
    migrated_at: int = 0
    """ms; when the last migration of any journey came: sweeps wait until lane time is there (R48)."""
    zones: tuple[tuple[int, tzinfo], ...] = ()
    """(ms, zone): when the workspace's zone became another one."""
    rezoned_at: int = 0
    """When it changed last while there were journeys, ms; 0: never."""
    signals: tuple[Signal, ...] = ()
    """Those of the last day, by number."""
    listeners: dict[str, tuple[LiveJourney, ...]] = {}
    """Signal -> journeys that it may enter, by priority, then by id (R21)."""
    settled: bool = True
    """Nothing of what customers are settled with, sooner or later, is there: no audience, migration, signal or zone."""

    def __post_init__(self) -> None:
        settled = not (self.audiences or self.migrated_at or self.signals or self.rezoned_at)
        force_setattr(self, "settled", settled)

    def zone_on(self, at: int) -> tzinfo:
        """The workspace's zone at that time (ms)."""
        found: tzinfo = UTC
        for since, zone in self.zones:
            if since <= at:
                found = zone
        return found

    @property
    def horizon_ms(self) -> int:
        """How long events are kept, ms; 0: not at all."""
        return self.workspace.horizon_ms

    def zone_of(self, attributes: dict[str, Any]) -> tzinfo:
        """The customer's zone, else the workspace's."""
        name = attributes.get("timezone")
        return zone_of(name, self.workspace.zone) if name else self.workspace.zone


NOTHING = Space()
