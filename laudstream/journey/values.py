"""Values of customers and events as points in time: dates, datetimes, and seconds or milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from laudstream.journey.durations import local

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_SECONDS_FROM = 100_000_000
_MS_FROM = 100_000_000_000
_MS_TO = 32_503_680_000_000  # the year 3000


class Point(NamedTuple):
    local: datetime
    """Naive local time."""
    exact: int | None
    """ms, where the value names an instant; None: it names a local time."""
    whole: bool
    """It names a day; its time is midnight."""


def point_of(value: object, zone: tzinfo) -> Point | None:
    """`value` as a point in time, in `zone`; None: it is none.

    A text is a date, a datetime with an offset from UTC, or a local datetime without. A number from 100 million on is
    seconds since 1970, from 100 thousand million on milliseconds; smaller ones say nothing.
    """
    try:
        if isinstance(value, str):
            if len(value) == 10 and value[7] == "-":
                return Point(datetime.combine(date.fromisoformat(value), time()), None, True)
            if len(value) < 16:  # no date with a time is shorter
                return None
            found = datetime.fromisoformat(value)
            if found.tzinfo is None:
                return Point(found, None, False)
            at = (found - _EPOCH) // _MS
        elif isinstance(value, int | float) and not isinstance(value, bool) and _SECONDS_FROM <= value < _MS_TO:
            at = int(value if value >= _MS_FROM else value * 1000)
        else:
            return None
        return Point(local(at, zone), at, False)
    except (ValueError, OverflowError):
        return None
