"""Definitions of segments: {id, name, condition} or {id, name, manual: true}.

A manual segment has the members that rows say; a condition may name other segments, but never in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from laudstream import conditions
from laudstream.conditions import Condition
from laudstream.errors import Invalid
from laudstream.journey.durations import Duration
from laudstream.journey.reader import HORIZON, Reader

FIELDS = ("id", "name", "condition", "manual")


class Segment(msgspec.Struct, frozen=True, gc=False):
    id: str
    name: str
    condition: Condition | None
    """None: it is manual."""

    @property
    def names(self) -> frozenset[str]:
        """Segments that it names."""
        return self.condition.needs.segments if self.condition is not None else frozenset()


def parse(
    body: dict[str, Any],
    others: Mapping[str, frozenset[str]] | None = None,
    horizon: Duration | None = HORIZON,
) -> Segment:
    """The segment that `body` defines. Raises Invalid. `others`: live segments -> those that they name; None: any
    may be named."""
    reader = Reader(horizon, None if others is None else {*others, str(body.get("id"))})
    found = reader.object_of(body, "", "a segment") or {}
    reader.only(found, "", FIELDS)
    id = reader.name_of(found.get("id"), "/id", "'id'") or ""
    name = reader.text_of(found["name"], "/name", "'name'") if "name" in found else id
    condition = None
    if "manual" in found and "condition" not in found:
        if found["manual"] is not True:
            reader.wrong("/manual", "'manual' must be true", "write manual: true, or a condition")
    elif "condition" in found and "manual" not in found:
        condition = conditions.read(reader, found["condition"], "/condition", ("customer",))
    else:
        reader.wrong("", "a segment has a condition, or is manual", "write either condition: {…} or manual: true")
    made = Segment(id, name or id, condition)
    if not reader.problems:
        way = circle({**(others or {}), id: made.names}, id)
        if way:
            told = " -> ".join(way)
            reader.wrong("/condition", f"segments name each other in a circle: {told}", "take one of them out")
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    return made


def circle(names: Mapping[str, frozenset[str]], start: str) -> list[str]:
    """A way from `start` back to it over the segments that each names; empty if there is none."""
    came: dict[str, str] = {}
    pending = [start]
    while pending:
        here = pending.pop()
        for following in sorted(names.get(here, ())):
            if following == start:
                way = [start, here]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return way[::-1]
            if following not in came:
                came[following] = here
                pending.append(following)
    return []
