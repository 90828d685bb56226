"""experiment: weighted arms, assigned once by hash (R9, R45)."""

from __future__ import annotations

from typing import Any

from laudstream.ids import share
from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.kinds.place import Kind, Place, share_of
from laudstream.journey.moves import Left
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey, Step
from laudstream.journey.work import Work

HOLDOUT = "holdout"


class ExperimentStep(Step, frozen=True, gc=False):
    id: str
    arms: tuple[tuple[str, int], ...]
    """(arm, share in 1/10,000); the holdout arm is one of them."""
    next: dict[str, str]


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, ("id", "arms", "holdout"), ("winner",))
    arms = reader.object_of(body.get("arms"), at(spot, "arms"), "'arms'") or {}
    shares = {name: share_of(reader, weight, at(spot, "arms", name)) for name, weight in arms.items()}
    if "holdout" in body:
        if HOLDOUT in arms:
            reader.wrong(at(spot, "arms", HOLDOUT), f"{HOLDOUT!r} is the name of the holdout arm", "rename this arm")
        shares[HOLDOUT] = share_of(reader, body["holdout"], at(spot, "holdout"))
        arms = {**arms, HOLDOUT: body["holdout"]}
    total = sum(weight or 0 for weight in shares.values())
    if not arms or (None not in shares.values() and total != 10_000):
        reader.wrong(at(spot, "arms"), f"the weights add up to {total / 100:g}, not to 100", "make it 100")
    for name in arms:
        reader.name_of(name, at(spot, "arms", name), "an arm")
    given = step.get("next")
    if isinstance(given, str):
        if HOLDOUT in shares:
            fix = "write next: {arm: step, …, holdout: step}"
            reader.wrong(at(place.outer, "next"), "a holdout arm goes a way of its own", fix)
        given = dict.fromkeys(arms, given)
    ways = reader.object_of(given, at(place.outer, "next"), "'next' (a step, or one for each arm)") or {}
    reader.only(ways, at(place.outer, "next"), tuple(arms))
    following = {
        arm: reader.name_of(ways.get(arm), at(place.outer, "next", arm), f"the step after arm {arm!r}") or ""
        for arm in arms
    }
    id = reader.text_of(body["id"], at(spot, "id"), "'id'") if "id" in body else None
    weights = tuple((arm, weight or 0) for arm, weight in shares.items())
    return ExperimentStep(id or f"{place.journey}/{place.step}", weights, following)


def schema() -> dict[str, Any]:
    weights = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100}}
    arms = {"anyOf": [schemas.NAME, {"type": "object", "additionalProperties": schemas.NAME}]}
    return schemas.step(
        "experiment",
        schemas.object_of(
            ("arms",), id=schemas.TEXT, arms=weights, holdout={"type": "number", "minimum": 0, "maximum": 100}
        ),
        next=arms,
    )


def edges(step: ExperimentStep) -> dict[str, str]:
    return dict(step.next)


def arrive(work: Work, run: Run, version: Journey, step: ExperimentStep, at: int) -> Left:
    arm = work.core.assignments.get(step.id)
    if arm not in step.next:
        winner = work.space.winners.get(step.id, "")
        arm = winner if winner in step.next else assign(step, share(work.workspace, step.id, work.customer))
        work.core.assignments = {**work.core.assignments, step.id: arm}
    run.arms = {**run.arms, run.step: arm}
    return Left(arm, step.next[arm], {"experiment": step.id}, at)


def assign(step: ExperimentStep, point: int) -> str:
    for arm, weight in step.arms:
        point -= weight
        if point < 0:
            return arm
    raise AssertionError("weights add up to 10,000")


KIND = Kind("experiment", ExperimentStep, read, schema, edges, arrive, ("next",))
