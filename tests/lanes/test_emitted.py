"""Emitted events travel from lane to lane (R52, A9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laudstream import topics
from laudstream.ids import partition_of
from laudstream.records import codec
from tests.lanes.kit import LaneKit, events, key, waiting

SAYS = {
    "id": "says",
    "entry": [{"event": {"name": "invite"}, "reentry": "always"}],
    "start": "say",
    "steps": {
        "say": {"emit": {"event": "purchase", "to": "entry.friend", "properties": {"from": 1}}, "next": "end"},
        "end": {"exit": {"outcome": "said"}},
    },
}


def lanes() -> list[LaneKit]:
    made = [LaneKit(), LaneKit()]
    for lane in made:
        lane.publish(SAYS, at=1000)
        lane.publish(waiting(), at=1000)
        lane.round(bound=1001)
    return made


def carry(of: Any, to: list[LaneKit], at: int) -> list[int]:
    handed = of.out.topics.get(topics.HANDOFFS, ())
    for where, value in handed:
        to[partition_of(where, len(to))].put(topics.HANDOFFS, at, where, value)
    return [partition_of(where, len(to)) for where, _ in handed]


def test_r52_an_event_for_another_customer_goes_to_the_lane_that_owns_it() -> None:
    two = lanes()
    friend = next(f"f{n}" for n in range(99) if partition_of(key(f"f{n}"), 2) == 1)
    two[0].event("ann", "invite", at=2000, friend=friend)
    (there,) = carry(two[0].round(bound=2001), two, at=2005)
    assert there == 1
    result = two[1].round(bound=2006)
    made = [made for made in two[1].decisions([result]) if made.kind == "entered"]
    assert [(made.customer, made.journey, made.at) for made in made] == [(friend, "wait-for-payment", 2005)]
    (write,) = [codec.write(value) for _, value in result.out.topics[topics.WRITES]]
    assert (write.customer, write.op) == (friend, "first_sight")
    assert [(kept.name, kept.received) for kept in events(two[1], friend)] == [("purchase", 2005)]


def test_a4_timers_due_before_an_emitted_event_fire_first() -> None:
    lane = LaneKit()
    lane.publish(waiting("PT20S"), at=1000)
    paid = {**SAYS, "steps": {**SAYS["steps"], "say": {"emit": {"event": "paid"}, "next": "end"}}}
    lane.publish(paid, at=1000)
    lane.round(bound=1001)
    lane.event("ann", "purchase", at=2000)
    lane.event("ann", "invite", at=21_999)
    handed = lane.round(bound=22_000).out.topics[topics.HANDOFFS]
    for where, value in handed:
        lane.put(topics.HANDOFFS, 22_005, where, value)
    lane.round(bound=30_000)
    assert ("ann", "late", 22_000) in lane.ends()


def test_a9_a_handoff_says_how_far_its_lane_had_read() -> None:
    two = lanes()
    two[0].event("ann", "invite", at=2000, friend="bob")
    ((where, value),) = two[0].round(bound=2001).out.topics[topics.HANDOFFS]
    assert where == key("bob")
    assert codec.handoff(value).control_seq == 2


def test_r2_an_emitted_event_that_comes_twice_changes_nothing_the_second_time() -> None:
    two = lanes()
    two[0].event("ann", "invite", at=2000, friend="bob")
    ((where, value),) = two[0].round(bound=2001).out.topics[topics.HANDOFFS]
    for at in (2005, 2006):
        two[1].put(topics.HANDOFFS, at, where, value)
    two[1].round(bound=2010)
    assert [made.kind for made in two[1].decisions() if made.kind != "control"] == ["entered"]


@pytest.mark.parametrize("deleted", [True, False])
def test_r15_an_event_for_the_own_customer_revives_nobody_who_was_deleted_meanwhile(deleted: bool) -> None:
    lane = LaneKit()
    lane.publish(waiting(), at=1000)
    lane.publish({**SAYS, "steps": {**SAYS["steps"], "say": {"emit": {"event": "purchase"}, "next": "end"}}}, at=1000)
    lane.row("ann", at=1000)
    lane.event("ann", "invite", at=2000)
    ((where, value),) = lane.round(bound=2001).out.topics[topics.HANDOFFS]
    if deleted:  # a second before the run emitted
        gone = {"__table": "customers", "__deleted": "true", "__source_ts_ms": 1000, "born": 1, "revision": 9}
        lane.put(topics.ROWS, 2002, key("ann"), json.dumps({**gone, "created_ms": 1, "attributes": "{}"}).encode())
    lane.put(topics.HANDOFFS, 2003, where, value)
    result = lane.round(bound=2010)
    assert [made.kind for made in lane.decisions([result])] == ([] if deleted else ["entered"])
    assert [kept.name for kept in events(lane, "ann")] == ([] if deleted else ["invite", "purchase"])
