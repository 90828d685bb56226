"""The step kinds. A kind is a module here and a line in ALL."""

from __future__ import annotations

from laudstream.journey.kinds import delay, emit, exit, experiment, jump, message, split, update, wait, window
from laudstream.journey.kinds.place import Kind, Place
from laudstream.journey.reader import at, shown
from laudstream.journey.steps import Step

ALL = (
    message.KIND, delay.KIND, window.KIND, wait.KIND, split.KIND, experiment.KIND, update.KIND, emit.KIND, jump.KIND,
    exit.KIND,
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in ALL}
OF: dict[type, Kind] = {kind.type: kind for kind in ALL}
"""Type of a step -> its kind."""
ARRIVE = {kind.type: kind.arrive for kind in ALL}


def read(place: Place, body: object) -> Step | None:
    """The step at `place.outer`, whose pointer and name `place` has."""
    reader = place.reader
    found = reader.object_of(body, place.outer, "a step")
    if found is None:
        return None
    kinds = [key for key in found if key in KINDS]
    if len(kinds) != 1:
        unknown = [key for key in found if key != "next" and key not in kinds]
        message = f"unknown step kind {shown(unknown[0])}" if unknown and not kinds else "a step has exactly one kind"
        reader.wrong(place.outer, message, f"use one of: {', '.join(KINDS)}")
        return None
    kind = kinds[0]
    reader.only(found, place.outer, (kind, *KINDS[kind].beside), ("note",))
    short, written = KINDS[kind].short, found[kind]
    if short and isinstance(written, str):
        written = {short: written}
    settings = reader.object_of(written, at(place.outer, kind), f"{kind!r}")
    if settings is None:
        return None
    return KINDS[kind].read(place._replace(pointer=at(place.outer, kind)), settings, found)
