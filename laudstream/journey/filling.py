"""What happened before a question was asked: kept events fill the tallies of a customer once (R58)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from laudstream.conditions import Facts, Scope
from laudstream.conditions.tally import EVENT, Happened, backfill
from laudstream.journey.customer import Customer
from laudstream.journey.live import Space


def filled(customer: Customer, space: Space, history: Iterable[Happened], now: int) -> Customer:
    """The customer with tallies of what happened before the questions of the space were asked. To be done before the
    customer is looked at for what was published; done again, it changes nothing."""
    happened = [event for event in history if event.name in space.watch.events]
    if not happened:
        return customer
    asked = [query for _, query in sorted(space.watch.queries.items()) if query.kind == EVENT]
    facts = Facts(now, space.zone_of(customer.attributes), workspace=customer.workspace)

    def scope_of(properties: dict[str, Any]) -> Scope:
        return Scope(customer.id, customer.attributes, {}, properties, facts=facts)

    tallies = backfill(customer.tallies, asked, happened, scope_of)
    return customer if tallies == customer.tallies else replace(customer, tallies=tallies)
