"""A signal reaches every customer who was there, once, whatever comes in between (A10, R34)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.lanes import round as rounds
from tests.lanes.kit import WORKSPACE, LaneKit, waiting

PRESENT = [f"c{n:02}" for n in range(17)]
JOURNEY = waiting(entry=[{"audience": {"signal": "sale"}}], timeout="PT1S")


def published() -> LaneKit:
    lane = LaneKit()
    lane.slice = 4
    for who in PRESENT:
        lane.row(who, 10, email=f"{who}@example.org")
    lane.round(50)
    lane.publish(JOURNEY, 100)
    lane.round(101)
    return lane


def send(lane: LaneKit, at: int, number: int) -> None:
    lane.bodies[WORKSPACE, "signal", "sale", number] = {"properties": {"number": number}}
    lane.control("signal", "sale", "live", at, number)


def entered(lane: LaneKit) -> Counter[tuple[str, int]]:
    return Counter((made.customer, made.data["number"]) for made in lane.decisions() if made.kind == "entered")


_STEPS = st.one_of(st.sampled_from(PRESENT), st.sampled_from(["round", "crash", "row", "new", "signal", "signal"]))


@given(st.lists(_STEPS, max_size=40))
def test_r34_each_customer_who_was_there_enters_once_per_signal(steps: list[str]) -> None:
    lane = published()
    now, sent, late = 101, 0, 0
    for step in steps:
        now += 2_000  # the runs of the signal before are over
        if step == "crash":
            lane.cache.clear()
            lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)
        elif step == "row":  # created before, and seen late
            late += 1
            lane.row(f"late{late}", now, email="late@example.org")
        elif step == "new":
            lane.event(f"new{now}", "look", now)
        elif step == "signal":
            sent += 1
            send(lane, now, sent)
        elif step != "round":
            lane.event(step, "look", now)
        if step == "round" or now % 3 == 0:
            lane.round(now + 1)
    done: list[Any] = []
    while not done or lane.lane.sweeps:
        now += 2_000
        done.append(lane.round(now))
    lane.round(now + 10_000)
    found = entered(lane)
    assert set(found.values()) <= {1}
    assert not [who for who, _ in found if who.startswith("new")]
    refused = Counter(made.customer for made in lane.decisions() if made.kind == "not_entered")
    for who in PRESENT:
        mine = sum(customer == who for customer, _ in found)
        assert mine + refused[who] == sent


def test_a10_many_signals_do_not_keep_a_sweep_from_its_end() -> None:
    lane = published()
    for number in range(1, 30):
        send(lane, 200 + number, number)
        lane.round(201 + number)
        assert len(lane.lane.sweeps) <= 2
    rounds_left = 0
    while lane.lane.sweeps:
        rounds_left += 1
        lane.round(1_000 + rounds_left)
    assert rounds_left <= 2 * (len(PRESENT) // lane.slice + 1)
