"""Kept events (A7): written once, erased with their customer, trimmed day by day."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.lanes import history
from agents.lanes.history import HORIZON_DAYS, MOST_BYTES, MOST_EVENTS
from laudstream import topics
from tables.layout import history_at
from tests.lanes.kit import LaneKit, key, waiting

DAY = topics.DAY_MS
NOON = 20_000 * DAY + DAY // 2


@pytest.fixture
def lane() -> LaneKit:
    kit = LaneKit()
    kit.publish(waiting(), at=NOON)
    kit.round(bound=NOON)
    return kit


def kept(lane: LaneKit, customer: str = "ada") -> list[tuple[str, Any]]:
    return [(event.name, event.properties) for event in history.events(lane.store, key(customer))]


def pass_day(lane: LaneKit, days: int = 1) -> None:
    """The lane comes to another day, and works until its sweeps are through."""
    lane.round(bound=lane.lane.head.lane_time + days * DAY, most=2_000)
    while lane.lane.sweeps:
        lane.round(bound=lane.lane.head.lane_time)


def test_A7_events_are_kept_in_the_order_of_their_own_time_also_when_no_journey_wants_them(lane: LaneKit) -> None:
    lane.event("ada", "second", at=NOON + 9, n=2)
    lane.event("bob", "other", at=NOON + 9)
    record = {"id": "x", "type": "track", "name": "first", "timestamp": NOON - DAY, "received": NOON + 10}
    lane.put(topics.EVENTS, NOON + 10, key("ada"), json.dumps(record).encode())
    lane.round(bound=NOON + 11)
    assert kept(lane) == [("first", {}), ("second", {"n": 2})]
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


@pytest.mark.parametrize("slice_", [3, 7, 10_000])
def test_A7_of_many_events_the_youngest_stay_whatever_the_slices_are(
    lane: LaneKit, monkeypatch: pytest.MonkeyPatch, slice_: int
) -> None:
    monkeypatch.setattr(history, "TRIM_SLICE", slice_)
    monkeypatch.setattr(history, "MOST_EVENTS", 2)
    counts = {"ada": 9, "bob": 2, "cleo": 5, "dora": 3}
    for customer, count in counts.items():
        for n in range(count):
            lane.event(customer, f"e{n}", at=NOON + 1 + n)
    lane.round(bound=NOON + 50)
    pass_day(lane)
    for customer, count in counts.items():
        assert [name for name, _ in kept(lane, customer)] == [f"e{count - 2}", f"e{count - 1}"], customer


def test_A7_large_events_are_counted_in_bytes(lane: LaneKit) -> None:
    for n in range(5):
        lane.event("ada", f"e{n}", at=NOON + n, text="x" * (MOST_BYTES // 3))
    lane.round(bound=NOON + 9)
    pass_day(lane)
    assert [name for name, _ in kept(lane)] == ["e3", "e4"]
    assert MOST_EVENTS < history.TRIM_SLICE


def test_A10_while_events_are_trimmed_other_sweeps_go_on(lane: LaneKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "TRIM_SLICE", 1)
    for n in range(6):
        lane.event(f"c{n}", "purchase", at=NOON + n)
    lane.round(bound=NOON + 9)
    lane.round(bound=NOON + DAY)
    assert lane.lane.sweeps
    lane.control("journey", "wait-for-payment", "stopped", at=lane.lane.head.lane_time)
    lane.round(bound=lane.lane.head.lane_time)
    lane.round(bound=lane.lane.head.lane_time)
    assert not [sweep for sweep in lane.lane.sweeps if not sweep.trims]


def test_a_key_tells_its_time() -> None:
    made, _ = history.record_of(b"w:\0h", history.Event("id", "track", timestamp=NOON), b"0123456789ab", b"{}", NOON)
    assert history_at(made) == NOON
    assert made.endswith(b"\0h")
