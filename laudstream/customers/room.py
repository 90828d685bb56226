"""The room that attributes take in a customer's row, as PostgreSQL measures it (A7, A16): what a lane wants to write is
measured before it is decided, so that nothing is decided that the row cannot hold.

A row holds 64 KB of `jsonb`, 256 KB as text, and 100 levels. `jsonb` is larger than JSON where there are many small
values (`[1,1,…]`: six times), text where there are numbers like 1e308 (fifty-two times).
"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

import msgspec

JSON_BYTES = 64 * 1024
ROW_BYTES = 64 * 1024
TEXT_BYTES = 256 * 1024
LEVELS = 100
SMALL = 5_000
"""Of so many bytes of JSON no row is too large."""

_encode = msgspec.json.Encoder().encode


class Room(NamedTuple):
    row: int
    """Bytes of `jsonb`."""
    text: int
    """Bytes as text."""
    levels: int
    """How deep it is nested."""


def fits(attributes: dict[str, Any]) -> bool:
    """Whether a lane may write them: as JSON, too, they have at most 64 KB."""
    text = _encode(attributes)
    return len(text) <= JSON_BYTES and (_small(text) or _in_row(attributes))


def holds(attributes: dict[str, Any]) -> bool:
    """Whether a row can hold them."""
    return _small(_encode(attributes)) or _in_row(attributes)


def room(attributes: dict[str, Any]) -> Room:
    return _Measure(attributes).room()


def _small(text: bytes) -> bool:
    return len(text) <= SMALL and text.count(b"{") + text.count(b"[") <= LEVELS


def _in_row(attributes: dict[str, Any]) -> bool:
    taken = room(attributes)
    return taken.row <= ROW_BYTES and taken.text <= TEXT_BYTES and taken.levels <= LEVELS


class _Measure:
    """Goes along a `jsonb` as PostgreSQL lays it out: 4 bytes of size; a container has 4 bytes and 4 for each name and
    value, then what is in it; numbers and containers begin at multiples of 4."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.row, self.text, self.levels = 4, 0, 0
        self._container(attributes, 1)

    def room(self) -> Room:
        return Room(self.row, self.text, self.levels)

    def _container(self, value: dict[Any, Any] | list[Any] | tuple[Any, ...], level: int) -> None:
        self.row += -self.row % 4 + 4
        self.text += 2 + 2 * max(0, len(value) - 1)
        if not isinstance(value, dict):
            self.row += 4 * len(value)
            for inner in value:
                self._value(inner, level)
            return
        self.row += 8 * len(value)
        names = sorted((len(name), name) for name in map(_plain, value))
        found = {_plain(name): inner for name, inner in value.items()}
        for size, name in names:
            self.row += size
            self.text += len(_encode(name.decode())) + 2
        for _, name in names:
            self._value(found[name], level)

    def _value(self, value: Any, level: int) -> None:
        self.levels = max(self.levels, level)
        if isinstance(value, str):
            plain = _plain(value)
            self.row += len(plain)
            self.text += len(_encode(plain.decode()))
        elif value is None or isinstance(value, bool):
            self.text += 5 if value is False else 4
        elif isinstance(value, dict | list | tuple):
            self._container(value, level + 1)
        elif isinstance(value, float) and not isfinite(value):
            self.text += 4  # JSON has none of them: null
        else:
            self._number(value)

    def _number(self, value: float) -> None:
        """Four decimal digits take two bytes; zeros at both ends take none."""
        text = format(Decimal(repr(value)), "f")
        digits = text.lstrip("-")
        self.text += len(digits) + (value < 0)
        whole, _, part = digits.partition(".")
        whole, kept = whole.lstrip("0"), part.rstrip("0")
        groups = [(len(whole) + 3) // 4, (len(kept) + 3) // 4]
        if not kept:
            groups[0] -= (len(whole) - len(whole.rstrip("0"))) // 4 if whole else 0
        elif not whole:
            groups[1] -= (len(kept) - len(kept.lstrip("0"))) // 4
        weight = (len(whole) + 3) // 4 - 1 if whole else -1 - (len(kept) - len(kept.lstrip("0"))) // 4
        short = len(part) <= 63 and (-64 <= weight <= 63)
        self.row += -self.row % 4 + (6 if short else 8) + 2 * sum(groups)


def _plain(text: str) -> bytes:
    """Without NUL, which PostgreSQL cannot keep: the projector leaves it out."""
    return text.replace("\0", "").encode()
