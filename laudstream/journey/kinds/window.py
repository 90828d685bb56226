"""window: runs pass only while it is open (R31)."""

from __future__ import annotations

from typing import Any

from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.kinds.place import Kind, Place, next_of
from laudstream.journey.kinds.rests import past, past_edges
from laudstream.journey.moves import Left, rest
from laudstream.journey.parse_time import FALLBACK, fallback_of, window_forms, window_of
from laudstream.journey.releases import released
from laudstream.journey.steps import Journey, Step
from laudstream.journey.until import Fallback
from laudstream.journey.windows import Window, opening
from laudstream.journey.work import Work

_ZONE = frozenset({"timezone"})


class WindowStep(Step, frozen=True, gc=False):
    window: Window
    next: str
    fallback: Fallback = Fallback()


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    window = window_of(reader, body, spot, ("if_past",))
    fallback = fallback_of(reader, body, spot, bool({"starts_at", "ends_at"} & body.keys()), missing=False)
    return WindowStep(window, next_of(place, step), fallback)


def schema() -> dict[str, Any]:
    clocks, instants = window_forms()
    forms = [
        {**schemas.object_of(**clocks), "minProperties": 1},
        schemas.object_of(tuple(instants), **instants, if_past=FALLBACK["if_past"]),
    ]
    return schemas.step("window", {"oneOf": forms}, next=schemas.NAME)


def edges(step: WindowStep) -> dict[str, str]:
    return {"next": step.next, **past_edges(step.fallback)}


def arrive(work: Work, run: Run, version: Journey, step: WindowStep, at: int) -> Left | None:
    found = opening(step.window, at, work.zone(version))
    if found is None:  # it never opens again
        return past(work, run, step.fallback, due(step, at), {"due": step.window.ends_at})
    opens, closes = found
    if opens <= at:
        return due(step, at)
    rest(run, released(work, version, opens, closes))
    return None


def due(step: WindowStep, at: int) -> Left:
    return Left("next", step.next, {}, at)


def reads(step: WindowStep) -> frozenset[str]:
    return frozenset() if step.window.ends_at else _ZONE


KIND = Kind("window", WindowStep, read, schema, edges, arrive, ("next",), reads=reads, again=arrive, fires=arrive)
