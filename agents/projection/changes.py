"""Writes of lanes to customers' rows (A19), taken apart into one row an attribute. Pure.

Each write has a number, 1, 2, 3, … per customer, and the row keeps the number of the last write that it contains.
A write applies if its number is greater: so it applies exactly once, in order, whatever is repeated (R53). A gap
(a write that could not be carried out, a row restored from a backup) holds nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from agents.projection.rows import SeenRow, WriteRow
from laudstream.errors import Undecodable
from laudstream.journey.write import Write

FIRST_SIGHT, SET, UNSET = "first_sight", "set", "unset"

_encode = msgspec.json.Encoder().encode


class Changes(NamedTuple):
    """What writes come to."""

    seen: list[SeenRow]
    writes: list[WriteRow]


def check_write(w: Write) -> None:
    """Raises Undecodable for a write that nobody can carry out."""
    if w.op not in (FIRST_SIGHT, SET, UNSET):
        raise Undecodable(f"unknown op of a write {w.op[:40]!r}")
    if w.number < 1:
        raise Undecodable(f"write with number {w.number}: numbers begin with 1")


def writes(taken: Iterable[Write]) -> Changes:
    """Rows of writes; each has passed `check_write`."""
    into = Changes([], [])
    for w in taken:
        if w.op == FIRST_SIGHT:
            into.seen.append(SeenRow(w.workspace, w.customer, w.number, w.at))
        values: dict[str, msgspec.Raw | None] = {}
        if w.op == SET:
            values = {name: msgspec.Raw(_encode(value)) for name, value in w.attributes.items()}
        elif w.op == UNSET:
            values = dict.fromkeys(w.names)
        head = (w.workspace, w.customer, w.number, w.born)
        into.writes.extend(WriteRow(*head, name, value) for name, value in values.items())
        if not values:
            into.writes.append(WriteRow(*head, None, None))
    return into
