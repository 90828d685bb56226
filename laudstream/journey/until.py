"""Instants that a run waits for: a date of the customer, the entry or a step; a local time; a weekday; a fixed instant.

A date may be moved by an offset and set to a local time; a local time or a weekday is the next one that comes. All of
them go by the zone of the customer (R11), and are computed again when a value that they read changes (R31).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

import msgspec

from laudstream.conditions import Get, Scope
from laudstream.journey.durations import Duration, instant, local
from laudstream.journey.values import Point, point_of
from laudstream.journey.windows import EVERY_DAY

PASS, SKIP, EXIT, HOLD, STEP = "pass", "skip", "exit", "hold", "step"
LOOK_AHEAD = 15
"""Days; within them any weekday comes twice."""


class Offset(msgspec.Struct, frozen=True, gc=False):
    length: Duration
    sign: int
    """1 after the date, -1 before it."""


class Until(msgspec.Struct, frozen=True, gc=False):
    path: str = ""
    """Of the value that is a date; empty: none."""
    get: Get | None = None
    offset: Offset | None = None
    clock: int | None = None
    """Minutes of the local day; None: the time of the date itself."""
    days: frozenset[int] = EVERY_DAY
    """Weekdays on which a local time counts, Monday is 0."""
    fixed: int = 0
    """ms; a fixed instant."""

    @property
    def reads(self) -> frozenset[str]:
        """Attributes that the instant depends on."""
        if self.fixed:
            return frozenset()
        root, _, rest = self.path.partition(".")
        read = {"customer": rest.partition(".")[0], "group": "group"}.get(root)
        return frozenset({"timezone", read} if read else {"timezone"})


class Fallback(msgspec.Struct, frozen=True, gc=False):
    """What happens where there is no instant to wait for (R31)."""

    if_past: str = PASS
    """pass; exit; skip or step, which lead to `to_step`."""
    if_missing: str = EXIT
    """exit, pass, or hold: until there is a value."""
    to_step: str = ""
    """skip: the step behind the one that follows, found when the whole journey is read."""


class Due(msgspec.Struct, frozen=True, gc=False):
    at: int
    """ms."""
    many: bool
    """A clock or a calendar says when, so it is the same instant for many customers (A8)."""


def due(until: Until, scope: Scope, at: int, zone: tzinfo) -> Due | None:
    """When the instant is, as seen `at` (ms), in `zone`; None: there is no value."""
    if until.fixed:
        return Due(until.fixed, True)
    if until.get is None:
        return Due(next_clock(until.clock or 0, until.days, at, zone), True)
    return shifted(point_of(until.get(scope), zone), until.offset, until.clock, zone)


def shifted(point: Point | None, offset: Offset | None, clock: int | None, zone: tzinfo) -> Due | None:
    """A point in time moved by an offset and set to a local time; None: there is none, or it is out of all range."""
    if point is None:
        return None
    exact = sign = 0
    try:
        moved = point.local
        if offset is not None:
            sign, exact = offset.sign, offset.length.ms
            moved = offset.length.moved(moved, sign)
        if clock is not None:
            moved = datetime.combine(moved.date(), time()) + timedelta(minutes=clock)
        elif moved == point.local and point.exact is not None:
            return Due(point.exact + sign * exact, False)
        return Due(instant(moved, zone) + sign * exact, point.whole or clock is not None)
    except (ValueError, OverflowError):
        return None


def next_clock(clock: int, days: frozenset[int], at: int, zone: tzinfo) -> int:
    """The next instant after `at` (ms) at which it is that time of one of those weekdays."""
    midnight = datetime.combine(local(at, zone).date(), time())
    for ahead in range(LOOK_AHEAD):
        day = midnight + timedelta(days=ahead)
        if day.weekday() in days:
            found = instant(day + timedelta(minutes=clock), zone)
            if found > at:
                return found
    raise AssertionError("every weekday comes within two weeks")
