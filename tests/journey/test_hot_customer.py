"""A customer of whom half of all events are costs an event what anybody else's does: what is kept of the past is
bounded (A7) and looked at by key. The lane of a bot is behind by its number of events, not by more each time."""

from __future__ import annotations

from functools import partial
from typing import Any

from laudstream.customers.event import Event
from laudstream.journey.advance import advance
from laudstream.journey.codec import encode
from laudstream.journey.inputs import EventInput, Moment
from tests.journey.effort import lines
from tests.journey.segmented import BUYER, segment

FEW, MANY = 300, 3_000
"""Events before: both more than the message ids that are remembered."""


def test_an_event_runs_as_much_code_after_3000_events_of_the_customer_as_after_300(
    world: Any, make: Any, wait_step: Any
) -> None:
    w = world(
        make(
            {"look": wait_step(where={"event.total": {"less_than": 0}}, after="P1D")},
            entry=[{"event": {"name": "go"}, "reentry": "always"}],
        )
    )
    w.publish(segment(BUYER), kind="segment")
    w.event("go")
    found = []
    for number in range(MANY + 1):
        w.now += 1_000
        w.event("buy", total=number)
        if number in (FEW, MANY):
            happened = Event("another", "track", "buy", {"total": 1}, w.now, w.now)
            given = EventInput(w.cause(), happened)
            once_more = partial(advance, w.customer, given, Moment(w.now, w.now), w.catalog)
            sizes = {suffix: len(value or b"") for suffix, value in encode(None, w.customer)}
            found.append((lines(once_more), sizes))
    assert found[0] == found[1], "lines, and bytes of each of its records"
