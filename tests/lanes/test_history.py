"""Kept events (A7): written once, erased with their customer, trimmed day by day."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.lanes import history
from agents.lanes.history import MOST_BYTES, History
from agents.lanes.loader import Loader
from laudstream import topics
from laudstream.journey.customer import Customer
from laudstream.journey.live import HORIZON_MS
from tables.cache import Cache
from tests.lanes.kit import WORKSPACE, LaneKit, events, key, waiting

DAY = topics.DAY_MS
HORIZON_DAYS = HORIZON_MS // DAY
NOON = 20_000 * DAY + DAY // 2


@pytest.fixture
def lane() -> LaneKit:
    kit = LaneKit()
    kit.publish(waiting(), at=NOON)
    kit.round(bound=NOON)
    return kit


def kept(lane: LaneKit, customer: str = "ada") -> list[tuple[str, Any]]:
    return [(event.name, event.properties) for event in events(lane, customer)]


def pass_day(lane: LaneKit, days: int = 1) -> None:
    """The lane comes to another day, and works until its sweeps are through."""
    lane.round(bound=lane.lane.head.lane_time + days * DAY, most=2_000)
    while lane.lane.sweeps:
        lane.round(bound=lane.lane.head.lane_time)


def test_A7_events_are_kept_in_the_order_of_handling_also_when_no_journey_wants_them(lane: LaneKit) -> None:
    lane.event("ada", "second", at=NOON + 9, n=2)
    lane.event("bob", "other", at=NOON + 9)
    record = {"id": "x", "type": "track", "name": "first", "timestamp": NOON - DAY, "received": NOON + 10}
    lane.put(topics.EVENTS, NOON + 10, key("ada"), json.dumps(record).encode())
    lane.round(bound=NOON + 11)
    assert kept(lane) == [("second", {"n": 2}), ("first", {})]
    assert kept(lane, "bob") == [("other", {})]
    assert kept(lane, "a") == []


def test_R2_an_event_that_comes_twice_is_kept_once(lane: LaneKit) -> None:
    for at in (1, 2):
        lane.event("ada", "seen", at=NOON + at, id="same")
        lane.round(bound=NOON + at)
    assert len(kept(lane)) == 1


def test_R15_erasing_a_customer_erases_the_kept_events_but_not_those_of_the_next_life(lane: LaneKit) -> None:
    lane.row("ada", at=NOON + 1)
    lane.event("ada", "before", at=NOON + 2)
    lane.round(bound=NOON + 3)
    lane.event("ada", "just before", at=NOON + 4)
    gone = {"__table": "customers", "__deleted": "true", "born": 1, "revision": 9, "created_ms": 1, "attributes": "{}"}
    lane.put(topics.ROWS, NOON + 5, key("ada"), json.dumps({**gone, "writes": 0}).encode())
    lane.event("ada", "after", at=NOON + 6)
    lane.round(bound=NOON + 7)
    assert kept(lane) == [("after", {})]


@pytest.mark.parametrize("row", [True, False])
def test_R54_a_deletion_that_the_api_tells_erases_what_came_before_it_in_the_log(lane: LaneKit, row: bool) -> None:
    if row:
        lane.row("ada", at=NOON + 1)
    lane.event("ada", "before", at=NOON + 2)
    lane.round(bound=NOON + 3)
    gone = {"born": 1, "revision": 9, "attributes": {}, "deleted": True, "at": NOON + 4}
    told = {"id": "gone", "type": "delete", "timestamp": NOON + 4, "received": NOON + 4, "row": gone}
    lane.put(topics.EVENTS, NOON + 5, key("ada"), json.dumps(told).encode())
    lane.event("ada", "after", at=NOON + 6)
    lane.round(bound=NOON + 7)
    assert kept(lane) == [("after", {})]


@pytest.mark.parametrize("in_store", [True, False])
def test_R15_events_of_others_in_the_same_record_stay(lane: LaneKit, in_store: bool) -> None:
    for customer in ("ada", "bob"):
        lane.row(customer, at=NOON + 1)
    lane.round(bound=NOON + 2)
    for n in range(3):
        for customer in ("ada", "bob", "eve"):
            lane.event(customer, f"e{n}", at=NOON + 3, text="of " + customer)
    if in_store:
        lane.round(bound=NOON + 4)
    for customer in ("ada", "bob"):
        gone = {
            "__table": "customers",
            "__deleted": "true",
            "born": 1,
            "revision": 9,
            "created_ms": 1,
            "attributes": "{}",
        }
        lane.put(topics.ROWS, NOON + 5, key(customer), json.dumps({**gone, "writes": 0}).encode())
    lane.round(bound=NOON + 6)
    assert [len(kept(lane, customer)) for customer in ("ada", "bob", "eve")] == [0, 0, 3]
    (record,) = lane.store.events([name for name, _ in lane.store.oldest(10)])
    assert record.count(b"of eve") == 3
    assert b"of ada" not in record
    assert b"of bob" not in record


def test_A7_events_of_a_round_share_records_but_large_ones_do_not(lane: LaneKit) -> None:
    large = "x" * history.LARGE_BYTES
    for n in range(history.BUNDLE + 1):
        lane.event("ada", f"e{n}", at=NOON + 1)
    lane.event("ada", "large", at=NOON + 1, text=large)
    lane.event("ada", "another", at=NOON + 1, text=large)
    lane.event("ada", "too large", at=NOON + 1, text="x" * MOST_BYTES)
    lane.event("ada", "last", at=NOON + 1)
    lane.round(bound=NOON + 2)
    assert len(lane.store.oldest(10)) == 5  # 16, 1, large, another, last
    assert [name for name, _ in kept(lane)][-4:] == ["e16", "large", "another", "last"]
    assert max(len(value) for value in lane.store.events([name for name, _ in lane.store.oldest(10)])) < MOST_BYTES


def test_A7_what_is_older_than_the_horizon_goes_with_the_next_day(lane: LaneKit) -> None:
    lane.event("ada", "old", at=NOON + 1)
    lane.round(bound=NOON + 2)
    pass_day(lane, HORIZON_DAYS - 2)
    lane.event("ada", "young", at=lane.lane.head.lane_time)
    lane.event("bob", "young", at=lane.lane.head.lane_time)
    pass_day(lane)
    assert kept(lane) == [("old", {}), ("young", {})]
    pass_day(lane)
    assert kept(lane) == [("young", {})] == kept(lane, "bob")


@pytest.mark.parametrize("slice_", [1, 3, 10_000])
def test_A7_what_is_too_old_goes_whatever_the_slices_are(
    lane: LaneKit, monkeypatch: pytest.MonkeyPatch, slice_: int
) -> None:
    monkeypatch.setattr(history, "TRIM_SLICE", slice_)
    for n in range(7):
        lane.event(f"c{n % 3}", f"e{n}", at=NOON + 1 + n)
    lane.round(bound=NOON + 50)
    pass_day(lane, HORIZON_DAYS - 1)
    lane.event("c0", "young", at=lane.lane.head.lane_time)
    pass_day(lane)
    pass_day(lane)
    assert [kept(lane, f"c{n}") for n in range(3)] == [[("young", {})], [], []]
    assert len(lane.store.oldest(100)) == 1


def test_A7_of_many_events_the_newest_are_read(lane: LaneKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_EVENTS", 3)
    for n in range(9):
        lane.event("ada", f"e{n}", at=NOON + n)
        lane.round(bound=NOON + n)
    assert [name for name, _ in kept(lane)] == ["e6", "e7", "e8"]


def test_A7_a_record_goes_when_its_youngest_event_is_too_old_though_a_merge_put_older_ones_behind_it(
    lane: LaneKit,
) -> None:
    kept, ada, bob = History(lane.store, 7), state(lane, "ada"), state(lane, "bob")
    kept.keep(bob, b"young", NOON)
    kept.unite(ada, [(NOON - 80 * DAY, b"of an alias")])
    lane.store.write(kept.records())
    assert len(lane.store.oldest(10)) == 1
    after = History(lane.store, 8)
    after.trim(NOON - 70 * DAY)
    assert [entry.value for entry in after.entries(bob.newest)] == [b"young"]
    after.trim(NOON + 1)
    assert after.entries(bob.newest) == []


def test_A7_large_events_are_counted_in_bytes(lane: LaneKit) -> None:
    for n in range(5):
        lane.event("ada", f"e{n}", at=NOON + n, text="x" * (MOST_BYTES // 3))
    lane.round(bound=NOON + 9)
    assert [name for name, _ in kept(lane)] == ["e3", "e4"]


def test_A10_while_events_are_trimmed_other_sweeps_go_on(lane: LaneKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "TRIM_SLICE", 1)
    for n in range(6):
        lane.event(f"c{n}", "purchase", at=NOON + n)
    lane.round(bound=NOON + 9)
    pass_day(lane, HORIZON_DAYS - 1)
    lane.round(bound=lane.lane.head.lane_time + 2 * DAY)
    assert lane.lane.sweeps
    lane.control("journey", "wait-for-payment", "stopped", at=lane.lane.head.lane_time)
    lane.round(bound=lane.lane.head.lane_time)
    lane.round(bound=lane.lane.head.lane_time)
    assert not [sweep for sweep in lane.lane.sweeps if not sweep.trims]


def settings(lane: LaneKit, history: str, version: int) -> None:
    at = lane.lane.head.lane_time + 1
    lane.bodies[WORKSPACE, "workspace", "workspace", version] = {"history": history}
    lane.control("workspace", "workspace", "live", at, version)
    lane.round(bound=at)


def test_A7_a_workspace_that_keeps_no_events_keeps_none_from_then_on(lane: LaneKit) -> None:
    lane.event("ada", "before", at=NOON + 1)
    lane.round(bound=NOON + 2)
    settings(lane, "none", 1)
    lane.event("ada", "meanwhile", at=NOON + 10)
    lane.round(bound=NOON + 11)
    settings(lane, "P90D", 2)
    lane.event("ada", "after", at=NOON + 20)
    lane.round(bound=NOON + 21)
    assert [name for name, _ in kept(lane)] == ["before", "after"]


def test_A7_events_go_after_the_longest_horizon_of_a_workspace(lane: LaneKit) -> None:
    settings(lane, "P7D", 1)
    lane.event("ada", "old", at=lane.lane.head.lane_time + 1)
    lane.round(bound=lane.lane.head.lane_time + 2)
    pass_day(lane, 5)
    lane.event("ada", "young", at=lane.lane.head.lane_time)
    pass_day(lane)
    assert [name for name, _ in kept(lane)] == ["old", "young"]
    pass_day(lane)
    assert [name for name, _ in kept(lane)] == ["young"]


def test_R58_what_is_older_than_the_horizon_answers_no_new_question(lane: LaneKit) -> None:
    settings(lane, "P7D", 1)
    lane.event("ada", "purchase", at=lane.lane.head.lane_time + 1)
    lane.round(bound=lane.lane.head.lane_time + 2)
    lane.event("bob", "purchase", at=lane.lane.head.lane_time + 5 * DAY)
    lane.round(bound=lane.lane.head.lane_time + 8 * DAY)
    body = {"id": "buyers", "condition": {"event": {"name": "purchase", "at_least": 1}}}
    lane.publish(body, at=lane.lane.head.lane_time + 1, kind="segment")
    lane.round(bound=lane.lane.head.lane_time + 2)
    while lane.lane.sweeps:
        lane.round(bound=lane.lane.head.lane_time)
    members = {customer: "buyers" in state(lane, customer).core.segments for customer in ("ada", "bob")}
    assert members == {"ada": False, "bob": True}


def state(lane: LaneKit, customer: str) -> Customer:
    now: dict[bytes, Customer] = {}
    Loader(lane.store, Cache(0), now).load([key(customer)])
    return now[key(customer)]
