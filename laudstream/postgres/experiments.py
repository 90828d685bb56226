"""What came of the arms of an experiment, as the projector has counted it, and its winner (R45)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from laudstream.journey.choosing import Arm
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.messages.delivery import KINDS
from laudstream.postgres.named_queries import queries
from laudstream.postgres.tenancy import Connection

SQL = queries("experiments")
_ORDER = queries("journeys")["order"]

WINNER_VERSION = 1
"""A winner has no versions."""


class Place(NamedTuple):
    """A step that assigns to the arms of an experiment."""

    journey: str
    step: str


class Standing(NamedTuple):
    arms: tuple[Arm, ...]
    """All of them, the holdout too, in their order."""
    waiting: int
    """Runs that wait for the winner, or have just come."""
    waiting_since: int
    """ms; 0: none does."""

    def counts(self) -> list[dict[str, Any]]:
        return [{"arm": arm.name, "customers": arm.customers, "runs": arm.runs, "met": arm.met} for arm in self.arms]


async def left(connection: Connection, workspace: str, places: Iterable[Place]) -> dict[str, int]:
    """Runs that left by each arm: cheap to ask."""
    found: dict[str, int] = {}
    for place in places:
        for row in await connection.fetch(SQL["left"], workspace, *place):
            if row["what"] == "left":
                found[row["arm"]] = found.get(row["arm"], 0) + row["runs"]
    return found


async def waiting(connection: Connection, workspace: str, places: Iterable[Place]) -> tuple[int, int]:
    """(runs, since when in ms) of those that are at the step."""
    runs, since = 0, 0
    for place in places:
        (row,) = await connection.fetch(SQL["waiting"], workspace, *place)
        runs += row["runs"]
        if row["since"] and (not since or row["since"] < since):
            since = row["since"]
    return runs, since


async def standing(
    connection: Connection, workspace: str, step: ExperimentStep, places: Sequence[Place], metric: str
) -> Standing:
    """`metric`: opened, clicked, goal; empty: none."""
    bit = 1 << KINDS.index(metric) if metric in KINDS else 0
    totals = {arm: [0, 0, 0] for arm, _ in step.arms}
    for place in places:
        for row in await connection.fetch(SQL["arms"], workspace, *place, bit):
            if row["arm"] in totals:
                for at, what in enumerate(("customers", "runs", "met")):
                    totals[row["arm"]][at] += row[what]
        if metric == "goal":
            for row in await connection.fetch(SQL["left"], workspace, *place):
                if row["what"] == "goal" and row["arm"] in totals:
                    totals[row["arm"]][2] += row["runs"]
    arms = tuple(Arm(name, customers, runs, min(met, runs)) for name, (customers, runs, met) in totals.items())
    return Standing(arms, *await waiting(connection, workspace, places))


async def set_winner(
    connection: Connection, workspace: str, experiment: str, arm: str, by: str, standing: Standing
) -> int:
    """Orders the winner; takes effect with the transaction. Returns the order's number."""
    number = int(await connection.fetchval(_ORDER, workspace, "winner", experiment, WINNER_VERSION, arm, None, 0))
    await connection.execute(SQL["set_winner"], workspace, experiment, arm, by, standing.counts(), number)
    return number
