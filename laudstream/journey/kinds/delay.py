"""delay: the run rests for a time."""

from __future__ import annotations

from typing import Any

from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.durations import Duration
from laudstream.journey.kinds.place import MAX_AGE, Kind, Place, next_of
from laudstream.journey.moves import Left, rest
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey, Step
from laudstream.journey.work import Work


class DelayStep(Step, frozen=True, gc=False):
    duration: Duration
    next: str


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    place.reader.only(body, place.pointer, ("for",), ("until", "offset", "if_past", "if_missing"))
    length = place.reader.duration_of(body.get("for"), at(place.pointer, "for"), "'for'") or MAX_AGE
    return DelayStep(length, next_of(place, step))


def schema() -> dict[str, Any]:
    return schemas.step("delay", schemas.object_of(("for",), for_=schemas.DURATION), next=schemas.NAME)


def edges(step: DelayStep) -> dict[str, str]:
    return {"next": step.next}


def arrive(work: Work, run: Run, version: Journey, step: DelayStep, at: int) -> Left | None:
    rest(run, step.duration.add(at, work.zone(version)))
    return None


def due(step: DelayStep, at: int) -> Left:
    return Left("next", step.next, {}, at)


KIND = Kind("delay", DelayStep, read, schema, edges, arrive, ("next",), due, holds=True)
