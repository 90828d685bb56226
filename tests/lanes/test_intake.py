"""What a lane has in hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiokafka.structs import TopicPartition

from agents.lanes.feed import CaughtUp
from agents.lanes.intake import Intake
from laudstream import topics
from laudstream.journey.handoff import Release
from laudstream.records import codec

CONTROL, ROWS, HANDOFFS, DELIVERIES, EVENTS = (TopicPartition(topic, 3) for topic in topics.LANE_INPUTS)


def record(at: int, value: bytes = b"") -> Any:
    return SimpleNamespace(timestamp=at, value=value)


def handoff(at: int, control_seq: int) -> Any:
    return record(at, codec.encode(Release("workspace1", "sale", "run", control_seq)))


def intake() -> tuple[Intake, CaughtUp]:
    known = CaughtUp()
    made = Intake(3, known)
    made.begin(100)
    return made, known


def test_a5_it_knows_all_once_every_topic_has_answered_and_control_to_its_end() -> None:
    made, known = intake()
    made.feed(EVENTS, [record(90)])
    for tp in (ROWS, HANDOFFS, DELIVERIES):
        known.note(tp, 100)
    made.feed(CONTROL, [record(80)])
    assert not made.knows_all()
    known.note(CONTROL, 99)  # an answer to a fetch that was sent before
    assert not made.knows_all()
    known.note(CONTROL, 100)
    assert made.knows_all()
    made.clear()
    made.begin(200)
    assert not made.knows_all()


def test_a4_the_bound_is_the_earliest_record_in_hand_or_what_a_log_is_known_to_hold() -> None:
    made, known = intake()
    for tp in (CONTROL, ROWS, HANDOFFS, DELIVERIES):
        known.note(tp, 500)
    made.feed(EVENTS, [record(300), record(400)])
    assert made.bound() == 300
    made.take(1, 0)
    assert made.bound() == 400
    made.take(1, 0)
    assert made.bound() == 400  # the last one that was handled; more may have come since
    known.note(EVENTS, 450)
    assert made.bound() == 450


def test_a9_a_handoff_waits_until_control_is_read_as_far_as_its_sender_had() -> None:
    made, _ = intake()
    made.feed(HANDOFFS, [handoff(1, 4), record(2, b"no json"), handoff(3, 5), handoff(4, 4)])
    made.feed(EVENTS, [record(9)])
    taken = made.take(100, 4)
    assert [len(records) for records in taken] == [0, 0, 2, 0, 1]
    assert made.size == 2
    assert [len(records) for records in made.take(100, 5)] == [0, 0, 2, 0, 0]


def test_a5_what_all_wait_for_has_room_however_much_of_the_others_is_in_hand() -> None:
    """Each of these kept the lane from its next round for ever: what it waited for was not fetched."""
    made, known = intake()
    for tp in (CONTROL, HANDOFFS, DELIVERIES, EVENTS):
        known.note(tp, 100)
    made.feed(ROWS, [record(at) for at in range(200, 210)])  # an import, while the leader of the events is away
    assert [len(records) for records in made.take(10, 0)] == [0] * 5
    assert made.wanted(11) == made.tps
    assert made.wanted(10) == (CONTROL, HANDOFFS, DELIVERIES, EVENTS)
    made.feed(EVENTS, [record(300)])
    assert [len(records) for records in made.take(11, 0)] == [0, 10, 0, 0, 1]

    made, _ = intake()
    made.feed(HANDOFFS, [handoff(at, 7) for at in range(10)])  # of lanes that have read more of control
    assert CONTROL in made.wanted(10)

    made, known = intake()
    for tp in (ROWS, HANDOFFS, DELIVERIES, EVENTS):
        known.note(tp, 100)
    made.feed(CONTROL, [record(at) for at in range(10)])  # after a long downtime: it is read to its end first
    assert not made.knows_all()
    assert CONTROL in made.wanted(10)


def test_what_is_put_back_comes_again_in_its_order() -> None:
    made, _ = intake()
    made.feed(EVENTS, [record(at) for at in range(6)])
    taken = made.take(4, 0)
    made.put_back(taken)
    assert made.size == 6
    assert [each.timestamp for each in made.take(10, 0)[-1]] == list(range(6))
