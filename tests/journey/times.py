"""What tests of times share: instants by their local time, rests until one, waits whose time-out is one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from laudstream.conditions import Scope, getter
from laudstream.journey.durations import parse as duration
from laudstream.journey.until import Offset, Until, due

HOUR, MINUTE, DAY = 3_600_000, 60_000, 86_400_000
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC")
PAST = {"date": "customer.renews_on"}
EXACT = {"settings": {"release_spread": "PT0S"}}


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


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
