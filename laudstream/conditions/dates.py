"""Time in conditions: dates, and the span of time in which something about a date holds.

Everything about time is a span [start, end) of instants at which it is true: `within_last: P3D` of t holds from t up
to, not including, t + P3D, counted forwards in the customer's zone (R32). So there is one way to ask whether it holds
now, and one to ask when that changes next.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any

from laudstream.conditions.scope import Scope
from laudstream.journey import durations
from laudstream.journey.durations import Duration

FAR = 1 << 62
"""An instant that never comes, ms."""
Span = tuple[int, int]
"""[start, end), ms."""
ALWAYS: Span = (-FAR, FAR)
SpanOf = Callable[[Any, Scope], Span | None]
"""(value, scope) -> when it holds; None: never."""

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)

Moment = int | datetime | date
"""An instant (ms), a local time, or a day."""


@lru_cache(8192)
def moment(text: str) -> Moment | None:
    """What a text says: a day, a local time (no offset), or an instant; None if it is none."""
    match = _FORM.fullmatch(text) if len(text) <= 40 else None
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day))
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        found = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro)  # noqa: DTZ001
        if offset is None:
            return found
        return (found.replace(tzinfo=_offset(offset)) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def fixed(operand: object) -> Moment | None:
    """A date that a definition names; None if it is none, or not of these centuries."""
    if not isinstance(operand, str) or not "1900" <= operand[:4] <= "2200":
        return None
    return moment(operand)


def _offset(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def shift(at: int, length: Duration, zone: tzinfo, *, back: bool = False) -> int:
    """`at` (ms) plus or minus a duration; far away where no calendar reaches, on the side where `at` is."""
    if back:
        length = Duration(length.text, -length.months, -length.days, -length.ms)
    try:
        return length.add(at, zone)
    except (ValueError, OverflowError):
        return far(at)


def far(at: int) -> int:
    """For an instant beyond the calendar, ms: no duration leads from one of its ends to the other."""
    return FAR if at > 0 else -FAR


def instant(found: Moment, zone: tzinfo) -> int:
    """ms; of a day its beginning. Raises ValueError or OverflowError at the ends of the calendar."""
    if isinstance(found, int):
        return found
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)  # noqa: DTZ001
    return durations.instant(found, zone)


def day_of(found: Moment, zone: tzinfo) -> date:
    """The day in `zone`."""
    if isinstance(found, int):
        return durations.local(found, zone).date()
    return found.date() if isinstance(found, datetime) else found


def day_span(day: date, zone: tzinfo) -> Span:
    return instant(day, zone), instant(day + _DAY, zone)


def span_of(found: Moment, zone: tzinfo) -> Span:
    """A day is all of it, anything else a millisecond."""
    if isinstance(found, int | datetime):
        start = instant(found, zone)
        return start, start + 1
    return day_span(found, zone)


def guarded(of: Callable[[Moment, Scope], Span | None]) -> SpanOf:
    """`of`, for whatever value; what is no date, or lies beyond the calendar, never holds."""

    def span(value: Any, scope: Scope) -> Span | None:
        found = moment(value) if value.__class__ is str else None
        if found is None:
            return None
        try:
            return of(found, scope)
        except (ValueError, OverflowError):
            return None

    return span


def holds(span: Span | None, now: int) -> bool:
    return span is not None and span[0] <= now < span[1]


def next_of(span: Span | None, now: int) -> int:
    """When it changes next after `now`, ms; 0: never."""
    if span is None:
        return 0
    following = span[0] if now < span[0] else span[1] if now < span[1] else 0
    return 0 if following >= FAR else following


# Relations of a date to another one


def against(operator: str, fixed: Moment) -> SpanOf:
    """before, after or on a day, a local time or an instant."""

    def of(found: Moment, scope: Scope) -> Span | None:
        zone = scope.zone
        at = instant(found, zone)
        start, end = span_of(fixed, zone)
        true = at < start if operator == "before" else at >= end if operator == "after" else start <= at < end
        return ALWAYS if true else None

    return guarded(of)


def between(low: Moment, high: Moment) -> SpanOf:
    """Both ends are included; a day to its end."""

    def of(found: Moment, scope: Scope) -> Span | None:
        zone = scope.zone
        return ALWAYS if span_of(low, zone)[0] <= instant(found, zone) < span_of(high, zone)[1] else None

    return guarded(of)


def relative(operator: str, length: Duration | None, *, ahead: bool) -> SpanOf:
    """before or after the instant that lies `length` ago or ahead; None: now."""

    def of(found: Moment, scope: Scope) -> Span | None:
        zone = scope.zone
        at = instant(found, zone)
        turn = at if length is None else shift(at, length, zone, back=ahead)
        return (turn, FAR) if operator == "before" else (-FAR, turn)

    return guarded(of)


def relative_day(operator: str, length: Duration | None, *, ahead: bool) -> SpanOf:
    """before, after or on the day that lies `length` ago or ahead; None: today."""

    def of(found: Moment, scope: Scope) -> Span | None:
        zone = scope.zone
        start, end = day_span(moved(day_of(found, zone), length, back=ahead), zone)
        return (end, FAR) if operator == "before" else (-FAR, start) if operator == "after" else (start, end)

    return guarded(of)


def moved(day: date, length: Duration | None, *, back: bool) -> date:
    """A day, calendar units later or earlier."""
    if length is None:
        return day
    at = instant(day, UTC)
    found = shift(at, Duration("", length.months, length.days), UTC, back=back)
    return durations.local(found, UTC).date()


def within_last(length: Duration) -> SpanOf:
    def of(found: Moment, scope: Scope) -> Span | None:
        zone = scope.zone
        at = instant(found, zone)
        return at, shift(at, length, zone)

    return guarded(of)


def within_next(length: Duration) -> SpanOf:
    def of(found: Moment, scope: Scope) -> Span | None:
        zone = scope.zone
        at = instant(found, zone)
        return shift(at, length, zone, back=True), at

    return guarded(of)


def anniversary(length: Duration | None, *, ahead: bool) -> SpanOf:
    """The day of the year, from one year after the value on; 29 February falls on the 28th (R32). `ahead`: it is
    the anniversary `length` from now, else it was one `length` ago; None: it is one today."""

    def of(found: Moment, scope: Scope) -> Span | None:
        zone = scope.zone
        born = day_of(found, zone)
        year = max(durations.local(scope.now, zone).year - 1 - _years(length), born.year + 1)
        while True:
            start, end = day_span(moved(_in_year(born, year), length, back=ahead), zone)
            if scope.now < end:
                return start, end
            year += 1

    return guarded(of)


def _years(length: Duration | None) -> int:
    return 0 if length is None else length.months // 12 + length.days // 365 + 1


def _in_year(born: date, year: int) -> date:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    day = 28 if (born.month, born.day) == (2, 29) and not leap else born.day
    return date(year, born.month, day)
