"""Durations (ISO 8601) and local time.

- Years, months, weeks and days are calendar units in a zone; hours, minutes and seconds are exact (R32).
- A day that does not exist becomes the last of its month. A local time that does not exist moves to the next
  instant that does; one that exists twice means its first (R11).
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_FORM = re.compile(
    r"P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
DAY_MS = 86_400_000
LONGEST_YEARS = 100


class Duration(msgspec.Struct, frozen=True, gc=False):
    text: str
    months: int = 0
    days: int = 0
    ms: int = 0

    def add(self, at: int, zone: tzinfo) -> int:
        """`at` (ms) plus this, in ms."""
        if not self.months and (not self.days or zone is UTC):
            return at + self.days * DAY_MS + self.ms
        return instant(self.moved((_EPOCH + at * _MS).astimezone(zone).replace(tzinfo=None)), zone) + self.ms

    def ends(self, at: int, zone: tzinfo) -> int:
        """`at` (ms) plus this, in ms, but never before that of any earlier instant (R32): what lies in the second of
        two equal hours counts as the end of that hour, a day that the other month lacks as the end of its last day."""
        if not self.months and (not self.days or zone is UTC):
            return at + self.days * DAY_MS + self.ms
        there = (_EPOCH + at * _MS).astimezone(zone)
        wall = there.replace(tzinfo=None, fold=0)
        if there.fold:
            wall = _repeated_until(there, zone)
        moved = self.moved(wall)
        if wall.day > 28 and self.months and Duration("", self.months).moved(wall).day < wall.day:
            moved = moved.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return instant(moved, zone) + self.ms

    def moved(self, local: datetime, sign: int = 1) -> datetime:
        """A local time plus the calendar units of this (minus, with `sign` -1). OverflowError, ValueError: beyond the
        years 1 to 9999."""
        year, month = divmod(local.year * 12 + local.month - 1 + sign * self.months, 12)
        day = min(local.day, monthrange(year, month + 1)[1])
        return local.replace(year=year, month=month + 1, day=day) + timedelta(days=sign * self.days)

    @property
    def zero(self) -> bool:
        return not (self.months or self.days or self.ms)


def parse(text: str) -> Duration:
    """Duration of `PT1H`, `P3D`, … Raises ValueError."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no ISO 8601 duration such as PT1H, P3D or P1DT12H")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = Duration(text, years * 12 + months, weeks * 7 + days, ((hours * 60 + minutes) * 60 + seconds) * 1000)
    if total.months // 12 + total.days // 365 + total.ms // (365 * 86_400_000) > LONGEST_YEARS:
        raise ValueError(f"{text!r} is longer than {LONGEST_YEARS} years")
    return total


def instant(local: datetime, zone: tzinfo) -> int:
    """ms of a naive local time in `zone`."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return _to_ms(first)
    return _gap_end(local.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone)


def _gap_end(early: datetime, late: datetime, zone: tzinfo) -> int:
    """The instant between the two at which the offset of `zone` changes, in ms."""
    low, high = _to_ms(early), _to_ms(late)
    before = early.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if (_EPOCH + middle * _MS).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _repeated_until(there: datetime, zone: tzinfo) -> datetime:
    """The local time at which what exists twice ends; `there` lies in its second part."""
    early, late = there.replace(fold=0).astimezone(UTC), there.astimezone(UTC)
    return local(_gap_end(early, late, zone), zone) + (late - early)


def local(at: int, zone: tzinfo) -> datetime:
    """Naive local time of `at` (ms) in `zone`."""
    return (_EPOCH + at * _MS).astimezone(zone).replace(tzinfo=None)


def zone_of(name: object, otherwise: tzinfo = UTC) -> tzinfo:
    """The zone of that name, or `otherwise` if there is none."""
    if not isinstance(name, str) or not name:
        return otherwise
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


def _to_ms(at: datetime) -> int:
    return (at - _EPOCH) // _MS
