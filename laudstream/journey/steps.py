"""The parts of a version, ready to run: events that are listened to, entries, exit rules and steps."""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.conditions import Condition, Get
from laudstream.conditions.needs import NONE, Needs
from laudstream.journey.durations import Duration
from laudstream.journey.occurrences import Dates, Schedule
from laudstream.journey.windows import Window

CHANNELS = ("email", "webhook")
PLANNED_CHANNELS = ("sms", "push", "slack", "in_app")
ALL_CHANNELS = (*CHANNELS, *PLANNED_CHANNELS)
"""Those that a customer may consent to."""
ACTIONS = ("webhook", "slack")
"""Channels whose messages reach no customer, unless a step says so (R43)."""
CLASSES = ("marketing", "transactional")


class On(msgspec.Struct, frozen=True, gc=False):
    """An event that is listened to."""

    name: str
    key: str = ""
    """Property that must equal the run's key; empty: the one of the entry (R24)."""
    any_key: bool = False
    max_age: Duration | None = None
    """None: any age will do (R26)."""
    where: Condition | None = None


class Entry(msgspec.Struct, frozen=True, gc=False):
    on: On
    reentry: str
    """never, always or after."""
    after: Duration | None
    restart: bool
    api: bool = False
    """By a call that names the journey, not by `on`'s event (R52)."""


class DateEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry at a date of the customer (R33)."""

    path: tuple[str, ...]
    """Of the attribute."""
    dates: Dates
    keep: bool
    """Whether a run stays when the date that started it changes."""
    where: Condition | None
    reentry: str
    after: Duration | None
    restart: bool


class Audience(msgspec.Struct, frozen=True, gc=False):
    """An entry of all customers that meet a condition: as soon as the journey is published, or on time (R36)."""

    where: Condition | None
    reentry: str
    after: Duration | None
    restart: bool
    of: str = "present"
    """present, future or both: customers that there were when the journey was published, later ones, or all."""
    schedule: Schedule | None = None
    """None: as soon as they are looked at."""
    catch_up: Duration = Duration("PT1H", ms=3_600_000)
    """How late an occurrence is made up at most."""
    signal: str = ""
    """It is taken whenever this signal comes (R34)."""


class SegmentEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry on a change of a segment (R35)."""

    segment: str
    edge: str
    """enter or leave."""
    where: Condition | None
    reentry: str
    after: Duration | None
    restart: bool


class Exit(msgspec.Struct, frozen=True, gc=False):
    """An exit rule: on an event, as soon as a condition holds, or on leaving a segment (R6)."""

    outcome: str
    on: On | None = None
    condition: Condition | None = None
    leaves: str = ""
    """Segment."""


class Goal(msgspec.Struct, frozen=True, gc=False):
    """What a run is for: an event, or a condition that comes to hold (R47)."""

    within: Duration
    on: On | None = None
    condition: Condition | None = None
    value: str = ""
    """Property of the event that is summed up."""
    ends: bool = False
    """The run ends with the outcome `goal`."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """What became of a message of the run."""

    kind: str
    of: tuple[str, ...] = ()
    """Steps; empty: any message of the run."""
    link: str = ""
    machine: bool = False
    """Opens and clicks of machines count too (R56)."""


class WaitBranch(msgspec.Struct, frozen=True, gc=False):
    """One way out of a wait: for one thing."""

    name: str
    next: str
    on: On | None = None
    count: int = 1
    condition: Condition | None = None
    all_of: tuple[On, ...] = ()
    told: Told | None = None
    changed: tuple[str, Get] | None = None
    """(path, what it reads)."""


class Keeps(msgspec.Struct, frozen=True, gc=False):
    """What runs of a version keep for waits that look back (R27)."""

    events: frozenset[str]
    deliveries: bool
    changes: tuple[tuple[str, Get], ...]
    spans: tuple[Duration, ...]
    """What any of them reaches: which one is the longest depends on the month. Empty: from the entry on."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """A step of any kind; see `laudstream.journey.kinds`."""


class Cap(msgspec.Struct, frozen=True, gc=False):
    """At most `limit` messages in a rolling `within`, or in each calendar `each` (R10)."""

    limit: int
    within: Duration | None = None
    each: str = ""
    """day, week or month in the customer's zone."""
    channel: str = ""
    tag: str = ""
    counts_all: bool = False
    """Counts transactional messages too (R42)."""


