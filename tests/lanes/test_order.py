"""R1: what becomes of a customer follows from the order of the log alone, wherever rounds begin and end."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.lanes.kit import LaneKit, waiting

SECOND = 1_000
LEAVES = {"condition": {"customer.off": {"equals": True}}, "outcome": "off"}


class Happened(NamedTuple):
    gap_s: int
    """Since the one before; 0: at the same instant, in another topic or behind it in the same."""
    who: str
    what: str
    """An event, or `on` or `off`: a row."""


LOG = st.lists(
    st.builds(
        Happened, st.sampled_from([0, 0, 1, 7, 19, 20, 21]), st.sampled_from(["ann", "bob"]),
        st.sampled_from(["purchase", "paid", "browse", "on", "off"]),
    ),
    max_size=25,
)  # fmt: skip


def played(log: list[Happened], ends: set[int]) -> LaneKit:
    """`ends`: the inputs behind which a round ends; one does where the log does. Timers have time to come due."""
    lane = LaneKit()
    lane.publish(waiting(exit=[LEAVES]), at=SECOND)
    at = 2 * SECOND
    lane.round(bound=at)
    for number, (gap_s, who, what) in enumerate(log):
        if gap_s and number in ends:  # what stands at one instant comes together
            lane.round(bound=at + 1)
        at += gap_s * SECOND
        if what in ("on", "off"):
            lane.row(who, at, revision=number + 1, off=what == "off")
        else:
            lane.event(who, what, at, id=f"m{number}")
    lane.round(bound=at + 1)
    lane.round(bound=at + 60 * SECOND)
    return lane


def told(lane: LaneKit, who: str) -> list[Any]:
    """Without the clocks of rounds, which depend on when they were."""
    return [replace(made, clock=0) for made in lane.decisions() if made.customer == who]


@given(LOG, st.sets(st.integers(0, 24)))
def test_r1_each_customers_inputs_are_handled_in_the_order_of_the_log_wherever_rounds_end(
    log: list[Happened], ends: set[int]
) -> None:
    whole, parts = played(log, set()), played(log, ends)
    for who in ("ann", "bob"):
        decided = told(parts, who)
        assert decided == told(whole, who)
        assert [made.n for made in decided] == list(range(1, len(decided) + 1))
        assert [made.at for made in decided] == sorted(made.at for made in decided)
