"""An input costs what it touches, however many segments a workspace has: counted in lines of Python that are run, which
no other load on the machine changes. What that comes to in time says `python -m benchmarks segments`."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import pytest

from laudstream.customers.event import Event
from laudstream.customers.row import Row
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import empty
from laudstream.journey.control import Control
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import EventInput, Input, Moment, RowInput, TimerInput
from tests.journey.effort import lines
from tests.journey.segmented import DAY

WORKSPACE, NOW = "workspace1", 1_800_000_000_000
FEW, MANY, TOUCHED = 16, 1_000, 5


def condition(number: int) -> Any:
    """The first ten ask for what comes; each of the others for an event, an attribute, a message, a consent, a journey
    or a date that nothing touches here."""
    if number < TOUCHED:
        return {"event": {"name": "order", "at_least": 2 + number, "within": "P30D"}}
    if number < 2 * TOUCHED:
        return {"customer.plan": {"in": ["gold", f"plan {number}"]}}
    others: list[Any] = [
        {"event": {"name": f"event {number}", "at_least": 3, "within": "P7D"}},
        {f"customer.attribute_{number}": {"equals": number}},
        {"message": {"is": "clicked", "journey": f"j{number}"}},
        {"consent": {"channel": "email", "subscription": f"news-{number}", "is": "subscribed"}},
        {"run": {"journey": f"j{number}", "is": "active"}},
        {f"customer.date_{number}": {"within_last": "P7D"}},
    ]
    return others[number % len(others)]


@cache
def segments(count: int) -> Catalog:
    bodies = {f"s{number}": {"id": f"s{number}", "condition": condition(number)} for number in range(count)}

    def body(workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return bodies[id]

    statuses: dict[tuple[str, str, str], Any] = {}
    for seq, id in enumerate(bodies, 1):
        statuses |= Catalog().apply(Control(seq, WORKSPACE, "segment", id, 1, "live"), NOW - DAY, body)._statuses
    return Catalog.load(Catalog(statuses).entries(), body)


def row(revision: int, plan: str) -> Input:
    return RowInput(("laudstream.rows", 0, revision), Row(1, revision, {"email": "a@x.org", "plan": plan}, NOW - DAY))


def event(name: str, offset: int) -> Input:
    body = Event(f"m{offset}", "track", name, {"total": 12}, NOW, NOW)
    return EventInput(("laudstream.events", 0, offset), body)


INPUTS = {
    "an event that is counted": event("order", 7),
    "an event that nobody asks for": event("browse", 7),
    "a row that takes the customer into five": row(2, "gold"),
    "a timer": TimerInput(NOW + 31 * DAY),
}


def after(rules: Catalog, *inputs: Input, before: Customer | None = None, at: int = NOW) -> Customer:
    customer = before or empty(WORKSPACE, "ann")
    for each in inputs:
        customer = advance(customer, each, Moment(at, at), rules).customer
    return customer


@pytest.mark.parametrize(("what", "members"), [*zip(INPUTS, (2, 1, 1 + TOUCHED, 0), strict=True)])
def test_an_input_runs_as_much_code_with_1000_segments_as_with_16(what: str, members: int) -> None:
    found, given = {}, INPUTS[what]
    at = given.due if isinstance(given, TimerInput) else NOW
    for count in (FEW, MANY):
        rules = segments(count)
        present = after(rules, row(1, "free"), event("order", 1), event("order", 2))
        changed = after(rules, given, before=present, at=at)  # and what is made when it is first used is there
        assert len(changed.core.segments) == members
        found[count] = lines(partial(after, rules, given, before=present, at=at))
    assert found[MANY] == found[FEW] > 10
