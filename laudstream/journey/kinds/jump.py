"""jump: the run goes to another step. Cycles count through it (R14), and so does coming round with nothing in between
(R51)."""

from __future__ import annotations

from typing import Any

from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.kinds.place import Kind, Place
from laudstream.journey.moves import Left
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey, Step
from laudstream.journey.work import Work


class JumpStep(Step, frozen=True, gc=False):
    to: str


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    place.reader.only(body, place.pointer, ("to",))
    return JumpStep(place.reader.name_of(body.get("to"), at(place.pointer, "to"), "'to'") or "")


def schema() -> dict[str, Any]:
    return schemas.step("jump", {"anyOf": [schemas.NAME, schemas.object_of(("to",), to=schemas.NAME)]})


def edges(step: JumpStep) -> dict[str, str]:
    return {"next": step.to}


def arrive(work: Work, run: Run, version: Journey, step: JumpStep, at: int) -> Left:
    return Left("next", step.to, {}, at)


KIND = Kind("jump", JumpStep, read, schema, edges, arrive, short="to")
