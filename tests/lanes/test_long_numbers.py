"""A number that no state record has room for stops no lane (A6): it is kept as the float next to it."""

from __future__ import annotations

from typing import Any

import pytest

from agents.lanes.loader import Loader
from laudstream import topics
from laudstream.journey.customer import FAILED, Customer
from tables.cache import Cache
from tests.lanes.kit import LaneKit, at_work, key, waiting

LONG = 10**25
TOO_LONG = 10**400


@pytest.fixture
def lane() -> LaneKit:
    return at_work()


def stored(lane: LaneKit, who: str) -> Customer:
    now: dict[bytes, Customer] = {}
    Loader(lane.store, Cache(0), now).load([key(who)])
    return now[key(who)]


@pytest.mark.parametrize(("number", "kept"), [
    (LONG, 1e25), (-LONG, -1e25), (1 << 64, float(1 << 64)), ((1 << 64) - 1, (1 << 64) - 1), (-(1 << 63), -(1 << 63)),
    (TOO_LONG, 1.7976931348623157e308), (-TOO_LONG, -1.7976931348623157e308),
])  # fmt: skip
def test_a_row_with_a_long_number_is_taken(lane: LaneKit, number: int, kept: float) -> None:
    lane.row("ann", 2000, n=number, deep={"list": [number, "x", None, True]})
    lane.row("bob", 2000, plan="gold")
    lane.round(bound=2001)
    now = lane.cache.get(key("ann"))
    assert now == stored(lane, "ann")
    assert now is not None
    assert now.attributes == {"n": kept, "deep": {"list": [kept, "x", None, True]}}
    assert stored(lane, "bob").attributes == {"plan": "gold"}


def test_an_event_with_a_long_number_parks_the_run_that_would_keep_it(lane: LaneKit) -> None:
    """The API takes none, but others write into Kafka too. It would go into the run's steps, where the wait ends."""
    lane.publish(chained(), at=2000)
    lane.event("ann", "begin", at=2001)
    lane.event("ann", "paid", at=2002, total=LONG)
    lane.event("bob", "purchase", at=2003)
    lane.round(bound=2004)
    (run,) = stored(lane, "ann").core.runs
    assert (run.step, run.status) == ("first", FAILED)
    assert lane.cache.get(key("ann")) == stored(lane, "ann")
    assert stored(lane, "bob").core.runs


def test_an_event_with_a_long_number_that_would_start_a_run_is_named_and_all_else_of_the_customer_goes_on(
    lane: LaneKit,
) -> None:
    lane.event("ann", "purchase", at=2000)
    lane.round(bound=2001)
    lane.publish(waiting(id="other", entry=[{"event": {"name": "order"}}]), at=2002)
    lane.event("ann", "order", at=2003, total=LONG)
    lane.round(bound=2004)
    (failed,) = [d for d in lane.decisions() if d.kind == "failed"]
    assert (failed.journey, failed.run) == ("other", "")
    lane.round(bound=30_000)
    assert lane.ends() == [("ann", "late", 22_000)], "its timers are its own still"


def chained() -> dict[str, Any]:
    body = waiting(id="chained", entry=[{"event": {"name": "begin"}}], start="first")
    body["steps"]["first"] = {"wait": {"branches": [{"event": {"name": "paid"}, "next": "second"}]}}
    body["steps"]["second"] = {"wait": {"branches": [{"event": {"name": "x"}, "where": {
        "steps.first.event.total": {"exists": True}}, "next": "paid"}]}}  # fmt: skip
    del body["steps"]["look"], body["steps"]["late"]
    return body


@pytest.mark.parametrize("deep", [201, 5_000])
def test_what_is_nested_too_deep_goes_to_the_dead_letters(lane: LaneKit, deep: int) -> None:
    nest = "[" * deep + "]" * deep
    event = f'{{"id":"m","type":"track","name":"purchase","properties":{{"n":{nest}}}}}'
    lane.put(topics.EVENTS, 2000, key("ann"), event.encode())
    row = f'{{"__table":"customers","revision":1,"born":1,"attributes":"{{\\"n\\":{nest}}}"}}'
    lane.put(topics.ROWS, 2000, key("ann"), row.encode())
    lane.event("bob", "purchase", at=2001)
    result = lane.round(bound=2002)
    assert sorted(topic for topic, _ in result.skipped) == [topics.EVENTS, topics.ROWS]
    assert [d.customer for d in lane.decisions() if d.kind == "entered"] == ["bob"]


def test_what_is_deep_but_not_too_deep_is_taken_and_read_again(lane: LaneKit) -> None:
    value: Any = 1
    for _ in range(198):
        value = [value]
    lane.event("ann", "purchase", at=2000, n=value)
    lane.row("ann", 2001, n=value, wide=[[1]] * 300)
    result = lane.round(bound=2002)
    assert not result.skipped
    assert stored(lane, "ann").attributes["n"] == value