class QuietHours(msgspec.Struct, frozen=True, gc=False):
    """Minutes of the local day; `start` > `end` spans midnight."""

    start: int
    end: int


NEVER_QUIET = QuietHours(0, 0)


class Defer(msgspec.Struct, frozen=True, gc=False):
    """Whether a message that these refuse is put off (R38)."""

    quiet_hours: bool = True
    """Windows too."""
    caps: bool = False


class Pace(msgspec.Struct, frozen=True, gc=False):
    """At most so many messages of a journey in each minute or hour of the clock (A11)."""

    limit: int
    period: int
    """ms."""


class Settings(msgspec.Struct, frozen=True, gc=False):
    message_class: str = "marketing"
    priority: int = 5
    """1 comes first, 9 last."""
    holdout: int = 0
    """In 1/10,000 of the customers."""
    time_zone: str = ""
    starts_at: int = 0
    ends_at: int = 0
    """ms; 0: open."""
    caps: tuple[Cap, ...] = ()
    quiet_hours: QuietHours | None = None
    """None: the workspace's; NEVER_QUIET: none at all."""
    tags: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    """Messages go only while one of them is open; empty: at any time."""
    defer: Defer = Defer()
    defer_at_most: Duration | None = None
    """None: P3D."""
    release_spread: int | None = None
    """ms; None: the workspace's (A8)."""
    pace: Pace | None = None


class Journey(msgspec.Struct, frozen=True, gc=False):
    """One version of a journey, compiled."""

    id: str
    name: str
    start: str
    steps: dict[str, Step]
    entries: tuple[Entry, ...]
    exits: tuple[Exit, ...]
    settings: Settings
    hears: dict[str, frozenset[str]]
    """Step -> names of the events that can move a run there: exit rules, and the branches of a wait."""
    levels: frozenset[str]
    """Steps at which a change of attributes can move a run."""
    body: dict[str, Any] = {}
    max_entries: int = 0
    """Places of the journey, over all its versions; 0: as many as come (R18)."""
    audience: Audience | None = None
    reads: dict[str, frozenset[str]] = {}
    """Step -> attributes that the instant depends on until which runs rest there (R31)."""
    keeps: Keeps | None = None
    goal: Goal | None = None
    dates: tuple[DateEntry, ...] = ()
    segment_entries: tuple[SegmentEntry, ...] = ()
    timed: frozenset[str] = frozenset()
    """Steps at which time alone can move a run by a condition."""
    needs: Needs = NONE
    """What its conditions depend on."""
    migrate: dict[str, str] = {}
    """Step of another version -> step of this one, exit or stay (R48)."""
    per_occurrence: bool = False
    """Each occurrence of its audience has `max_entries` places of its own (R18)."""
    heeds: bool = False
    """Whether one of its waits waits for what becomes of a message."""

    @property
    def looks(self) -> bool:
        """Whether each customer is to be looked at when it is published (A10)."""
        return (self.audience is not None and not self.audience.signal) or bool(self.dates)

    @property
    def looks_at_all(self) -> bool:
        """Whether these are also customers that come later."""
        audience = self.audience if self.audience is not None and not self.audience.signal else None
        return bool(self.dates) or (audience is not None and audience.of != "present")

    def listens(self, step: str, event: str) -> bool:
        """Whether an event can move a run at a step; true for a step that is not there, so that its run is parked."""
        heard = self.hears.get(step)
        return heard is None or event in heard

    def entry_events(self) -> frozenset[str]:
        return frozenset(entry.on.name for entry in self.entries if not entry.api)
