"""What tests of times share: instants by their local time, rests until one, waits whose time-out is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

from laudstream.conditions import Scope, getter
from laudstream.journey.durations import parse as duration
from laudstream.journey.until import Offset, Until, due

HOUR, MINUTE, DAY = 3_600_000, 60_000, 86_400_000
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC")
EVERY_ZONE = (*ZONES, *sorted(available_timezones() - {*ZONES}))
"""All that there are, the ones to which examples shrink first."""
PAST = {"date": "customer.renews_on"}
EXACT = {"settings": {"release_spread": "PT0S"}}


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """The hours, UTC, in which the clocks of a zone change from 2020 to 2040."""
    zone, day = ZoneInfo(name), datetime(2020, 1, 2, tzinfo=UTC)
    found = []
    while day.year < 2040:
        following = day + timedelta(days=1)
        if day.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset():
            hours = (day + timedelta(hours=n) for n in range(24))
            found += [
                hour.replace(tzinfo=None)
                for hour in hours
                if hour.astimezone(zone).utcoffset() != (hour + timedelta(hours=1)).astimezone(zone).utcoffset()
            ]
        day = following
    return tuple(found)


@st.composite
def somewhere(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant (UTC) from 2020 to 2040: any, or one within a day and a half of a change of its clocks."""
    name = draw(st.sampled_from(EVERY_ZONE))
    if changes(name) and draw(st.booleans()):
        minutes = draw(st.integers(-36 * 60, 36 * 60))
        return name, draw(st.sampled_from(changes(name))) + timedelta(minutes=minutes)
    return name, draw(st.datetimes(datetime(2020, 1, 2), datetime(2040, 1, 1)))


CLOCK = st.one_of(st.integers(0, 1439), st.integers(0, 239))
"""Minutes of a day, most of them of the hours in which clocks change."""


def until_value(value: Any, zone: str, offset: str = "", clock: int | None = None) -> int | None:
    """When `value` of a customer, moved by `offset`, at `clock` (minutes), is in `zone`; ms."""
    moved = Offset(duration(offset.removeprefix("-")), -1 if offset.startswith("-") else 1) if offset else None
    until = Until("customer.x", getter("customer.x", ("customer",)), moved, clock)
    found = due(until, Scope("ann", {"x": value}, {}), 0, ZoneInfo(zone))
    return None if found is None else found.at


def rest(until: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {"rest": {"delay": {"until": until, **beside}, "next": "done"}}


def waits(until: dict[str, Any], **beside: Any) -> dict[str, Any]:
    branches = [{"event": {"name": "buy"}, "count": 2, "next": "done"}]
    return {"look": {"wait": {"branches": branches, "timeout": {"until": until, "next": "late", **beside}}}}
