"""Kinds of definitions that are live at once: how each is read, replaced and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from api.counted import Counted
from api.naming import Neighbours
from api.publishing import Version


class Live(NamedTuple):
    """A definition as it is live."""

    id: str
    version: int
    status: str
    updated_at: int | None
    body: dict[str, Any]
    problem: str | None


class Made(NamedTuple):
    """What became of a publish."""

    id: str
    version: int
    status: str
    seen: bool
    changed: bool
    body: dict[str, Any]
    problem: str | None


class Shape(NamedTuple):
    """How a kind is shown."""

    lines: Callable[[list[Live]], msgspec.Struct]
    one: Callable[[Live, list[Version], list[Counted]], msgspec.Struct]
    made: Callable[[Made], msgspec.Struct]


class Kind(NamedTuple):
    name: str
    parse: Callable[[dict[str, Any], Neighbours | None], dict[str, Any]]
    """The body that is kept. Raises Invalid if it is wrong, or names what is not there."""
    shape: Shape
    names: bool = True
    """It names others: it is checked against them, while nothing else changes."""
    replaces: Callable[[str, dict[str, Any], dict[str, Any]], None] = lambda id, before, after: None
    """Raises Refused where one body cannot follow the other."""
