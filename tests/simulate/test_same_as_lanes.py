"""The time machine and a lane's rounds decide the same, in the same order, with the same ids (A4, A11, A15)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laudstream import topics
from laudstream.customers.event import Event
from laudstream.journey.decision import Decision
from laudstream.simulate.post import Post
from laudstream.simulate.world import World
from tests.lanes.kit import WORKSPACE, LaneKit, waiting

PEOPLE = [f"c{n}" for n in range(5)]
STEPS = st.lists(
    st.tuples(st.integers(0, 25_000), st.sampled_from(PEOPLE), st.sampled_from(["purchase", "paid", "leave"])),
    max_size=25,
)
LEAVE = [{"event": {"name": "leave"}, "outcome": "left"}]


@given(STEPS, st.sampled_from([0, 2, 3]), st.sampled_from(["ignore", "restart"]))
@hypothesis_settings(max_examples=120)
def test_a4_the_same_decisions_as_in_rounds_of_a_lane(
    steps: list[tuple[int, str, str]], places: int, while_active: str
) -> None:
    entry = [{"event": {"name": "purchase"}, "reentry": "always", "while_active": while_active}]
    body = waiting(entry=entry, exit=LEAVE, **({"max_entries": places} if places else {}))
    events, at = [], 10_000
    for gap, who, name in steps:
        at += gap // 1_000 * 1_000  # in seconds: many meet a timer, or each other, at the same instant
        events.append((at, who, name))
    one, other = simulated(body, events), in_a_lane(body, events)
    if places:  # ids of what follows an answer go by its place in the log of handoffs, where questions stand too
        one, other = ([replace(made, id="") for made in decisions] for decisions in (one, other))
    assert one == other


def timeless(decisions: list[Any]) -> list[Decision]:
    """Without the clock of the round, which is the instant itself in the time machine."""
    return [replace(made, clock=0) for made in decisions if made.kind != "control"]


def simulated(body: dict[str, Any], events: list[tuple[int, str, str]]) -> list[Decision]:
    world, made = World(now=1, workspace=WORKSPACE), []
    world.decided = made.append
    for who in PEOPLE:
        world.insert(who, {})
    world.definitions.publish("journey", body["id"], body)
    posts = [Post(at, who, Event(f"m{n}", "track", name, {}, at, at)) for n, (at, who, name) in enumerate(events)]
    world.play(posts)
    world.until(10**7)
    return timeless(made)


def in_a_lane(body: dict[str, Any], events: list[tuple[int, str, str]]) -> list[Decision]:
    lane = LaneKit()
    for who in PEOPLE:
        lane.row(who, 1)
    lane.round(2)
    lane.publish(body, 2)
    lane.round(3)
    for at, who, name in events:
        rounds(lane, at)  # timers that are due before it
        lane.event(who, name, at)
        rounds(lane, at)
    rounds(lane, 10**7 + 1)
    return timeless(lane.decisions())


def rounds(lane: LaneKit, bound: int) -> None:
    """Until nothing is on its way; what a lane hands to lanes comes back to this one."""
    while True:
        handed = lane.round(bound).out.topics.get(topics.HANDOFFS, ())
        for key, value in handed:
            lane.put(topics.HANDOFFS, lane.lane.head.lane_time, key, value)
        if not handed:
            return
