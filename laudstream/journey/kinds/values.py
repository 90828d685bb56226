"""Values that a step writes or emits: literals, or `{from: entry.total}` for what a path says then (R25)."""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.conditions import Get, Scope, getter
from laudstream.journey.kinds.place import STATE_ROOTS
from laudstream.journey.reader import Reader, at, shown

Values = tuple[tuple[str, Get], ...]
_size = msgspec.json.Encoder().encode


def value(reader: Reader, body: object, pointer: str) -> Get:
    """Reads the value in a scope."""
    if isinstance(body, dict) and "from" in body:
        reader.only(body, pointer, ("from",))
        return path(reader, body["from"], at(pointer, "from"))
    return lambda scope: body


def path(reader: Reader, body: object, pointer: str) -> Get:
    get = getter(body, STATE_ROOTS) if isinstance(body, str) else None
    if get is None:
        roots = "customer.…, entry.… or steps.<id>.event.…"
        reader.wrong(pointer, f"{shown(body)} is no path that can be read here", f"write a path: {roots}")
        return nothing
    return get


def nothing(scope: Scope) -> Any:
    return None


def size(values: dict[str, Any]) -> int:
    """Bytes as JSON."""
    return len(_size(values))
