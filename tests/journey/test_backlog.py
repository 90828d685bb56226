"""Writes that do not come back for long: nothing of them is lost to the lane, and no record is too large (A7, A19)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream import topics
from laudstream.journey import backlog
from laudstream.journey.customer import Core, Pending
from laudstream.journey.writing import over, wanted
from laudstream.records.codec import encode
from tests.lanes.kit import LaneKit, key, waiting

Made = tuple[str, set[str], int, int]

_made = st.tuples(
    st.sampled_from(["set", "unset", "increment", "consent", "member"]), st.sets(st.sampled_from("abcd"), min_size=1),
    st.integers(0, 9), st.integers(0, 40),
)  # fmt: skip


def write(number: int, made: Made) -> Pending:
    op, names, amount, long = made
    if op == "unset":
        return Pending(number, op, {}, tuple(sorted(names)))
    return Pending(number, op, dict.fromkeys(sorted(names), "x" * long if op == "set" else amount))


def seen(pending: tuple[Pending, ...], row: int) -> tuple[dict[str, Any], list[Any]]:
    """Attributes over those of a row that contains the first `row` writes, consents and memberships."""
    left = tuple(each for each in pending if each.number > row)
    found: dict[str, Any] = {"a": 1, "b": "text"}
    for each in left:
        found = over(found, each)
    return found, [wanted(Core(pending=left), op, name) for op in ("consent", "member") for name in "abcd"]


@given(st.lists(_made, max_size=30))
def test_a19_what_a_later_write_says_again_never_shows(made: list[Made]) -> None:
    whole = tuple(write(number, each) for number, each in enumerate(made, 1))
    small = backlog._without_hidden(whole)
    for row in range(len(whole) + 1):
        assert seen(small, row) == seen(whole, row)
    assert backlog._without_hidden(small) == small


@given(st.lists(_made, max_size=30))
def test_a7_what_is_pending_has_its_size_and_is_the_latest(made: list[Made]) -> None:
    whole: tuple[Pending, ...] = ()
    small: tuple[Pending, ...] = ()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backlog, "BYTES", 500)
        patch.setattr(backlog, "FEW", 0)
        for number, each in enumerate(made, 1):
            one = write(number, each)
            whole, small = (*whole, one), backlog.added(small, one)
            assert len(encode(small)) <= 500 + 2
            for row in range(small[0].number - 1 if small else number, number + 1):
                assert seen(small, row) == seen(whole, row)


def test_a7_a_projector_that_is_away_stops_no_lane() -> None:
    mark = {"update": {"set": {"a": {"from": "entry.a"}}}, "next": "paid"}
    lane = LaneKit()
    lane.publish(waiting(start="mark", steps={"mark": mark, "paid": {"exit": {"outcome": "paid"}}}), 1_000)
    for number in range(30):
        lane.event("ann", "purchase", 2_000 + number, a=f"{number}" + "x" * 28_000)
        lane.round(2_001 + number)
    assert len(lane.ends()) == 30
    record = {"__table": "customers", "born": 1, "revision": 1, "attributes": '{"a": "old"}', "writes": 30}
    lane.put(topics.ROWS, 3_000, key("ann"), json.dumps(record).encode())
    lane.round(3_001)
    (found,) = lane.results[-1].customers.values()
    assert found.attributes["a"].startswith("29x")
    assert [each.number for each in found.core.pending] == [31]
