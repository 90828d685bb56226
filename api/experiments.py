"""Experiments of a journey: what came of their arms, and the winner (R45)."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from api.call import Call, converted, reply
from api.publishing import Wait, seen
from laudstream.errors import Invalid, NotFound, Problem
from laudstream.journey import definition
from laudstream.journey.choosing import BY_PERSON
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.postgres import queries
from laudstream.postgres.experiments import SQL, Place, set_winner, standing
from laudstream.postgres.tenancy import Connection

_JOURNEYS = queries("journeys")


class Arm(msgspec.Struct):
    name: str
    weight: float
    """Share in percent."""
    customers: int
    """Who were assigned to it and came."""
    runs: int
    met: int
    """Runs that met the metric of the winner; 0 where the experiment has none."""


class Winner(msgspec.Struct):
    arm: str
    by: str
    """person, lead (it led clearly) or time (it led when the others had waited as long as they may)."""
    chosen_at: int
    """ms."""


class Experiment(msgspec.Struct):
    step: str
    id: str
    metric: str | None
    minimum: int | None
    hold_rest: bool
    waiting: int
    """Runs that are at the step now."""
    arms: list[Arm]
    winner: Winner | None


class Experiments(msgspec.Struct):
    experiments: list[Experiment]


class WinnerWish(msgspec.Struct, forbid_unknown_fields=True):
    arm: str


class Won(msgspec.Struct):
    experiment: str
    arm: str
    seen: bool
    """Every lane has it."""


async def all(call: Call) -> Response:
    """The experiments of the live version, by step."""
    id = call.named("id")
    async with call.database() as connection:
        steps = await _steps(connection, call, id)
        found = [await _shown(connection, call.workspace, Place(id, name), step) for name, step in steps.items()]
    return reply(Experiments(found))


async def _shown(connection: Connection, workspace: str, place: Place, step: ExperimentStep) -> Experiment:
    metric = step.winner.metric if step.winner is not None else ""
    stands = await standing(connection, workspace, step, (place,), metric)
    row = await connection.fetchrow(SQL["winner"], workspace, step.id)
    weights = dict(step.arms)
    return Experiment(
        place.step, step.id, metric or None, step.winner.minimum if step.winner is not None else None,
        step.winner is not None and step.winner.hold_rest, stands.waiting,
        [Arm(arm.name, weights[arm.name] / 100, arm.customers, arm.runs, arm.met) for arm in stands.arms],
        None if row is None else Winner(row["arm"], row["chosen_by"], row["chosen_at"]),
    )  # fmt: skip


async def set_one(call: Call) -> Response:
    """Chooses the winner: everyone who has no arm yet goes this way, those who wait for it too."""
    id, name, wait = call.named("id"), call.named("step"), call.query(Wait).wait
    wish = converted(await call.read(), WinnerWish)
    async with call.database() as connection:
        step = (await _steps(connection, call, id)).get(name)
        if step is None:
            raise NotFound(f"journey {id} has no experiment at a step {name}")
        if wish.arm not in step.candidates:
            fix = f"use one of: {', '.join(step.candidates)}"
            raise Invalid("no such arm", (Problem("/arm", f"{wish.arm[:60]!r} is no arm that can win", fix),))
        await connection.execute(SQL["alone"], call.workspace, step.id)
        metric = step.winner.metric if step.winner is not None else ""
        stands = await standing(connection, call.workspace, step, (Place(id, name),), metric)
        number = await set_winner(connection, call.workspace, step.id, wish.arm, BY_PERSON, stands)
    answer = await seen(call, number, wait)
    return reply(Won(step.id, wish.arm, answer.seen))


async def _steps(connection: Connection, call: Call, id: str) -> dict[str, ExperimentStep]:
    """Experiments of the live version. Raises NotFound."""
    row = await connection.fetchrow(_JOURNEYS["one"], call.workspace, id, call.settings.partitions)
    if row is None or row["body"] is None:
        raise NotFound(f"there is no journey {id} that is published")
    steps = definition.parse(row["body"], horizon=None).steps
    return {name: step for name, step in steps.items() if isinstance(step, ExperimentStep)}
