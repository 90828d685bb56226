"""Reads what definitions say of time: local times, weekdays, offsets, instants, windows, and what to wait for."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from laudstream.conditions import getter
from laudstream.journey import durations, schemas
from laudstream.journey.reader import NAME, Reader, at, shown
from laudstream.journey.until import EXIT, HOLD, PASS, SKIP, STEP, Fallback, Offset, Until
from laudstream.journey.windows import DAY_MINUTES, EVERY_DAY, WEEKDAYS, Window

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_INSTANT_FIX = 'write e.g. "2026-05-01T09:00:00+02:00"'
LONGEST_SPREAD_MS = 86_400_000
FORMS = (
    'write {date: customer.renews_on, offset: "-P3D", at: "09:00"}, {at: "09:00"}, '
    '{weekday: [monday], at: "09:00"} or {instant: "2026-05-01T09:00:00+02:00"}'
)


def clock_of(reader: Reader, value: object, pointer: str, what: str) -> int | None:
    """Minutes of the local day."""
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        reader.wrong(pointer, f"{what} must be a local time", 'write e.g. "21:00", in quotes')
        return None
    return int(match[1]) * 60 + int(match[2])


def weekdays_of(reader: Reader, value: object, pointer: str, what: str = "'weekday'") -> frozenset[int]:
    items = reader.list_of([value] if isinstance(value, str) else value, pointer, what, most=7)
    found = [reader.choice_of(item, pointer, what, WEEKDAYS) for item in items]
    return frozenset(WEEKDAYS.index(day) for day in found if day is not None)


def instant_of(reader: Reader, value: object, pointer: str) -> int:
    """ms, never 0, which says that there is none; 0 and a problem where it is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, datetime) and found.tzinfo is not None:
        return round(found.timestamp() * 1000) or 1
    reader.wrong(pointer, "no instant with an offset from UTC", _INSTANT_FIX)
    return 0


def offset_of(reader: Reader, value: object, pointer: str) -> Offset | None:
    """A duration with or without a sign."""
    text = value if isinstance(value, str) else ""
    sign = -1 if text.startswith("-") else 1
    try:
        length = durations.parse(text.removeprefix("-").removeprefix("+"))
    except ValueError:
        length = None
    if length is None or length.zero or text.startswith(("-+", "+-")):
        reader.wrong(
            pointer, "'offset' is no duration above zero, with or without a minus", 'write e.g. "-P3D" or "P1D"'
        )
        return None
    return Offset(length, sign)


