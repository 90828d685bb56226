"""The parts of a version, ready to run: events that are listened to, entries, exit rules and steps."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import force_setattr

from laudstream.conditions import Condition
from laudstream.conditions.needs import NONE, Needs
from laudstream.journey.durations import Duration


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


class Audience(msgspec.Struct, frozen=True, gc=False):
    """An entry of all customers that there are when the journey is published (R36)."""

    where: Condition | None
    reentry: str
    after: Duration | None
    restart: bool


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


class MessageStep(msgspec.Struct, frozen=True, gc=False, tag="message"):
    channel: str
    template: str
    message_class: str
    sent: str
    """Step that follows `sent`."""
    refused: str
    """Step that follows `refused`; empty: the run does not wait for the delivery (R38)."""
    expires_after: Duration | None = None
    exit_on_refusal: bool = False
    defer: bool | None = None
    """None: quiet hours are waited for, caps are not."""
    tags: tuple[str, ...] = ()


class DelayStep(msgspec.Struct, frozen=True, gc=False, tag="delay"):
    duration: Duration
    next: str


class WaitBranch(msgspec.Struct, frozen=True, gc=False):
    name: str
    next: str
    on: On | None = None
    count: int = 1
    condition: Condition | None = None


class WaitStep(msgspec.Struct, frozen=True, gc=False, tag="wait"):
    branches: tuple[WaitBranch, ...]
    after: Duration | None
    timeout: str
    """Step that follows the timeout; empty: it waits for ever."""
    counts: dict[str, tuple[int, int]] = {}
    """Event -> (branch, how many it needs), where nothing but their number decides."""

    def __post_init__(self) -> None:
        force_setattr(self, "counts", _counts(self.branches))


def _counts(branches: tuple[WaitBranch, ...]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    unclear: set[str] = set()
    for index, branch in enumerate(branches):
        on = branch.on
        if on is None:
            return {}
        whole_days = on.max_age is None or bool(on.max_age.days)
        if on.name in found or branch.count < 2 or on.where is not None or on.key or on.any_key or not whole_days:
            unclear.add(on.name)
        found[on.name] = index, branch.count
    return {name: each for name, each in found.items() if name not in unclear}


class SplitBranch(msgspec.Struct, frozen=True, gc=False):
    name: str
    next: str
    condition: Condition


class SplitStep(msgspec.Struct, frozen=True, gc=False, tag="split"):
    branches: tuple[SplitBranch, ...]
    otherwise: str


class ExperimentStep(msgspec.Struct, frozen=True, gc=False, tag="experiment"):
    id: str
    arms: tuple[tuple[str, int], ...]
    """(arm, share in 1/10,000)."""
    next: dict[str, str]


class ExitStep(msgspec.Struct, frozen=True, gc=False, tag="exit"):
    outcome: str


Step = MessageStep | DelayStep | WaitStep | SplitStep | ExperimentStep | ExitStep


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
    tags: tuple[str, ...] = ()


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
    segment_entries: tuple[SegmentEntry, ...] = ()
    timed: frozenset[str] = frozenset()
    """Steps at which time alone can move a run by a condition."""
    needs: Needs = NONE
    """What its conditions depend on."""

    def listens(self, step: str, event: str) -> bool:
        """Whether an event can move a run at a step; true for a step that is not there, so that its run is parked."""
        heard = self.hears.get(step)
        return heard is None or event in heard

    def entry_events(self) -> frozenset[str]:
        return frozenset(entry.on.name for entry in self.entries)
