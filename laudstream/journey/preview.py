"""Asks a condition of a customer as it stands: for a preview, and for many customers at once (they are the same)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from laudstream.conditions import Condition, Facts, Scope
from laudstream.journey.customer import ASKING, FAILED, Customer
from laudstream.journey.live import Space


class Answer(NamedTuple):
    holds: bool
    looked_at: dict[str, Any]
    """The values that it read."""


def evaluate(customer: Customer, condition: Condition, now: int, space: Space) -> Answer:
    """`now`: ms. What the condition asks of events is answered by the tallies that the customer has: a question that
    no live definition asks has none yet, and counts nothing."""
    core = customer.core
    facts = Facts(
        now,
        space.zone_of(customer.attributes),
        customer.tallies,
        core.consents,
        core.segments,
        frozenset(run.journey for run in core.runs if run.status not in (ASKING, FAILED)),
        {id: live.version for id, live in space.segments.items()},
        customer.workspace,
    )
    scope = Scope(customer.id, customer.attributes, {}, facts=facts)
    return Answer(condition.test(scope), condition.looked_at(scope))


def matching(
    customers: Iterable[Customer], condition: Condition, now: int, space: Space
) -> Iterator[tuple[Customer, dict[str, Any]]]:
    """Those of whom it holds, each with what was looked at."""
    for customer in customers:
        holds, looked_at = evaluate(customer, condition, now, space)
        if holds:
            yield customer, looked_at
