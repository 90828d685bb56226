"""A lane whose position is not in its topic any more, and the way on (A3)."""

from __future__ import annotations

from agents.lanes.skip import Move, Span, after, moves
from agents.lanes.writer import Out
from laudstream import topics
from laudstream.records.head import Head

IDS = dict.fromkeys(topics.LANE_INPUTS, "as before")
HEAD = Head(7, dict.fromkeys(topics.LANE_INPUTS, 50), IDS, lane_time=1000, clock=1001, control_seq=3)
INSIDE = dict.fromkeys(topics.LANE_INPUTS, Span(10, 90))


def test_a_lane_that_stands_inside_all_its_topics_skips_nothing() -> None:
    assert moves(HEAD, IDS, INSIDE) == []
    assert moves(HEAD, IDS, dict.fromkeys(topics.LANE_INPUTS, Span(50, 50))) == []


def test_what_expired_is_skipped_and_counted() -> None:
    assert moves(HEAD, IDS, {**INSIDE, topics.EVENTS: Span(60, 90)}) == [
        Move(topics.EVENTS, 50, 60, "10 records expired or were deleted")
    ]


def test_a_topic_made_anew_begins_at_its_beginning_wherever_the_position_is() -> None:
    [move] = moves(HEAD, {**IDS, topics.ROWS: "another"}, {**INSIDE, topics.ROWS: Span(0, 500)})
    assert move == Move(topics.ROWS, 50, 0, "the topic was made anew")


def test_a_log_that_kafka_lost_the_end_of_goes_on_at_its_end() -> None:
    assert moves(HEAD, IDS, {**INSIDE, topics.HANDOFFS: Span(0, 44)}) == [
        Move(topics.HANDOFFS, 50, 44, "Kafka lost 6 records that were handled")
    ]


def test_the_round_that_moves_the_lane_takes_nothing_writes_nothing_and_is_in_the_journal() -> None:
    ids = {**IDS, topics.EVENTS: "another"}
    head, journal = after(HEAD, ids, [Move(topics.EVENTS, 50, 0, "")])
    assert (head.seq, head.positions[topics.EVENTS], head.positions[topics.ROWS]) == (8, 0, 50)
    assert head.topic_ids == ids
    assert (head.lane_time, head.clock, head.control_seq) == (1000, 1001, 3)
    assert (journal.seq, journal.ends, journal.fired) == (8, {topics.EVENTS: 0}, 0)
    assert (journal.out_digest, journal.state_digest) == (Out(0).out_digest(), Out(0).state_digest())
