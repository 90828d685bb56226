"""exit: the run ends with a named outcome."""

from __future__ import annotations

from typing import Any

from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.kinds.place import Kind, Place
from laudstream.journey.moves import end
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey, Step
from laudstream.journey.work import Work


class ExitStep(Step, frozen=True, gc=False):
    outcome: str


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    place.reader.only(body, place.pointer, ("outcome",))
    return ExitStep(place.reader.name_of(body.get("outcome"), at(place.pointer, "outcome"), "'outcome'") or "")


def schema() -> dict[str, Any]:
    return schemas.step("exit", schemas.object_of(("outcome",), outcome=schemas.NAME))


def edges(step: ExitStep) -> dict[str, str]:
    return {}


def arrive(work: Work, run: Run, version: Journey, step: ExitStep, at: int) -> None:
    end(work, run, at, outcome=step.outcome)


KIND = Kind("exit", ExitStep, read, schema, edges, arrive)
