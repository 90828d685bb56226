"""Reads entries by time: `date`, and when an `audience` is taken."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from laudstream.journey import schemas
from laudstream.journey.durations import parse
from laudstream.journey.occurrences import Dates, Schedule
from laudstream.journey.parse_time import CLOCK, INSTANT, OFFSET, WEEKDAY, clock_of, date_offset, weekdays_of
from laudstream.journey.reader import Reader, at, shown

CATCH_UP = parse("PT1H")
UNITS = ("days", "weeks", "months")
MOST_EVERY = 1_000
MOST_TIMES = 100_000
TIMED = ("at", "every", "until", "after", "zone", "catch_up")
"""What only an audience on time has."""


def dates(reader: Reader, body: Any, pointer: str) -> tuple[tuple[str, ...], Dates, bool]:
    """(path below `customer`, when, whether runs stay when the date changes) of a `date` entry."""
    found = reader.object_of(body, pointer, "'date'")
    if found is None:
        return (), Dates(), False
    reader.only(found, pointer, ("of", "offset", "at", "every", "keep"))
    root, *path = found["of"].split(".") if isinstance(found.get("of"), str) else [""]
    if root != "customer" or not path or not all(path):
        reader.wrong(at(pointer, "of"), f"{shown(found.get('of'))} is no attribute", "write e.g. customer.birthday")
    clock = clock_of(reader, found["at"], at(pointer, "at"), "'at'") if "at" in found else None
    offset = date_offset(reader, found, pointer, clock)
    every = ""
    if "every" in found:
        every = reader.choice_of(found["every"], at(pointer, "every"), "'every'", ("year", "month")) or ""
    keep = reader.flag_of(found["keep"], at(pointer, "keep"), "'keep'") if "keep" in found else False
    return tuple(path), Dates(offset, clock, every), bool(keep)


def schedule(reader: Reader, body: dict[str, Any], pointer: str) -> Schedule | None:
    """When an audience is taken; None: as soon as it is published."""
    if not {"at", "every"} & body.keys():
        for key in TIMED:
            if key in body:
                reader.wrong(at(pointer, key), f"{key!r} is for an audience on time", "write 'at' or 'every' beside it")
        return None
    if "at" in body and "every" in body:
        reader.wrong(at(pointer, "at"), "an audience is taken once ('at') or again and again ('every')", "keep one")
        return None
    by_customer = False
    if "zone" in body:
        zones = ("workspace", "customer")
        by_customer = reader.choice_of(body["zone"], at(pointer, "zone"), "'zone'", zones) == "customer"
    if "at" in body:
        for key in ("until", "after"):
            if key in body:
                reader.wrong(at(pointer, key), f"{key!r} is for an audience on a recurrence", "leave it out")
        return _once(reader, body["at"], at(pointer, "at"), by_customer, "zone" in body)
    until = _day(reader, body["until"], at(pointer, "until")) if "until" in body else None
    times = 0
    if "after" in body:
        times = reader.whole_of(body["after"], at(pointer, "after"), "'after' (how often)", 1, MOST_TIMES) or 0
    return _recurrence(reader, body["every"], at(pointer, "every"), until, times, by_customer)


def _once(reader: Reader, value: object, pointer: str, by_customer: bool, zoned: bool) -> Schedule | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) >= 16 else None
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year < 9000:
        fix = 'write e.g. "2026-12-01T09:00:00+01:00", or "2026-12-01T09:00" for a local time'
        reader.wrong(pointer, "'at' is no date with a time", fix)
        return None
    if found.tzinfo is None:
        return Schedule(local_at=found, by_customer=by_customer)
    if zoned:
        reader.wrong(pointer, "an instant with an offset from UTC goes by no zone", "leave out the offset, or 'zone'")
    return Schedule(at=round(found.timestamp() * 1000))


def _recurrence(
    reader: Reader, body: Any, pointer: str, until: date | None, times: int, by_customer: bool
) -> Schedule | None:
    found = reader.object_of(body, pointer, "'every'")
    if found is None:
        return None
    reader.only(found, pointer, (*UNITS, "on", "at", "from"))
    units = [unit for unit in UNITS if unit in found]
    if len(units) != 1:
        reader.wrong(
            pointer, "'every' counts one of days, weeks and months", 'write e.g. {weeks: 1, on: [monday], at: "09:00"}'
        )
        return None
    unit = units[0]
    every = reader.whole_of(found[unit], at(pointer, unit), f"{unit!r}", 1, MOST_EVERY) or 1
    clock = clock_of(reader, found.get("at"), at(pointer, "at"), "'at'") or 0
    on: tuple[int, ...] = ()
    if unit == "weeks":
        on = tuple(sorted(weekdays_of(reader, found.get("on"), at(pointer, "on"), "'on' (weekdays)")))
    elif unit == "months":
        days = reader.list_of(found.get("on"), at(pointer, "on"), "'on' (days of the month; 31 is the last)", most=31)
        each = [
            reader.whole_of(day, at(pointer, "on", index), "a day of the month", 1, 31)
            for index, day in enumerate(days)
        ]
        on = tuple(sorted({day for day in each if day is not None}))
    elif "on" in found:
        reader.wrong(at(pointer, "on"), "every so many days has no 'on'", "count weeks or months, or leave it out")
    start = _day(reader, found["from"], at(pointer, "from")) if "from" in found else None
    return Schedule(
        unit=unit, every=every, on=on, clock=clock, start=start, until=until, times=times, by_customer=by_customer
    )


def _day(reader: Reader, value: object, pointer: str) -> date | None:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year < 9000:
        reader.wrong(pointer, "no date", 'write e.g. "2026-12-24", in quotes')
        return None
    return found


# Schema


def date_schema() -> dict[str, Any]:
    path = {"type": "string", "pattern": r"^customer\.", "description": "attribute with a date, e.g. customer.birthday"}
    return schemas.object_of(
        ("of",),
        of=path,
        offset=OFFSET,
        at=CLOCK,
        every={"enum": ["year", "month"]},
        keep={"type": "boolean", "default": False},
    )


def audience_schema() -> dict[str, Any]:
    of = {"enum": ["present", "future", "both"]}
    zone = {"enum": ["workspace", "customer"], "default": "workspace"}
    day = {"type": "string", "format": "date"}
    whole = {"type": "integer", "minimum": 1, "maximum": MOST_EVERY}
    month_days = schemas.list_of({"type": "integer", "minimum": 1, "maximum": 31}, 31)
    every = {
        "oneOf": [
            schemas.object_of(("days", "at"), days=whole, at=CLOCK, from_=day),
            schemas.object_of(("weeks", "on", "at"), weeks=whole, on=WEEKDAY, at=CLOCK, from_=day),
            schemas.object_of(("months", "on", "at"), months=whole, on=month_days, at=CLOCK, from_=day),
        ]
    }
    times = {"type": "integer", "minimum": 1, "maximum": MOST_TIMES, "description": "how often"}
    late = {**schemas.DURATION, "default": CATCH_UP.text}
    once = {"anyOf": [INSTANT, {"type": "string", "description": "local time, e.g. 2026-12-01T09:00"}]}
    return {
        "oneOf": [
            {**schemas.object_of(of=of), "description": "as soon as the journey is published"},
            {**schemas.object_of(("signal",), signal=schemas.TEXT), "description": "whenever this signal comes"},
            schemas.object_of(("at",), at=once, of=of, zone=zone, catch_up=late),
            schemas.object_of(("every",), every=every, until=day, after=times, of=of, zone=zone, catch_up=late),
        ]
    }
