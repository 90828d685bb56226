"""How deep JSON may be nested. Deeper than this nobody can be sure to read it again: how deep a decoder goes depends on
how deep it is called (A13)."""

from __future__ import annotations

from typing import Any

from laudstream.errors import Undecodable

MOST = 200
SHORT = 2 * MOST
"""A text of fewer bytes is not as deep."""


def check(text: bytes | str, value: Any) -> None:
    """Raises Undecodable if what was read from a text is nested deeper than MOST."""
    if len(text) < SHORT:
        return
    opened = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    if opened > MOST and _deeper(value, MOST):
        raise Undecodable(f"nested more than {MOST} deep")


def _deeper(value: Any, most: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(
        _deeper(inner, most - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )
