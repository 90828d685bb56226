"""A migration map: where the runs of other versions go when a version takes over (R48).

`migrate: {old step: new step | exit | stay}` in a definition; the same, with the version that it leads to, is what
lanes read. A step that the map does not name is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from laudstream.errors import Invalid
from laudstream.journey import schemas
from laudstream.journey.reader import Reader, at, shown

EXIT, STAY = "exit", "stay"
MOST = 1_000


class Migration(msgspec.Struct, frozen=True, gc=False):
    number: int
    """Of the map among the maps of its journey: 1, 2, 3, …"""
    to: int
    """Version."""
    steps: dict[str, str]
    at: int = 0
    """ms; runs that entered before it are looked at, each where it was then."""


def goes(steps: Mapping[str, str], step: str) -> str:
    """Where a run at a step of another version goes: a step, exit or stay."""
    return steps.get(step, STAY)


def read(reader: Reader, body: object, pointer: str, steps: Collection[str] | None) -> dict[str, str]:
    """A map. `steps`: those of the version that it leads to; None: not known."""
    found = reader.object_of(body, pointer, "'migrate' (old step: new step, exit or stay)") or {}
    if len(found) > MOST:
        reader.wrong(pointer, f"a map names at most {MOST} steps", "leave out those that stay")
    for old, new in found.items():
        spot = at(pointer, old)
        reader.name_of(old, spot, "the name of an old step")
        if not isinstance(new, str):
            reader.wrong(spot, "where do people go who are there?", "write a step of this version, exit or stay")
        elif new in (EXIT, STAY):
            if steps is not None and new in steps:
                reader.wrong(spot, f"{new!r} is a word of the map and a step too", "give the step another name")
        elif steps is not None and new not in steps:
            known = ", ".join(list(steps)[:20])
            reader.wrong(spot, f"there is no step {shown(new)} in this version", f"use exit, stay or one of: {known}")
    return {old: new for old, new in found.items() if isinstance(new, str)}


def parse(number: int, body: Mapping[str, Any]) -> Migration:
    """What lanes read: `{to: version, steps: {…}}`. Raises Invalid."""
    reader = Reader()
    reader.only(dict(body), "", ("to", "steps"))
    to = reader.whole_of(body.get("to"), "/to", "'to'", 1, 2**31 - 1)
    steps = read(reader, body.get("steps"), "/steps", None)
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer}: {first.message}", tuple(reader.problems))
    return Migration(number, to or 0, steps)


def schema() -> dict[str, Any]:
    return {
        "type": "object", "propertyNames": schemas.NAME, "maxProperties": MOST, "additionalProperties": schemas.NAME,
        "description": "where people of the versions before go, by the step where they are: a step of this version, "
        "exit or stay; whoever is at a step that is not named stays on its version",
    }  # fmt: skip
