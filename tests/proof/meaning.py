"""What definitions mean, said once more, without the code under test: conditions, local time, windows, caps.

Only the forms that `tests.proof.words` writes. Times are ms.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Protocol
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class Known(Protocol):
    """What conditions look at."""

    def attributes(self) -> Mapping[str, Any]: ...
    def member(self, segment: str) -> bool: ...
    def consent(self, name: str) -> str: ...
    def times(self, event: str) -> list[int]:
        """When events of that name happened."""

    def told(self, asked: Mapping[str, Any]) -> int:
        """How many deliveries are of that kind, journey, tag and link."""

    def ran(self, asked: Mapping[str, Any]) -> int:
        """How many runs of that journey are or were so."""


def holds(
    condition: Mapping[str, Any], known: Known, now: int, zone: str, event: Mapping[str, Any] | None = None
) -> bool:
    """Whether a condition holds; `event`: the properties of the input, where conditions may read them."""
    ((subject, asked),) = condition.items()
    if subject in ("all", "any", "none"):
        each = [holds(one, known, now, zone, event) for one in asked]
        return all(each) if subject == "all" else any(each) if subject == "any" else not any(each)
    if subject == "segment":
        return known.member(asked)
    if subject == "consent":
        return known.consent(f"{asked['channel']}/{asked.get('subscription', '')}") == asked["is"]
    if subject == "event":
        young = [at for at in known.times(asked["name"]) if counted_until(at, asked["within"], zone) > now]
        return len(young) >= asked["at_least"]
    if subject in ("message", "run"):
        return (known.told(asked) if subject == "message" else known.ran(asked)) >= asked.get("at_least", 1)
    root, _, name = subject.partition(".")
    value = (known.attributes() if root == "customer" else event or {}).get(name)
    ((operator, operand),) = asked.items()
    if operator == "exists":
        return value is not None
    if operator == "equals":
        return value == operand
    assert operator == "at_least"
    return isinstance(value, int) and value >= operand


# Time


def local(at: int, zone: str) -> datetime:
    return (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    )


def instant(wall: datetime, zone: str) -> int:
    """A local time that exists twice means its first; one that does not exist moves to the next that does (R11)."""
    first = round(wall.replace(tzinfo=ZoneInfo(zone), fold=0).timestamp() * 1000)
    if local(first, zone) == wall:
        return first
    while local(first - MINUTE, zone) > wall:  # clocks went forward over it
        first -= MINUTE
    return first - first % MINUTE


def plus(at: int, duration: str, zone: str) -> int:
    """Days by the calendar of the zone, hours exactly (R32)."""
    match = _DURATION.fullmatch(duration)
    assert match is not None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if days:
        at = instant(local(at, zone) + timedelta(days=days), zone)
    return at + ((hours * 60 + minutes) * 60 + seconds) * 1000


def counted_until(at: int, within: str, zone: str) -> int:
    """What happened in the second of two equal hours counts as if at its end (R32)."""
    wall = datetime.fromtimestamp(at // 1000, ZoneInfo(zone))
    days = _DURATION.fullmatch(within)
    if not wall.fold or days is None or not days[1]:
        return plus(at, within, zone)
    return plus(at - at % 3_600_000 + 3_600_000, within, zone)


def minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def spans(window: Mapping[str, Any], around: int, zone: str) -> Iterable[tuple[int, int]]:
    """The (opening, closing) of a window, from two days before an instant on; it belongs to the day on which it opens
    (R31)."""
    begin, end = minutes(window.get("from", "00:00")), minutes(window["to"]) if "to" in window else 24 * 60
    midnight = local(around, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(-2, 10):
        day = midnight + timedelta(days=days)
        if WEEKDAYS[day.weekday()] in window.get("weekday", WEEKDAYS):
            over = 24 * 60 if end <= begin else 0
            yield instant(day + timedelta(minutes=begin), zone), instant(day + timedelta(minutes=end + over), zone)


def closes(windows: Iterable[Mapping[str, Any]], at: int, zone: str) -> int:
    """When the latest of the windows that are open closes; 0: none is."""
    return max((end for one in windows for begin, end in spans(one, at, zone) if begin <= at < end), default=0)


def is_open(windows: Iterable[Mapping[str, Any]], at: int, zone: str) -> bool:
    return closes(windows, at, zone) > 0


# Caps


def counts_until(per: str, at: int, zone: str) -> int:
    """Until when a message of that time counts: rolling forwards, or to the end of its day, week or month (R10)."""
    if per.startswith("P"):
        return plus(at, per, zone)
    midnight = local(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "day":
        days = 1
    elif per == "week":
        days = 7 - midnight.weekday()
    else:
        days = calendar.monthrange(midnight.year, midnight.month)[1] - midnight.day + 1
    return instant(midnight + timedelta(days=days), zone)


def share(*parts: str) -> float:
    """Where the parts fall by hash: 0 to 100."""
    digest = blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100


def leads_to(step: Mapping[str, Any]) -> set[str]:
    """Where a step may lead."""
    found = set()
    following = step.get("next")
    found |= set(following.values()) if isinstance(following, dict) else {following} if following else set()
    for body in (step.get("wait"), step.get("split")):
        if body:
            found |= {branch["next"] for branch in body["branches"]}
            found |= {body["timeout"]["next"]} if "timeout" in body else {body["else"]}
    return found | ({step["jump"]} if "jump" in step else set())
