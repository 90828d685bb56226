"""Sweeps of the lanes of a process take turns (A10, A12); a replay takes the slices that the journal names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.lanes.turns import PASS, Turns
from tests.lanes.kit import LaneKit, waiting


def test_one_lane_at_a_time_in_the_order_in_which_they_came() -> None:
    turns, woken = Turns(), []
    assert turns.mine(1, lambda: woken.append(1))
    assert not turns.mine(2, lambda: woken.append(2))
    assert not turns.mine(3, lambda: woken.append(3))
    assert turns.mine(1, lambda: None)
    turns.done(1)
    assert woken == [2]
    assert not turns.mine(1, lambda: woken.append(1))
    assert turns.mine(2, lambda: None)
    turns.done(3)  # it closed before its turn
    turns.done(2)
    assert woken == [2, 1]


def test_rounds_of_a_backlog_are_long_but_all_lanes_together_keep_a_bound() -> None:
    turns = Turns()
    assert turns.room(1000, 500, 4000) == 500, "no backlog"
    assert turns.room(1001, 500, 4000) == 4000
    turns.lanes = 8
    assert 8 * turns.room(9000, 500, 4000) == PASS
    turns.lanes = 100
    assert turns.room(9000, 500, 4000) == 500


def test_a_lane_that_wants_nothing_changes_nothing() -> None:
    turns = Turns()
    turns.done(7)
    assert turns.mine(1, lambda: None)
    turns.done(7)
    assert turns.mine(1, lambda: None)


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 9))
def test_a10_slices_of_any_size_reach_everybody_once_and_a_slice_of_nobody_ends_nothing(
    slices: list[int], customers: int
) -> None:
    lane = LaneKit()
    lane.publish(waiting(), at=1000)
    for n in range(customers):
        lane.event(f"c{n}", "purchase", at=2000)
    lane.round(bound=2001)
    lane.slice = 0
    lane.control("journey", "wait-for-payment", "stopped", at=3000)
    lane.round(bound=3001)
    for lane.slice in [*slices, 100]:
        lane.round(bound=3001)
    assert lane.lane.sweeps == ()
    assert sorted(customer for customer, _, _ in lane.ends()) == [f"c{n}" for n in range(customers)]
    assert sum(result.swept for result in lane.results) == customers
