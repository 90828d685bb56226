"""Windows: the hours of given weekdays, or the time between two instants.

A window belongs to the day on which it opens (R31), so one from 22:00 to 06:00 on Fridays ends on Saturday morning.
A local time that does not exist moves to the next instant that does (R11); what is left of no length never opens.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

import msgspec

from laudstream.journey.durations import instant, local

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = frozenset(range(7))
DAY_MINUTES = 24 * 60
FOREVER = 1 << 62
LOOK_AHEAD = 30
"""Days; a window that is open on any weekday opens sooner, also where summer time swallows it once."""
_YEARS_MS = 7_000 * 365 * 86_400_000


class Window(msgspec.Struct, frozen=True, gc=False):
    days: frozenset[int] = EVERY_DAY
    """Weekdays on which it opens, Monday is 0."""
    start: int = 0
    end: int = DAY_MINUTES
    """Minutes of the local day; `end` below `start` is on the next day."""
    starts_at: int = 0
    ends_at: int = 0
    """ms; where they are set, only they count."""


def opening(window: Window, at: int, zone: tzinfo) -> tuple[int, int] | None:
    """(opens, closes) in ms: the opening that `at` (ms) lies in, else the next one; None: it never opens again."""
    if window.ends_at:
        return (window.starts_at, window.ends_at) if at < window.ends_at else None
    if at > _YEARS_MS:
        return None
    midnight = datetime.combine(local(at, zone).date(), time())
    whole = timedelta(days=1 if window.end < window.start else 0, minutes=window.end)
    for days in range(-1, LOOK_AHEAD):
        day = midnight + timedelta(days=days)
        if day.weekday() in window.days:
            opens, closes = instant(day + timedelta(minutes=window.start), zone), instant(day + whole, zone)
            if at < closes and opens < closes:
                return opens, closes
    return None


def first_opening(windows: tuple[Window, ...], at: int, zone: tzinfo) -> tuple[int, int] | None:
    """The opening of any of the windows that `at` lies in, the one that closes last; else the next one."""
    found = [opened for window in windows if (opened := opening(window, at, zone)) is not None]
    if not found:
        return None
    present = [opened for opened in found if opened[0] <= at]
    return max(present, key=lambda opened: opened[1]) if present else min(found)
