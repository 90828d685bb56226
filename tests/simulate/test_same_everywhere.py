"""The time machine, the test kit and rounds of a lane decide the same of random journeys, id for id (A13, R1)."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laudstream.customers.event import Event
from laudstream.journey.decision import Decision
from laudstream.simulate.post import Post
from laudstream.simulate.world import World
from laudstream.testing import World as Kit
from tests.lanes.kit import WORKSPACE
from tests.proof import definitions, rulebook, words
from tests.simulate.slow_lane import SlowLane

START = 1_767_603_600_000  # Monday, 2026-01-05 09:00 UTC
AT = "2026-01-05T09:00+00:00"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
END = START + 20 * DAY
PEOPLE = ["1", "ann", "bob"]
STRANGER = "2"
"""Known by what others emit only."""
Published = list[tuple[str, str, dict[str, Any]]]
Things = list[tuple[int, str, str, dict[str, Any]]]
"""(at, who, the event or nothing, its properties or what changes in the row)"""


@st.composite
def published(draw: st.DrawFn) -> Published:
    """Journeys without winners, which lanes get from the control agent. Where one emits, none asks a quota: its answers
    and what was emitted beside the question come in any order (A11)."""
    found: Published = [("workspace", "workspace", draw(rulebook.workspace()))]
    found += [("template", id, body) for id, body in words.TEMPLATES.items()]
    found += [("subscription", body["id"], body) for body in (words.NEWS, words.TIPS)]
    found += [("segment", id, body) for id, body in draw(words.segments()).items()]
    bodies = [draw(definitions.journeys(id)) for id in words.JOURNEYS]
    steps = [step for body in bodies for step in body["steps"].values()]
    for step in steps:
        step.get("experiment", {}).pop("winner", None)
    if any("emit" in step for step in steps):
        for body in bodies:
            body.pop("max_entries", None)
            body["settings"].pop("pace", None)
    return found + [("journey", body["id"], body) for body in bodies]


def things(seed: int) -> Things:
    """Many at one instant, with each other or with a timer."""
    random, at, found = Random(seed), START, []
    for _ in range(random.randint(10, 60)):
        at += random.choice([0, 0, MINUTE, HOUR, HOUR, 5 * HOUR, DAY])
        said: dict[str, Any] = {"n": random.randint(0, 3), "k": random.choice(["1", STRANGER])}
        name = random.choice(["", "", "go", "go", "go", *words.EVENTS])
        if not name:
            row = {"plan": random.choice(["free", "pro"]), "n": random.randint(0, 3),
                   "timezone": random.choice(words.ZONES),
                   "day": random.choice(["2026-01-07", "2026-01-12"])}  # fmt: skip
            said = {each: row[each] for each in random.sample(sorted(row), random.randint(1, 4))}
        found.append((at, random.choice(PEOPLE), name, said))
    return found


@given(published(), st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a13_three_worlds_decide_the_same(live: Published, seed: int) -> None:
    happens = things(seed)
    machine = by_the_time_machine(live, happens)
    assert by_the_test_kit(live, happens) == machine
    lane = in_a_lane(live, happens)
    if any("max_entries" in body or "pace" in body.get("settings", {}) for _, _, body in live):
        # a quota answers two runs of one input in one record there, by whose place ids go
        lane, machine = ([replace(made, id="") for made in decisions] for decisions in (lane, machine))
    assert lane == machine


def attributes(id: str) -> dict[str, Any]:
    return {"email": f"{id}@example.org", "plan": "pro"}


def by_the_time_machine(live: Published, happens: Things) -> list[Decision]:
    world, made = World(now=START, workspace=WORKSPACE), []
    world.decided = made.append
    for kind, id, body in live:
        world.definitions.publish(kind, id, body)
    for id in PEOPLE:
        world.insert(id, attributes(id))
    for number, (at, who, name, said) in enumerate(happens):
        if name:
            world.play([Post(at, who, Event(f"event-{number}", "track", name, said, at, at))])
        else:
            world.until_inputs(at)
            world.now = at
            world.insert(who, said)
        world.until_inputs(at)
    world.until(END)
    return list(made)


def by_the_test_kit(live: Published, happens: Things) -> list[Decision]:
    world = Kit(*({"kind": kind, "id": id, **body} for kind, id, body in live), at=AT, workspace=WORKSPACE)
    people = {id: world.customer(id, attributes(id)) for id in PEOPLE}
    for number, (at, who, name, said) in enumerate(happens):
        world.engine.until_inputs(at)
        world.engine.now = at
        if name:
            world._numbers = iter([number])
            people[who].track(name, said)
        else:
            world.customer(who, said)
            world.engine.until_inputs(at)
    world.engine.until(END)
    return world.decisions


def in_a_lane(live: Published, happens: Things) -> list[Decision]:
    lane = SlowLane(START, [*PEOPLE, STRANGER])
    for kind, id, body in live:
        lane.publish(kind, id, body)
    for id in PEOPLE:
        lane.insert(id, attributes(id))
    for number, (at, who, name, said) in enumerate(happens):
        if name:
            lane.event(at, who, name, f"event-{number}", said)
        else:
            lane.until_inputs(at)
            lane.insert(who, said)
            lane.until_inputs(at)
    lane.until(END)
    return lane.decisions()
