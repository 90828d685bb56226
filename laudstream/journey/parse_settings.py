"""Reads `settings` of a journey, and those of a workspace."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from laudstream.conditions.subject import longest_days
from laudstream.errors import Invalid
from laudstream.journey import durations
from laudstream.journey.kinds.place import defer_of, tags_of
from laudstream.journey.live import HORIZON_MS, SPREAD_MS, Workspace
from laudstream.journey.parse_time import clock_of, instant_of, spread_of, windows_of
from laudstream.journey.reader import HORIZON, Reader, at, shown
from laudstream.journey.steps import CHANNELS, CLASSES, NEVER_QUIET, Cap, Pace, QuietHours, Settings

SETTINGS = ("class", "priority", "holdout", "time_zone", "starts_at", "ends_at", "caps", "quiet_hours", "tags",
            "windows", "defer", "defer_at_most", "release_spread", "pace")  # fmt: skip
PERIODS = ("day", "week", "month")
PACES = {"minute": 60_000, "hour": 3_600_000}
MOST_PACE = 1_000_000
LONGEST_PERIOD_DAYS = 31
"""Slots of caps are kept a little longer than this."""


def settings(reader: Reader, body: Any, pointer: str) -> Settings:
    found = reader.object_of(body, pointer, "'settings'") or {}
    reader.only(found, pointer, SETTINGS)
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
    return Settings(
        message_class,
        priority,
        _holdout(reader, found["holdout"], spot("holdout")) if "holdout" in found else 0,
        zone,
        instant_of(reader, found["starts_at"], spot("starts_at")) if "starts_at" in found else 0,
        instant_of(reader, found["ends_at"], spot("ends_at")) if "ends_at" in found else 0,
        _caps(reader, found, pointer),
        _quiet(reader, found["quiet_hours"], spot("quiet_hours")) if "quiet_hours" in found else None,
        tags_of(reader, found["tags"], spot("tags")) if "tags" in found else (),
        windows_of(reader, found["windows"], spot("windows")) if "windows" in found else (),
        defer_of(reader, found["defer"], spot("defer"), plain.defer) if "defer" in found else plain.defer,
        reader.duration_of(found["defer_at_most"], spot("defer_at_most"), "'defer_at_most'")
        if "defer_at_most" in found
        else None,
        spread_of(reader, found["release_spread"], spot("release_spread")) if "release_spread" in found else None,
        _pace(reader, found["pace"], spot("pace")) if "pace" in found else None,
    )


def _pace(reader: Reader, body: Any, pointer: str) -> Pace | None:
    found = reader.object_of(body, pointer, "'pace'")
    if found is None:
        return None
    reader.only(found, pointer, ("limit", "per"))
    limit = reader.whole_of(found.get("limit"), at(pointer, "limit"), "'limit'", 1, MOST_PACE)
    per = reader.choice_of(found.get("per"), at(pointer, "per"), "'per'", tuple(PACES))
    return Pace(limit, PACES[per]) if limit and per else None


def _caps(reader: Reader, body: dict[str, Any], pointer: str) -> tuple[Cap, ...]:
    items = reader.list_of(body["caps"], at(pointer, "caps"), "'caps'", most=10) if "caps" in body else []
    return tuple(_cap(reader, item, at(pointer, "caps", index)) for index, item in enumerate(items))


def _zone(reader: Reader, value: object, pointer: str) -> str:
    if isinstance(value, str) and (value == "UTC" or durations.zone_of(value) is not UTC):
        return value
    reader.wrong(pointer, f"there is no time zone {shown(value)}", "use a name such as Europe/Berlin or UTC")
    return ""


def _holdout(reader: Reader, value: object, pointer: str) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return round(value * 100)
    reader.wrong(pointer, "'holdout' must be a share from 0 to 100", "write e.g. 5 for 5 %")
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
    if body == "none":
        return NEVER_QUIET
    found = reader.object_of(body, pointer, "'quiet_hours'") or {}
    reader.only(found, pointer, ("from", "to"))
    start = clock_of(reader, found.get("from"), at(pointer, "from"), "'from'")
    end = clock_of(reader, found.get("to"), at(pointer, "to"), "'to'")
    if start is None or end is None:
        return None
    if start == end:
        reader.wrong(pointer, "quiet hours begin and end at the same time", "let them differ")
        return None
    return QuietHours(start, end)


WORKSPACE = ("time_zone", "quiet_hours", "caps", "holdout", "release_spread", "history")
DEFAULTS = {"release_spread": f"PT{SPREAD_MS // 60_000}M", "history": HORIZON.text}
"""What a workspace says that says nothing, where that is not nothing."""


def workspace(body: dict[str, Any]) -> Workspace:
    """What a workspace says for all its journeys: zone, quiet hours, caps, holdout, `release_spread`, `history`
    (R11, R38, R46, R58).

    Raises Invalid."""
    reader = Reader()
    found = reader.object_of(body, "", "a workspace") or {}
    reader.only(found, "", WORKSPACE)
    zone = _zone(reader, found["time_zone"], "/time_zone") if "time_zone" in found else ""
    quiet = _quiet(reader, found["quiet_hours"], "/quiet_hours") if "quiet_hours" in found else None
    caps = _caps(reader, found, "")
    spread = spread_of(reader, found["release_spread"], "/release_spread") if "release_spread" in found else SPREAD_MS
    held_out = _holdout(reader, found["holdout"], "/holdout") if "holdout" in found else 0
    kept = _history(reader, found["history"]) if "history" in found else HORIZON_MS
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    quiet = None if quiet == NEVER_QUIET else quiet
    return Workspace(durations.zone_of(zone), quiet, caps, spread, held_out, kept)


def _history(reader: Reader, value: object) -> int:
    """ms for which events are kept; 0: they are not."""
    if value == "none":
        return 0
    length = reader.duration_of(value, "/history", "'history' (or none)")
    days = longest_days(length) if length is not None else 0
    if days * durations.DAY_MS > HORIZON_MS:
        reader.wrong("/history", f"events are kept for at most {HORIZON.text}", f"use {HORIZON.text} or less")
    return days * durations.DAY_MS
