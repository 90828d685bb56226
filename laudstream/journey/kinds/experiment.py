"""experiment: weighted arms, assigned once by hash, and a winner that takes all who come later (R9, R45)."""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.ids import share
from laudstream.journey import schemas
from laudstream.journey.customer import HOLDING, Run
from laudstream.journey.durations import Duration
from laudstream.journey.durations import parse as parse_duration
from laudstream.journey.handoff import ARM, Ask
from laudstream.journey.kinds.place import Kind, Place, share_of
from laudstream.journey.live import DELETED
from laudstream.journey.moves import Left, rest
from laudstream.journey.reader import at
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey, Step
from laudstream.journey.work import Work

HOLDOUT = "holdout"
METRICS = ("opened", "clicked", "goal")
MOST_MINIMUM = 1_000_000_000
HOLD_AT_MOST = parse_duration("P1D")
LATE_MS = 3_600_000
"""How long after `hold_at_most` a run waits for whoever chooses; then it goes its own arm."""


class Winner(msgspec.Struct, frozen=True, gc=False):
    """How an arm wins (R45)."""

    metric: str
    """opened, clicked: runs with such a message; goal: runs that reached their goal."""
    minimum: int
    """Customers of each arm who must be assigned before one is chosen."""
    hold_rest: bool = False
    """Everyone after the first `minimum` of each arm waits for the winner."""
    hold_at_most: Duration = HOLD_AT_MOST


class ExperimentStep(Step, frozen=True, gc=False):
    id: str
    arms: tuple[tuple[str, int], ...]
    """(arm, share in 1/10,000); the holdout arm is one of them."""
    next: dict[str, str]
    winner: Winner | None = None

    @property
    def candidates(self) -> tuple[str, ...]:
        """Arms that may win, in their order."""
        return tuple(arm for arm, _ in self.arms if arm != HOLDOUT)


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, ("id", "arms", "holdout", "winner"))
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
        if name == DELETED:
            reader.wrong(at(spot, "arms", name), f"an arm cannot be named {name!r}", "rename this arm")
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
    winner = _winner(place, body["winner"], at(spot, "winner")) if "winner" in body else None
    if winner is not None and sum(weight > 0 for arm, weight in weights if arm != HOLDOUT) < 2:
        reader.wrong(at(spot, "winner"), "a winner needs two arms at least", "add an arm, or leave 'winner' out")
    return ExperimentStep(id or f"{place.journey}/{place.step}", weights, following, winner)


def _winner(place: Place, body: object, pointer: str) -> Winner | None:
    reader = place.reader
    found = reader.object_of(body, pointer, "'winner'")
    if found is None:
        return None
    reader.only(found, pointer, ("metric", "minimum", "hold_rest", "hold_at_most"))
    metric = reader.choice_of(found.get("metric"), at(pointer, "metric"), "'metric'", METRICS) or ""
    minimum = reader.whole_of(found.get("minimum"), at(pointer, "minimum"), "'minimum'", 1, MOST_MINIMUM) or 1
    hold, longest = False, HOLD_AT_MOST
    if "hold_rest" in found:
        hold = bool(reader.flag_of(found["hold_rest"], at(pointer, "hold_rest"), "'hold_rest'"))
    if "hold_at_most" in found:
        spot = at(pointer, "hold_at_most")
        longest = reader.duration_of(found["hold_at_most"], spot, "'hold_at_most'") or longest
        if not hold:
            reader.wrong(spot, "nobody is held", "write hold_rest: true beside it")
    return Winner(metric, minimum, hold, longest)


def schema() -> dict[str, Any]:
    weights = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100}}
    winner = schemas.object_of(
        ("metric", "minimum"), metric={"enum": list(METRICS)},
        minimum={"type": "integer", "minimum": 1, "maximum": MOST_MINIMUM, "description": "customers of each arm"},
        hold_rest={"type": "boolean", "default": False},
        hold_at_most={**schemas.DURATION, "default": HOLD_AT_MOST.text},
    )  # fmt: skip
    arms = {"anyOf": [schemas.NAME, {"type": "object", "additionalProperties": schemas.NAME}]}
    return schemas.step(
        "experiment",
        schemas.object_of(
            ("arms",),
            id=schemas.TEXT,
            arms=weights,
            holdout={"type": "number", "minimum": 0, "maximum": 100},
            winner=winner,
        ),
        next=arms,
    )


def edges(step: ExperimentStep) -> dict[str, str]:
    return dict(step.next)


def arrive(work: Work, run: Run, version: Journey, step: ExperimentStep, at: int) -> Left | None:
    arm = chosen(work, step)
    if arm:
        return assigned(work, run, step, arm, at)
    arm = assign(step, share(work.workspace, step.id, work.customer))
    if step.winner is None or not step.winner.hold_rest or arm == HOLDOUT:
        return assigned(work, run, step, arm, at)
    asked = any(other.id != run.id and _stands(work, other, step.id) for other in work.runs)
    run.status = HOLDING
    rest(run, step.winner.hold_at_most.add(at, work.zone(version)) + LATE_MS)
    if not asked:
        place = (work.customer, run.id)
        work.out.append(Ask(work.workspace, run.journey, (place,), of=f"{ARM}{step.id}/{arm}"))
    return None


def _stands(work: Work, run: Run, experiment: str) -> bool:
    """Whether the run waits there for a place or for the winner."""
    if run.status != HOLDING:
        return False
    found = work.version_of(run)
    step = found[1].steps.get(run.step) if found is not None else None
    return isinstance(step, ExperimentStep) and step.id == experiment


def chosen(work: Work, step: ExperimentStep) -> str:
    """The arm that the customer has, or that has won; empty: there is none yet. The holdout stays what it is."""
    arm = work.core.assignments.get(step.id, "")
    if arm in step.next:
        return arm
    winner = work.space.winners.get(step.id, "")
    if winner not in step.next:
        return ""
    if HOLDOUT in step.next:
        mine = assign(step, share(work.workspace, step.id, work.customer))
        return mine if mine == HOLDOUT else winner
    return winner


def assigned(work: Work, run: Run, step: ExperimentStep, arm: str, at: int, **data: Any) -> Left:
    """The way of the arm, which the customer keeps."""
    if work.core.assignments.get(step.id) != arm:
        work.core.assignments = {**work.core.assignments, step.id: arm}
    run.arms = {**run.arms, run.step: arm}
    return Left(arm, step.next[arm], {"experiment": step.id, **data}, at)


def fires(work: Work, run: Run, version: Journey, step: ExperimentStep, at: int) -> Left:
    """Nobody has chosen in time."""
    arm = chosen(work, step) or assign(step, share(work.workspace, step.id, work.customer))
    return assigned(work, run, step, arm, at, reason=Reason.NO_WINNER)


def assign(step: ExperimentStep, point: int) -> str:
    for arm, weight in step.arms:
        point -= weight
        if point < 0:
            return arm
    raise AssertionError("weights add up to 10,000")


KIND = Kind("experiment", ExperimentStep, read, schema, edges, arrive, ("next",), fires=fires)
