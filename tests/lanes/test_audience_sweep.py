"""A sweep takes an audience in slices, beside events, over restarts: each present customer once (A10, R36)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.lanes import round as rounds
from tests.lanes.kit import LaneKit, waiting

PRESENT = [f"c{n:02}" for n in range(23)]
JOURNEY = waiting(entry=[{"audience": {}}])
PUBLISHED = 100


def published() -> LaneKit:
    lane = LaneKit()
    lane.slice = 4
    for who in PRESENT:
        lane.row(who, 10, email=f"{who}@example.org")
    lane.round(50)
    lane.publish(JOURNEY, PUBLISHED)
    return lane


def reopened(lane: LaneKit) -> None:
    """As after a crash: all that is not in the store is gone."""
    lane.cache.clear()
    lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)


def entered(lane: LaneKit) -> list[str]:
    return [made.customer for made in lane.decisions() if made.kind == "entered"]


_STEPS = st.one_of(st.sampled_from(PRESENT), st.sampled_from(["round", "crash", "row", "stranger", "again"]))


@given(st.lists(_STEPS, max_size=40))
def test_a10_each_present_customer_enters_once_whatever_comes_in_between(steps: list[str]) -> None:
    lane = published()
    now, late, strangers = PUBLISHED + 1, 0, 0
    for step in steps:
        now += 1
        if step == "crash":
            reopened(lane)
        elif step == "row":  # created before, and seen late
            late += 1
            lane.row(f"late{late}", now, email="late@example.org")
        elif step == "stranger":
            strangers += 1
            lane.event(f"new{strangers}", "look", now)
        elif step == "again":  # another sweep of the workspace starts over
            lane.control("journey", "wait-for-payment", "paused", now)
            lane.control("journey", "wait-for-payment", "live", now)
        elif step != "round":
            lane.event(step, "look", now)
        if step == "round" or now % 3 == 0:
            lane.round(now + 1)
    rounds_left = 0
    while lane.lane.sweeps or any(lane.logs.values()):
        now += 1
        lane.round(now)
        rounds_left += 1
        assert rounds_left < 60
    assert sorted(entered(lane)) == sorted([*PRESENT, *(f"late{n + 1}" for n in range(late))])


def test_a10_events_are_not_held_up_by_a_sweep() -> None:
    lane = published()
    lane.event("zoe", "purchase", PUBLISHED + 1)
    result = lane.round(PUBLISHED + 2)
    assert (result.swept, len(lane.lane.sweeps)) == (4, 1)
    lane.event("c22", "paid", PUBLISHED + 3)  # the last one in the order of the sweep
    (found, *rest) = [d for d in lane.decisions([lane.round(PUBLISHED + 4)]) if d.customer == "c22"]
    assert (found.kind, rest[-1].outcome) == ("entered", "paid")


def test_r49_a_pause_acts_within_a_round_and_a_stop_ends_the_sweep() -> None:
    lane = published()
    lane.round(PUBLISHED + 1)
    lane.control("journey", "wait-for-payment", "paused", PUBLISHED + 2)
    for at in range(8):
        lane.round(PUBLISHED + 3 + at)
    assert len(entered(lane)) == 4
    lane.control("journey", "wait-for-payment", "live", PUBLISHED + 20)
    lane.round(PUBLISHED + 21)
    lane.control("journey", "wait-for-payment", "stopped", PUBLISHED + 22)
    for at in range(9):
        lane.round(PUBLISHED + 23 + at)
    assert len(entered(lane)) < len(PRESENT)
    assert [outcome for _, outcome, _ in lane.ends()] == ["stopped"] * len(entered(lane))
    assert not lane.lane.sweeps
