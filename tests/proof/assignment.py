"""Which arm of an experiment a customer gets, and who waits for its winner (R9, R45)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laudstream.journey.decision import Decision
from tests.proof.ledger import Ledger, Passage
from tests.proof.live import Definitions
from tests.proof.meaning import plus, share

HOLDOUT = "holdout"


def by_hash(live: Definitions, customer: str, id: str, experiment: Mapping[str, Any]) -> str:
    point = share(live.id, id, customer)
    arms = {**experiment["arms"], **({HOLDOUT: experiment["holdout"]} if HOLDOUT in experiment else {})}
    for arm, weight in arms.items():
        point -= weight
        if point < 0:
            return str(arm)
    raise AssertionError("weights add up to 100")


def granted(ledger: Ledger, live: Definitions, place: str) -> None:
    """The customer is among the first of an arm, whichever of their runs asked: it may have been restarted since."""
    id, _, arm = place.rpartition("/")
    if id in ledger.arms:
        return
    waits = any(f"{run.journey}/{run.step}" == id for run in ledger.active())
    if waits and id not in live.winners:
        ledger.promised[id] = arm


def arm(ledger: Ledger, live: Definitions, run: Passage, experiment: Mapping[str, Any], made: Decision) -> None:
    id = f"{run.journey}/{made.step}"
    arms = [*experiment["arms"], *([HOLDOUT] if HOLDOUT in experiment else [])]
    hashed = by_hash(live, ledger.customer, id, experiment)
    known, winner = ledger.arms.get(id), live.winners.get(id)
    if known not in arms:
        known = hashed
        if winner in arms and hashed != HOLDOUT:
            known = winner
    assert made.branch == known, f"R9 the arm of {id} is {known}, not {made.branch}"
    held = experiment.get("winner", {})
    if held.get("hold_rest") and ledger.arms.get(id) not in arms and winner not in arms and known != HOLDOUT:
        due = plus(run.arrived_at, held["hold_at_most"], run.zone)
        assert ledger.promised.get(id) == known or made.at >= due, f"R45 {run.id} should wait for the winner of {id}"
    ledger.arms[id] = made.branch
