"""delay: the run rests for a time, or until an instant."""

from __future__ import annotations

from typing import Any

from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.durations import Duration
from laudstream.journey.kinds.place import MAX_AGE, STATE_ROOTS, Kind, Place, next_of
from laudstream.journey.kinds.rests import past_edges, rest_until
from laudstream.journey.moves import Left, rest
from laudstream.journey.parse_time import FALLBACK, until_and_fallback, until_schema
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey, Step
from laudstream.journey.until import Fallback, Until
from laudstream.journey.work import Work


class DelayStep(Step, frozen=True, gc=False):
    duration: Duration
    next: str
    until: Until | None = None
    """Where it is set, it counts, and not the duration."""
    fallback: Fallback = Fallback()


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    if "until" not in body:
        reader.only(body, spot, ("for",))
        return DelayStep(reader.duration_of(body.get("for"), at(spot, "for"), "'for'") or MAX_AGE, next_of(place, step))
    reader.only(body, spot, ("until", "if_past", "if_missing"))
    return DelayStep(MAX_AGE, next_of(place, step), *until_and_fallback(reader, body, spot, STATE_ROOTS))


def schema() -> dict[str, Any]:
    forms = [
        schemas.object_of(("for",), for_=schemas.DURATION),
        schemas.object_of(("until",), until=until_schema(), **FALLBACK),
    ]
    return schemas.step("delay", {"oneOf": forms}, next=schemas.NAME)


def edges(step: DelayStep) -> dict[str, str]:
    return {"next": step.next, **past_edges(step.fallback)}


def arrive(work: Work, run: Run, version: Journey, step: DelayStep, at: int) -> Left | None:
    if step.until is not None:
        return rest_until(work, run, version, step.until, step.fallback, due(step, at))
    rest(run, step.duration.add(at, work.zone(version)))
    return None


def due(step: DelayStep, at: int) -> Left:
    return Left("next", step.next, {}, at)


def reads(step: DelayStep) -> frozenset[str]:
    return step.until.reads if step.until is not None else frozenset()


KIND = Kind("delay", DelayStep, read, schema, edges, arrive, ("next",), due, holds=True, reads=reads, again=arrive)
