"""A new question is filled in from kept events, once, wherever the customer is looked at first (A10, R35, R58)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.lanes import round as rounds
from agents.lanes.loader import Loader
from laudstream.journey.customer import Customer
from tables.cache import Cache
from tests.lanes.kit import LaneKit, key, waiting

TWICE = {
    "id": "twice",
    "condition": {"event": {"name": "buy", "at_least": 2, "where": {"event.total": {"at_least": 10}}}},
}
OTHERS = {"id": "others", "condition": {"event": {"name": "look", "at_least": 1}}}


def members(lane: LaneKit, segment: str = "twice") -> set[str]:
    found = {}
    for made in lane.decisions():
        if made.kind == "segment" and made.data["segment"] == segment:
            found[made.customer] = made.data["change"] == "entered"
    return {customer for customer, inside in found.items() if inside}


def stored(lane: LaneKit, customer: str) -> Customer:
    now: dict[bytes, Customer] = {}
    Loader(lane.store, Cache(0), now).load([key(customer)])
    return now[key(customer)]


def settle(lane: LaneKit, at: int) -> None:
    while lane.lane.sweeps or any(lane.logs.values()):
        lane.round(bound=at)


def test_r35_a_segment_over_the_past_takes_in_whoever_it_holds_for_and_enters_nobody() -> None:
    lane = LaneKit()
    lane.publish(waiting(entry=[{"segment": {"id": "twice"}}]), 10)
    for customer, totals in {"ann": (10, 20), "bob": (10, 5), "cleo": (9, 9, 11, 12), "dora": ()}.items():
        lane.row(customer, 20)
        for n, total in enumerate(totals):
            lane.event(customer, "buy", 100 + n, total=total)
    lane.round(bound=200)
    lane.publish(TWICE, 300, kind="segment")
    settle(lane, 301)
    assert members(lane) == {"ann", "cleo"}
    assert [made for made in lane.decisions() if made.kind == "entered"] == []
    lane.event("bob", "buy", 400, total=50)
    lane.round(bound=401)
    assert members(lane) == {"ann", "bob", "cleo"}
    assert [made.customer for made in lane.decisions() if made.kind == "entered"] == ["bob"]


def test_r58_an_input_that_comes_before_the_sweep_is_counted_once_with_what_was_before() -> None:
    lane = LaneKit()
    lane.slice = 0
    lane.row("ann", 20)
    lane.event("ann", "buy", 100, total=10)
    lane.round(bound=200)
    lane.publish(TWICE, 300, kind="segment")
    lane.event("ann", "buy", 290, total=10)  # appended before the publish, handled after it
    lane.round(bound=301)
    (tally,) = stored(lane, "ann").tallies.values()
    assert (tally.total, members(lane)) == (2, {"ann"})
    lane.slice = 10
    lane.publish(OTHERS, 400, kind="segment")
    settle(lane, 401)
    (tally,) = stored(lane, "ann").tallies.values()
    assert tally.total == 2


def test_a_journey_that_asks_about_the_past_knows_it_for_everybody() -> None:
    lane = LaneKit()
    for customer in ("ann", "bob"):
        lane.row(customer, 20)
        lane.event(customer, "buy", 100, total=10)
    lane.event("ann", "buy", 101, total=10)
    lane.round(bound=200)
    ask = {"split": {"branches": [{"condition": TWICE["condition"], "next": "paid"}], "else": "late"}}
    ends = {"paid": {"exit": {"outcome": "paid"}}, "late": {"exit": {"outcome": "late"}}}
    lane.publish(
        {"id": "asks", "entry": [{"event": {"name": "go"}}], "start": "ask", "steps": {"ask": ask, **ends}}, 300
    )
    for customer in ("ann", "bob"):
        lane.event(customer, "go", 400)
    lane.round(bound=401)
    assert sorted(lane.ends()) == [("ann", "paid", 400), ("bob", "late", 400)]


_EVENT = st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(["buy", "look"]), st.integers(8, 12))
_STEP = st.one_of(_EVENT, st.sampled_from(["round", "crash", "publish", "sweep"]))


@given(st.lists(_STEP, max_size=30), st.integers(0, 3))
def test_whenever_a_segment_is_published_it_holds_as_if_it_had_always_been_there(steps: list[Any], size: int) -> None:
    ours, always = LaneKit(), LaneKit()
    always.publish(TWICE, 1, kind="segment")
    at, published = 10, False
    for lane in (ours, always):
        lane.row("ann", 5)
        lane.row("bob", 5)
        lane.round(bound=at)
    for step in [*steps, "publish", "round", "sweep"]:
        at += 1
        for lane in (ours, always):
            if isinstance(step, tuple):
                lane.event(step[0], step[1], at, total=step[2])
            elif step == "publish" and lane is ours and not published:
                lane.publish(TWICE, at, kind="segment")
            elif step == "publish" and lane is ours:
                lane.publish(OTHERS, at, kind="segment")
            elif step == "crash":
                lane.cache.clear()
                lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)
            lane.slice = 100 if step == "sweep" else size
            if step in ("round", "sweep"):
                lane.round(bound=at)
        published |= step == "publish"
    for lane in (ours, always):
        lane.slice = 100
        settle(lane, at + 1)
    assert members(ours) == members(always)
    for customer in ("ann", "bob"):
        counts = [
            {id: tally.total for id, tally in stored(lane, customer).tallies.items() if id in _TWICE_QUERY}
            for lane in (ours, always)
        ]
        assert counts[0] == counts[1]


def _queries() -> set[str]:
    lane = LaneKit()
    lane.publish(TWICE, 1, kind="segment")
    lane.round(bound=2)
    return set(next(iter(lane.lane.catalog.spaces.values())).watch.queries)


_TWICE_QUERY = _queries()
