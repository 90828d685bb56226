"""Operators with time in them: before, after, on, within_last, within_next, anniversary.

before | after: 2026-05-01                 a day in the customer's zone, a local time, or an instant with an offset
                now | today
                {ago: P3D} | {ahead: P1M}
on:             2026-05-01 | today | {ago: P3D} | {ahead: P3D}       whole days
anniversary:    today | {ahead: P7D} | {ago: P7D}                     whole days
within_last | within_next: P30D
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from laudstream.conditions import dates
from laudstream.conditions.dates import SpanOf
from laudstream.journey.durations import Duration
from laudstream.journey.reader import Reader, at, shown


class Relation(NamedTuple):
    span: SpanOf
    timed: bool
    """Whether it changes by time alone."""


def read(reader: Reader, operator: str, operand: object, pointer: str) -> Relation | None:
    """None: it is wrong, and `reader` knows."""
    if operator in ("within_last", "within_next"):
        length = reader.duration_of(operand, pointer, repr(operator))
        if length is None:
            return None
        return Relation((dates.within_last if operator == "within_last" else dates.within_next)(length), True)
    if isinstance(operand, dict):
        return _relative(reader, operator, operand, pointer)
    if operand == "today":
        if operator == "anniversary":
            return Relation(dates.anniversary(None, ahead=False), True)
        return Relation(dates.relative_day(operator, None, ahead=False), True)
    if operand == "now" and operator in ("before", "after"):
        return Relation(dates.relative(operator, None, ahead=False), True)
    fixed = dates.fixed(operand)
    day = isinstance(fixed, date) and not isinstance(fixed, datetime)
    if fixed is None or operator == "anniversary" or (operator == "on" and not day):
        reader.wrong(pointer, f"{operator!r} cannot compare with {shown(operand)}", _FIXES[operator])
        return None
    return Relation(dates.against(operator, fixed), False)


_FIXES = {
    "before": "write a date such as 2026-05-01, now, today, {ago: P3D} or {ahead: P1M}",
    "after": "write a date such as 2026-05-01, now, today, {ago: P3D} or {ahead: P1M}",
    "on": "write a day such as 2026-05-01, today, {ago: P3D} or {ahead: P3D}",
    "anniversary": "write today, {ahead: P7D} or {ago: P7D}",
}


def _relative(reader: Reader, operator: str, operand: dict[str, object], pointer: str) -> Relation | None:
    reader.only(operand, pointer, ("ago", "ahead"))
    if len(operand) != 1 or not {"ago", "ahead"} & operand.keys():
        if not operand.keys() - {"ago", "ahead"}:
            reader.wrong(pointer, "a relative date has one of 'ago' and 'ahead'", _FIXES[operator])
        return None
    ((side, given),) = operand.items()
    length = reader.duration_of(given, at(pointer, side), repr(side))
    if length is None:
        return None
    if operator in ("on", "anniversary"):
        if not whole_days(length):
            reader.wrong(at(pointer, side), f"{operator!r} goes by whole days", "write e.g. P7D or P1M")
            return None
        if operator == "anniversary":
            return Relation(dates.anniversary(length, ahead=side == "ahead"), True)
        return Relation(dates.relative_day(operator, length, ahead=side == "ahead"), True)
    return Relation(dates.relative(operator, length, ahead=side == "ahead"), True)


def whole_days(length: Duration) -> bool:
    return not length.ms
