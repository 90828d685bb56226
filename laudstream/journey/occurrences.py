"""When entries by time happen: the dates of a customer, and the occurrences of a schedule, numbered 0, 1, 2, …

A number means the same local day everywhere; the zone only says which instant that is. Calendar units are counted from
the first day, so the 31st of a month without one is its last day, and the next month has the 31st again (R32).
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta, tzinfo

import msgspec

from laudstream.journey.durations import DAY_MS, Duration, instant, local
from laudstream.journey.until import Due, Offset, shifted
from laudstream.journey.values import Point, point_of

LAST_YEAR = 9_000
MOST_STEPS = 1_000
"""Occurrences looked at for the next one; the estimate before is a few of them off at most."""
_IN_EACH_MONTH = 28
_MONTHS = {"year": 12, "month": 1}


class Dates(msgspec.Struct, frozen=True, gc=False):
    """A date of a customer, moved by an offset, at a local time: once, or every year or month from it on (R33)."""

    offset: Offset | None = None
    clock: int | None = None
    """Minutes of the local day; None: the time of the date itself."""
    every: str = ""
    """year, month; empty: once."""

    def nth(self, value: object, number: int, zone: tzinfo) -> Due | None:
        point = point_of(value, zone)
        if point is None or (number and not self.every):
            return None
        if number:
            try:
                point = Point(Duration("", months=number * _MONTHS[self.every]).moved(point.local), None, point.whole)
            except (ValueError, OverflowError):
                return None
        return shifted(point, self.offset, self.clock, zone)

    def following(self, value: object, number: int, since: int, zone: tzinfo) -> tuple[int, Due] | None:
        """The first occurrence from `number` on that is not before `since` (ms)."""
        point = point_of(value, zone)
        if point is None:
            return None
        if self.every:
            there = local(since, zone)
            months = (there.year - point.local.year) * 12 + there.month - point.local.month
            number = max(number, (months - _most_months(self.offset) - 2) // _MONTHS[self.every])
        for each in range(number, number + MOST_STEPS):
            found = self.nth(value, each, zone)
            if found is None or found.at >= since:
                return None if found is None else (each, found)
        return None


def _most_months(offset: Offset | None) -> int:
    """Whole months that an offset takes a date on at most; below 0: takes it back at least."""
    if offset is None:
        return 0
    days = offset.length.days + offset.length.ms // DAY_MS
    return offset.length.months + days // 28 + 1 if offset.sign > 0 else -offset.length.months - days // 31


class Schedule(msgspec.Struct, frozen=True, gc=False):
    """When an audience is taken (R36): once, or on days, weeks or months from a day on."""

    at: int = 0
    """ms; once, at that instant."""
    local_at: datetime | None = None
    """Once, at that naive local time."""
    unit: str = ""
    """days, weeks or months; empty: once."""
    every: int = 1
    on: tuple[int, ...] = ()
    """Weekdays (Monday is 0) or days of the month, in order."""
    clock: int = 0
    """Minutes of the local day."""
    start: date | None = None
    """None: the day of publishing."""
    until: date | None = None
    """The last day."""
    times: int = 0
    """How often at most; 0: no limit."""
    by_customer: bool = False
    """The local time is each customer's, and not the workspace's."""

    def nth(self, number: int, published: date, zone: tzinfo) -> Due | None:
        """`published`: the day of publishing, where `start` says nothing."""
        if not self.unit:
            if number:
                return None
            return Due(self.at, True) if self.local_at is None else Due(instant(self.local_at, zone), True)
        day = self._day(number, self.start or published)
        if day is None or (self.until is not None and day > self.until):
            return None
        return Due(instant(datetime.combine(day, time()) + timedelta(minutes=self.clock), zone), True)

    def following(self, number: int, published: date, since: int, zone: tzinfo) -> tuple[int, Due] | None:
        """The first occurrence from `number` on that is not before `since` (ms)."""
        number = max(number, self._number(local(since, zone).date(), self.start or published))
        for each in range(number, number + MOST_STEPS):
            found = self.nth(each, published, zone)
            if found is None or found.at >= since:
                return None if found is None else (each, found)
        return None

    def between(self, first: int, number: int, published: date) -> int:
        """How many days the occurrences from `first` up to, not including, `number` are: a short month has its last day
        once, however many of its days are named."""
        if self.unit != "months" or self.on[-1] <= _IN_EACH_MONTH:
            return number - first
        return len({self._day(each, self.start or published) for each in range(first, number)})

    def _day(self, number: int, first: date) -> date | None:
        if self.unit == "days":
            day = first.toordinal() + number * self.every
            return date.fromordinal(day) if day < date(LAST_YEAR, 1, 1).toordinal() else None
        begun = first.weekday() if self.unit == "weeks" else first.day
        block, index = divmod(number + sum(each < begun for each in self.on), len(self.on))
        if self.unit == "weeks":
            day = first.toordinal() - begun + block * self.every * 7 + self.on[index]
            return date.fromordinal(day) if day < date(LAST_YEAR, 1, 1).toordinal() else None
        year, month = divmod(first.year * 12 + first.month - 1 + block * self.every, 12)
        if year >= LAST_YEAR:
            return None
        return date(year, month + 1, min(self.on[index], monthrange(year, month + 1)[1]))

    def _number(self, day: date, first: date) -> int:
        """An occurrence shortly before that day."""
        if self.unit == "months":
            blocks = ((day.year - first.year) * 12 + day.month - first.month) // self.every
        else:
            blocks = (day - first).days // (self.every * (7 if self.unit == "weeks" else 1)) if self.unit else 0
        return (blocks - 2) * (len(self.on) or 1)
