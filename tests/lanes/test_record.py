"""A5: in which order a lane takes its inputs, and how much of each topic."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from agents.lanes.record import CONTROL, DELIVERIES, EVENTS, RANK, ROWS, behind, merge, shares
from laudstream.topics import LANE_INPUTS


def records(rank: int, *times: int) -> list[SimpleNamespace]:
    topic = LANE_INPUTS[rank]
    return [SimpleNamespace(topic=topic, timestamp=at, offset=offset) for offset, at in enumerate(times)]


def test_A5_control_goes_first_whatever_its_time() -> None:
    taken = [records(CONTROL, 99), records(ROWS, 1), [], [], records(EVENTS, 2)]
    assert [RANK[record.topic] for record in merge(taken)] == [CONTROL, ROWS, EVENTS]


def test_A5_others_go_by_append_time_then_topic_then_offset() -> None:
    taken = [[], records(ROWS, 5, 5), [], records(DELIVERIES, 5), records(EVENTS, 4, 5)]
    assert [(r.timestamp, RANK[r.topic], r.offset) for r in merge(taken)] == [
        (4, EVENTS, 0), (5, ROWS, 0), (5, ROWS, 1), (5, DELIVERIES, 0), (5, EVENTS, 1),
    ]  # fmt: skip


def test_A5_an_import_of_rows_does_not_starve_events() -> None:
    assert shares([0, 1_000_000, 0, 0, 300], 500) == [0, 250, 0, 0, 250]


def test_A5_what_one_topic_leaves_the_others_take() -> None:
    assert shares([0, 1_000_000, 0, 0, 20], 500) == [0, 480, 0, 0, 20]


@given(st.lists(st.integers(0, 3000), min_size=5, max_size=5), st.integers(1, 2000))
def test_A5_shares_fill_the_round_and_take_nothing_that_is_not_there(waiting: list[int], room: int) -> None:
    taken = shares(waiting, room)
    assert all(0 <= t <= w for t, w in zip(taken, waiting, strict=True))
    assert sum(taken) == min(room, sum(waiting))
    assert taken[CONTROL] == min(waiting[CONTROL], room)


def test_A4_rows_newer_than_the_oldest_event_that_stays_wait_for_it() -> None:
    waiting = [[], records(ROWS, 1, 5, 9), [], records(DELIVERIES, 9), records(EVENTS, 1, 2, 5, 6)]
    assert behind([0, 3, 0, 1, 2], waiting, 5) == [0, 2, 0, 0, 2]


def test_A5_events_do_not_wait_for_rows() -> None:
    waiting = [[], records(ROWS, 1, 2, 3), [], [], records(EVENTS, 8, 9)]
    assert behind([0, 2, 0, 0, 2], waiting, 9) == [0, 2, 0, 0, 2]


def test_where_only_newer_rows_would_go_events_go_instead() -> None:
    waiting = [[], records(ROWS, 7), [], [], records(EVENTS, 3, 4)]
    assert behind([0, 1, 0, 0, 0], waiting, 3) == [0, 0, 0, 0, 1]


TIMES = st.lists(st.integers(0, 30), max_size=12).map(sorted)


@given(st.lists(TIMES, min_size=5, max_size=5), st.integers(1, 20))
def test_A4_nothing_else_is_taken_that_is_newer_than_an_event_that_stays(times: list[list[int]], room: int) -> None:
    waiting = [records(rank, *each) for rank, each in enumerate(times)]
    counts = shares([len(each) for each in waiting], room)
    events = times[EVENTS]
    known = events[counts[EVENTS]] if counts[EVENTS] < len(events) else 30
    taken = behind(counts, waiting, known)
    assert sum(taken) <= room
    assert sum(taken) or not any(counts)
    left = events[taken[EVENTS] :]
    for rank, n in enumerate(taken):
        if rank not in (CONTROL, EVENTS) and n and left:
            assert times[rank][n - 1] <= left[0]
