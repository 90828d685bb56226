"""Which arm of an experiment wins, and when (R45). Pure: what counts is handed in.

As soon as every arm has the minimum of customers and one leads clearly, it wins. Where the rest waits, the leading arm
wins in any case when the first of them has waited as long as they may; of equals the one that is named first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from math import sqrt
from typing import NamedTuple

from laudstream.journey.kinds.experiment import Winner

CLEAR = 2.576
"""Standard errors by which an arm must lead each other one: chance does that once in a hundred times."""

BY_PERSON, BY_LEAD, BY_TIME = "person", "lead", "time"


class Arm(NamedTuple):
    """What is known of an arm."""

    name: str
    customers: int
    """Who were assigned to it and came."""
    runs: int
    met: int
    """Runs that met the metric."""

    @property
    def rate(self) -> float:
        return self.met / self.runs if self.runs else 0.0


class Choice(NamedTuple):
    arm: str
    by: str
    """lead or time."""


def choose(winner: Winner, arms: Sequence[Arm], waiting_since: int, now: int) -> Choice | None:
    """`arms`: those that may win, in their order; `waiting_since`: since when somebody waits, ms, 0: nobody does."""
    best = leading(arms)
    if all(arm.customers >= winner.minimum for arm in arms) and _clear(best, arms):
        return Choice(best.name, BY_LEAD)
    if winner.hold_rest and waiting_since and due_at(winner, waiting_since) <= now:
        return Choice(best.name, BY_TIME)
    return None


def due_at(winner: Winner, waiting_since: int) -> int:
    """When the leading arm wins, ms."""
    return winner.hold_at_most.add(waiting_since, UTC)


def leading(arms: Sequence[Arm]) -> Arm:
    return max(arms, key=lambda arm: arm.rate)  # the first of equals


def _clear(best: Arm, arms: Sequence[Arm]) -> bool:
    return all(_apart(best, arm) >= CLEAR for arm in arms if arm is not best)


def _apart(best: Arm, other: Arm) -> float:
    """Difference of their rates in standard errors, as if both had the same rate."""
    runs = best.runs + other.runs
    together = (best.met + other.met) / runs if runs else 0.0
    error = sqrt(together * (1 - together) * (1 / best.runs + 1 / other.runs)) if best.runs and other.runs else 0.0
    return (best.rate - other.rate) / error if error > 0 else 0.0
