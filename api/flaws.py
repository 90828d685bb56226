"""What JSON can say and we cannot keep: PostgreSQL no NUL characters, msgpack no numbers beyond 64 bits."""

from __future__ import annotations

from typing import Any

from laudstream.errors import Problem

MAX_INT = (1 << 63) - 1
NUL = ("holds the NUL character", "leave the character out")


def flaw(value: dict[str, Any] | list[Any], most: int, nul: bool, pointer: str = "") -> Problem | None:
    """The first thing in a JSON value that cannot be kept; `most`: levels, `nul`: there may be NUL characters."""
    if not nul and _fits(value, most):
        return None
    found = _flaw(value, most, most, nul)
    return Problem(pointer + found[0], found[1], found[2]) if found else None


def may_hold_nul(body: bytes) -> bool:
    """Whether a JSON text may have NUL characters in it, which it can only write as an escape."""
    return b"\\u0000" in body


def _fits(value: Any, depth: int) -> bool:
    """Whether there is no flaw in a value without NUL characters: the usual case, in a third of the time."""
    if depth == 0:
        return False
    for inner in value.values() if type(value) is dict else value:
        kind = type(inner)
        if kind is int:
            if not -MAX_INT <= inner <= MAX_INT:
                return False
        elif (kind is dict or kind is list) and not _fits(inner, depth - 1):
            return False
    return True


def _flaw(value: dict[str, Any] | list[Any], depth: int, most: int, nul: bool) -> tuple[str, str, str] | None:
    if depth == 0:
        return "", f"nested more than {most} deep", "flatten it"
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        kind = type(inner)
        found: tuple[str, str, str] | None = None
        if kind is int:
            if not -MAX_INT <= inner <= MAX_INT:
                found = ("", "a whole number of more than 64 bits", "send it as text")
        elif kind is dict or kind is list:
            found = _flaw(inner, depth - 1, most, nul)
        elif nul and kind is str and "\0" in inner:
            found = ("", *NUL)
        if nul and found is None and "\0" in str(key):
            found = ("", *NUL)
        if found is not None:
            return f"/{str(key).replace('~', '~0').replace('/', '~1')}{found[0]}", found[1], found[2]
    return None
