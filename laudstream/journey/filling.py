"""What happened before a question was asked: kept events fill the tallies of a customer once (R58)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from laudstream.conditions import Facts, Scope
from laudstream.conditions.tally import EVENT, Happened, Query, Tally, backfill
from laudstream.journey.customer import Customer
from laudstream.journey.live import Space


def filled(customer: Customer, space: Space, history: Iterable[Happened], now: int) -> Customer:
    """The customer with tallies of what happened before the questions of the space were asked. To be done before the
    customer is looked at for what was published; done again, it changes nothing."""
    happened = [event for event in history if event.name in space.watch.events]
    if not happened:
        return customer
    asked = [query for _, query in sorted(space.watch.queries.items()) if query.kind == EVENT]
    tallies = answered(customer, asked, happened, space, now)
    return customer if tallies == customer.tallies else replace(customer, tallies=tallies)


def answered(
    customer: Customer, asked: list[Query], happened: Sequence[Happened], space: Space, now: int
) -> dict[str, Tally]:
    """The tallies of the customer with what happened before these questions were asked."""
    facts = Facts(now, space.zone_of(customer.attributes), workspace=customer.workspace)

    def scope_of(properties: dict[str, Any]) -> Scope:
        return Scope(customer.id, customer.attributes, {}, properties, facts=facts)

    try:
        return backfill(customer.tallies, asked, happened, scope_of)
    except MemoryError:
        raise
    except Exception:  # a question that cannot be asked of what happened fills in nothing, and spoils no other (A6)
        return _one_by_one(customer, asked, happened, scope_of)


def _one_by_one(
    customer: Customer, asked: list[Query], happened: Sequence[Happened], scope_of: Callable[[dict[str, Any]], Scope]
) -> dict[str, Tally]:
    tallies = customer.tallies
    for query in asked:
        try:
            tallies = backfill(tallies, [query], happened, scope_of)
        except MemoryError:
            raise
        except Exception:  # noqa: S112 - it counts from now on; counting names the error
            continue
    return tallies
