"""Reads `settings` of a journey: class, priority, holdout, quiet hours, caps, opening times, time zone, tags."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from laudstream.journey import durations
from laudstream.journey.kinds.place import tags_of
from laudstream.journey.reader import Reader, at
from laudstream.journey.steps import CHANNELS, CLASSES, Cap, QuietHours, Settings

SETTINGS = ("class", "priority", "holdout", "time_zone", "starts_at", "ends_at", "caps", "quiet_hours", "tags")
PLANNED_SETTINGS = ("pace", "release_spread", "defer_at_most", "defer", "catch_up")
PERIODS = ("day", "week", "month")
LONGEST_PERIOD_DAYS = 31
"""Slots of caps are kept a little longer than this."""
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def settings(reader: Reader, body: Any, pointer: str) -> Settings:
    found = reader.object_of(body, pointer, "'settings'") or {}
    reader.only(found, pointer, SETTINGS, PLANNED_SETTINGS)
    plain = Settings()

    def spot(key: str) -> str:
        return at(pointer, key)

    message_class, priority, zone = plain.message_class, plain.priority, ""
    if "class" in found:
        message_class = reader.choice_of(found["class"], spot("class"), "'class'", CLASSES) or message_class
    if "priority" in found:
        priority = reader.whole_of(found["priority"], spot("priority"), "'priority'", 1, 9) or priority
    if "time_zone" in found:
        zone = _zone(reader, found["time_zone"], spot("time_zone"))
    caps = reader.list_of(found["caps"], spot("caps"), "'caps'", most=10) if "caps" in found else []
    return Settings(
        message_class,
        priority,
        _holdout(reader, found["holdout"], spot("holdout")) if "holdout" in found else 0,
        zone,
        _instant(reader, found["starts_at"], spot("starts_at")) if "starts_at" in found else 0,
        _instant(reader, found["ends_at"], spot("ends_at")) if "ends_at" in found else 0,
        tuple(_cap(reader, item, at(pointer, "caps", index)) for index, item in enumerate(caps)),
        _quiet(reader, found["quiet_hours"], spot("quiet_hours")) if "quiet_hours" in found else None,
        tags_of(reader, found["tags"], spot("tags")) if "tags" in found else (),
    )


def _zone(reader: Reader, value: object, pointer: str) -> str:
    if isinstance(value, str) and (value == "UTC" or durations.zone_of(value) is not UTC):
        return value
    reader.wrong(pointer, f"there is no time zone {value!r}", "use a name such as Europe/Berlin or UTC")
    return ""


def _holdout(reader: Reader, value: object, pointer: str) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return round(value * 100)
    reader.wrong(pointer, "'holdout' must be a share from 0 to 100", "write e.g. 5 for 5 %")
    return 0


def _instant(reader: Reader, value: object, pointer: str) -> int:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, datetime) and found.tzinfo is not None:
        return round(found.timestamp() * 1000)
    reader.wrong(pointer, "no instant with an offset from UTC", 'write e.g. "2026-05-01T09:00:00+02:00"')
    return 0


def _cap(reader: Reader, body: Any, pointer: str) -> Cap:
    found = reader.object_of(body, pointer, "a cap") or {}
    reader.only(found, pointer, ("limit", "per", "channel", "tag", "counts"))
    limit = reader.whole_of(found.get("limit"), at(pointer, "limit"), "'limit'", 1, 200) or 1
    per, within, each = found.get("per"), None, ""
    if isinstance(per, str) and per in PERIODS:
        each = per
    else:
        within = reader.duration_of(per, at(pointer, "per"), f"'per' (or one of {', '.join(PERIODS)})")
        longest = durations.parse(f"P{LONGEST_PERIOD_DAYS}D")
        if within is not None and within.add(0, UTC) > longest.add(0, UTC):
            reader.wrong(at(pointer, "per"), "a cap looks back at most 31 days", "use P31D, P1M or less")
    channel = tag = ""
    if "channel" in found:
        channel = reader.choice_of(found["channel"], at(pointer, "channel"), "'channel'", CHANNELS) or ""
    if "tag" in found:
        tag = reader.name_of(found["tag"], at(pointer, "tag"), "'tag'") or ""
    counts = "marketing"
    if "counts" in found:
        counts = reader.choice_of(found["counts"], at(pointer, "counts"), "'counts'", ("marketing", "all")) or counts
    return Cap(limit, within, each, channel, tag, counts == "all")


def _quiet(reader: Reader, body: Any, pointer: str) -> QuietHours | None:
    found = reader.object_of(body, pointer, "'quiet_hours'") or {}
    reader.only(found, pointer, ("from", "to"))
    minutes = []
    for side in ("from", "to"):
        value = found.get(side)
        match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            reader.wrong(at(pointer, side), f"{side!r} must be a local time", 'write e.g. "21:00", in quotes')
            return None
        minutes.append(int(match[1]) * 60 + int(match[2]))
    if minutes[0] == minutes[1]:
        reader.wrong(pointer, "quiet hours begin and end at the same time", "let them differ")
        return None
    return QuietHours(*minutes)
