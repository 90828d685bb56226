"""Numbers that msgpack cannot hold, as ones that it can.

JSON and PostgreSQL have whole numbers of any length: 1e300 in a `jsonb` column is ten bytes, and read back it is a
whole number of 301 digits. In a state record a number has 64 bits.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from math import inf, isfinite
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

T = TypeVar("T", bound=msgspec.Struct)

LEAST, MOST = -(1 << 63), (1 << 64) - 1


def bounded(struct: T) -> T:
    """The same with every whole number beyond 64 bits as the float next to it; beyond floats, as the last of them."""
    return replace(struct, **{name: _value(getattr(struct, name)) for name in struct.__struct_fields__})


def _value(value: Any) -> Any:
    if type(value) is int:
        return value if LEAST <= value <= MOST else nearest(value)
    if isinstance(value, dict):
        return {key: _value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        made = [_value(inner) for inner in value]
        return made if isinstance(value, list) else tuple(made)
    if isinstance(value, msgspec.Struct):
        return bounded(value)
    return value


def nearest(value: int | Decimal) -> float:
    """The float next to a number; beyond all of them, the last one."""
    try:
        found = float(value)
    except OverflowError:
        found = inf
    return found if isfinite(found) else sys.float_info.max if value > 0 else -sys.float_info.max
