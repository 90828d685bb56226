"""A published segment takes in whoever is in it already, in slices, over restarts, and enters nobody (A10, R35)."""

from __future__ import annotations

from typing import Any

from agents.lanes import round as rounds
from tests.lanes.kit import LaneKit, waiting

GOLD = {"id": "gold", "condition": {"customer.plan": {"equals": "gold"}}}


def decisions(lane: LaneKit, kind: str) -> list[Any]:
    return [made for made in lane.decisions() if made.kind == kind]


def test_r35_a_sweep_looks_at_everyone_once_and_enters_nobody() -> None:
    lane = LaneKit()
    lane.slice = 4
    for n in range(11):
        lane.row(f"c{n:02}", 10, plan="gold" if n % 2 else "free")
    lane.round(50)
    lane.publish(waiting(entry=[{"segment": {"id": "gold"}}]), 60)
    lane.publish(GOLD, 100, kind="segment")
    for now in range(101, 112):
        lane.round(now)
        if now == 103:  # as after a crash: all that is not in the store is gone
            lane.cache.clear()
            lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)
    assert sorted(made.customer for made in decisions(lane, "segment")) == [f"c{n:02}" for n in range(1, 11, 2)]
    assert {made.data["because"] for made in decisions(lane, "segment")} == {"definition"}
    assert decisions(lane, "entered") == []
    assert lane.lane.sweeps == ()


def test_a8_time_takes_a_customer_out_by_the_lanes_own_timer() -> None:
    lane = LaneKit()
    lane.row("ann", 10, plan="free")
    lane.publish({"id": "busy", "condition": {"event": {"name": "buy", "within": "PT1H"}}}, 20, kind="segment")
    lane.round(50)
    lane.event("ann", "buy", 1_000)
    lane.round(1_100)
    assert [made.data["change"] for made in decisions(lane, "segment")] == ["entered"]
    lane.cache.clear()
    lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)
    lane.round(1_000 + 3_600_000)
    lane.round(1_000 + 3_600_001)
    assert [made.data["change"] for made in decisions(lane, "segment")] == ["entered", "left"]
    assert decisions(lane, "segment")[1].at == 1_000 + 3_600_000