def spread_of(reader: Reader, value: object, pointer: str) -> int:
    """ms over which releases are spread; 0: not at all (A8)."""
    try:
        found = durations.parse(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.months or (length := found.days * durations.DAY_MS + found.ms) > LONGEST_SPREAD_MS:
        reader.wrong(pointer, "'release_spread' must be a duration up to P1D", 'write e.g. "PT10M", or "PT0S" for none')
        return 0
    return length


def window_of(reader: Reader, body: dict[str, Any], pointer: str, beside: tuple[str, ...] = ()) -> Window:
    """A window of local times, or between two instants."""
    if {"starts_at", "ends_at"} & body.keys():
        reader.only(body, pointer, ("starts_at", "ends_at", *beside))
        starts = instant_of(reader, body.get("starts_at"), at(pointer, "starts_at"))
        ends = instant_of(reader, body.get("ends_at"), at(pointer, "ends_at"))
        if starts and ends and starts >= ends:
            reader.wrong(at(pointer, "ends_at"), "the window ends before it starts", "let 'ends_at' be later")
        return Window(starts_at=starts, ends_at=ends)
    reader.only(body, pointer, ("weekday", "from", "to", "starts_at", "ends_at", *beside))
    if not {"weekday", "from", "to"} & body.keys():
        fix = 'write {weekday: [monday], from: "09:00", to: "18:00"} or {starts_at: …, ends_at: …}'
        reader.wrong(pointer, "a window must say when it is open", fix)
    days, start, end = EVERY_DAY, 0, DAY_MINUTES
    if "weekday" in body:
        days = weekdays_of(reader, body["weekday"], at(pointer, "weekday"))
    if "from" in body:
        start = clock_of(reader, body["from"], at(pointer, "from"), "'from'") or 0
    if "to" in body:
        found = clock_of(reader, body["to"], at(pointer, "to"), "'to'")
        end = DAY_MINUTES if found is None else found
    if start == end:
        reader.wrong(pointer, "the window opens and closes at the same time", "let 'from' and 'to' differ")
    return Window(days, start, end)


def windows_of(reader: Reader, value: object, pointer: str) -> tuple[Window, ...]:
    found = []
    for index, item in enumerate(reader.list_of(value, pointer, "'windows'", most=10)):
        spot = at(pointer, index)
        body = reader.object_of(item, spot, "a window")
        if body is not None:
            found.append(window_of(reader, body, spot))
    return tuple(found)


def until_of(reader: Reader, value: object, pointer: str, roots: tuple[str, ...]) -> Until | None:
    """What `until` says: a date, a local time, a weekday or an instant."""
    body = reader.object_of(value, pointer, "'until'")
    if body is None:
        return None
    if "instant" in body:
        reader.only(body, pointer, ("instant",))
        return Until(fixed=instant_of(reader, body["instant"], at(pointer, "instant")))
    clock = clock_of(reader, body["at"], at(pointer, "at"), "'at'") if "at" in body else None
    if "date" in body:
        reader.only(body, pointer, ("date", "offset", "at"))
        path = body["date"] if isinstance(body["date"], str) else ""
        get = getter(path, roots)
        if get is None:
            allowed = ", ".join("steps.<id>.event.…" if root == "steps" else f"{root}.…" for root in roots)
            reader.wrong(at(pointer, "date"), f"{shown(body['date'])} cannot be read here", f"use a path: {allowed}")
        return Until(path, get, date_offset(reader, body, pointer, clock), clock)
    if not {"at", "weekday"} & body.keys():
        reader.wrong(pointer, "'until' says nothing to wait for", FORMS)
        return None
    reader.only(body, pointer, ("weekday", "at"))
    days = weekdays_of(reader, body["weekday"], at(pointer, "weekday")) if "weekday" in body else EVERY_DAY
    return Until(clock=clock or 0, days=days)


def until_and_fallback(
    reader: Reader, body: dict[str, Any], pointer: str, roots: tuple[str, ...]
) -> tuple[Until | None, Fallback]:
    """`until` of a step, with the `if_past` and `if_missing` beside it."""
    until = until_of(reader, body["until"], at(pointer, "until"), roots)
    if until is None:
        return None, Fallback()
    dated = bool(until.path)
    return until, fallback_of(reader, body, pointer, dated or bool(until.fixed), dated)


def date_offset(reader: Reader, body: dict[str, Any], pointer: str, clock: int | None) -> Offset | None:
    """The `offset` beside a date."""
    if "offset" not in body:
        return None
    offset = offset_of(reader, body["offset"], at(pointer, "offset"))
    if offset is not None and offset.length.ms and clock is not None:
        reader.wrong(
            at(pointer, "offset"), "an offset with hours does not go with 'at'", "count it in days, or leave out 'at'"
        )
    return offset


def fallback_of(reader: Reader, body: dict[str, Any], pointer: str, past: bool, missing: bool) -> Fallback:
    """`if_past` and `if_missing`; `past`, `missing`: whether either can happen at all."""
    for key, can, why in (("if_past", past, "be past"), ("if_missing", missing, "be missing")):
        if key in body and not can:
            reader.wrong(at(pointer, key), f"this instant can never {why}", f"leave out {key!r}")
    if_past, if_missing, to_step = PASS, EXIT, ""
    if past and "if_past" in body:
        if_past = body["if_past"]
        if not isinstance(if_past, str) or not NAME.fullmatch(if_past):
            reader.wrong(
                at(pointer, "if_past"), f"'if_past' cannot be {shown(if_past)}", "use pass, skip, exit, or a step"
            )
            if_past = PASS
        elif if_past not in (PASS, SKIP, EXIT):
            if_past, to_step = STEP, if_past
    if missing and "if_missing" in body:
        choices = (EXIT, PASS, HOLD)
        if_missing = reader.choice_of(body["if_missing"], at(pointer, "if_missing"), "'if_missing'", choices) or EXIT
    return Fallback(if_past, if_missing, to_step)


# Schema

CLOCK = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "description": "local time, e.g. 09:00"}
INSTANT = {"type": "string", "format": "date-time"}
OFFSET = {"type": "string", "pattern": "^[-+]?P", "description": "ISO 8601 with or without a minus, e.g. -P3D"}
SPREAD = {"type": "string", "pattern": "^P", "description": "ISO 8601 up to P1D; PT0S is none"}
_DAY = {"enum": list(WEEKDAYS)}
WEEKDAY = {"anyOf": [_DAY, schemas.list_of(_DAY, 7)]}
FALLBACK = {
    "if_past": {**schemas.NAME, "default": PASS, "description": "pass, skip, exit, or a step"},
    "if_missing": {"enum": [EXIT, PASS, HOLD], "default": EXIT},
}


def until_schema() -> dict[str, Any]:
    return {
        "oneOf": [
            schemas.object_of(("date",), date=schemas.TEXT, offset=OFFSET, at=CLOCK),
            schemas.object_of(("at",), at=CLOCK),
            schemas.object_of(("weekday",), weekday=WEEKDAY, at=CLOCK),
            schemas.object_of(("instant",), instant=INSTANT),
        ]
    }


def window_forms() -> tuple[dict[str, Any], dict[str, Any]]:
    """Properties of a window: of local times, and between two instants."""
    return {"weekday": WEEKDAY, "from": CLOCK, "to": CLOCK}, {"starts_at": INSTANT, "ends_at": INSTANT}


def window_schema() -> dict[str, Any]:
    clocks, instants = window_forms()
    return {
        "oneOf": [{**schemas.object_of(**clocks), "minProperties": 1}, schemas.object_of(tuple(instants), **instants)]
    }
