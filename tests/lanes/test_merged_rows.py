"""What the row of a merge says, whenever it comes: it is no change and enters nobody; what an identify says is and does
(R29, R35)."""

from __future__ import annotations

import json

import pytest

from laudstream import topics
from tests.lanes.kit import key, waiting
from tests.lanes.merging import Merging


def root_round(world: Merging, who: str = "user") -> None:
    world.round(world.lanes.index(world.lane(who)))


@pytest.mark.parametrize("first", ["row", "legacy"])
def test_r35_what_a_merged_row_says_enters_nobody(first: str) -> None:
    """The visitor is known and the user is not: its attributes win, and only the row says so."""
    pro = {"id": "pro", "condition": {"customer.plan": {"equals": "pro"}}}
    world = Merging()
    world.publish(pro, 1, "segment")
    world.publish(waiting("PT1H", id="welcome", entry=[{"segment": {"id": "pro", "on": "enter"}}]), 1)
    world.identify("visitor", plan="pro")
    world.identify("user", plan="free")
    world.settle()
    world.merge("visitor", "user", says=False)
    world.rows["user"]["attributes"] = {"plan": "pro"}
    if first == "row":
        world.say("user")
        root_round(world)
    world.settle()
    if first == "legacy":
        world.say("user")
    world.settle()
    assert "pro" in world.state("user").core.segments
    assert world.named("entered") == ["visitor"]
    assert [made.reason for made in world.decisions() if made.kind == "not_entered"] == []


@pytest.mark.parametrize("first", ["row", "legacy"])
def test_r29_what_a_merged_row_says_is_no_change(first: str) -> None:
    steps = {
        "look": {"wait": {"branches": [{"changed": "customer.plan", "next": "end"}]}},
        "end": {"exit": {"outcome": "changed"}},
    }
    world = Merging({"id": "watch", "entry": [{"event": {"name": "purchase"}}], "start": "look", "steps": steps})
    world.identify("visitor", plan="pro")
    world.identify("user")
    world.event("user", "purchase")
    world.settle()
    world.merge("visitor", "user", says=False)
    if first == "row":
        world.say("user")
        root_round(world)
    world.settle()
    if first == "legacy":
        world.say("user")
        world.settle()
    assert world.state("user").attributes == {"plan": "pro"}
    assert world.runs("user") == [("watch", "look")]
    world.identify("user", plan="gold")
    world.settle()
    assert world.ended() == [("user", "changed")]


@pytest.mark.parametrize("first", ["event", "row"])
def test_r35_traits_of_the_identify_that_merges_let_in(first: str) -> None:
    gold = {"id": "gold", "condition": {"customer.plan": {"equals": "gold"}}}
    pro = {"id": "pro", "condition": {"customer.kind": {"equals": "pro"}}}
    world = Merging()
    for segment in (gold, pro):
        world.publish(segment, 1, "segment")
    for name in ("gold", "pro"):
        entry = [{"segment": {"id": name, "on": "enter"}, "reentry": "always"}]
        world.publish(waiting("PT1S", id=f"in-{name}", entry=entry), 1)
    world.identify("visitor", kind="pro")
    world.identify("user", name="User")
    world.let_time_pass(5_000)
    assert world.named("entered") == ["visitor"]
    world.merge("visitor", "user", says=first == "row")
    world.identify("user", says=False, plan="gold")
    row = {**world.rows["user"], "created_at": 1}
    at = world.tick()
    record = {"id": "i", "type": "identify", "properties": {"plan": "gold"}, "received": at, "row": row}
    world.lane("user").put(topics.EVENTS, at, key("user"), json.dumps(record).encode())
    root_round(world)
    world.settle()
    assert sorted(world.state("user").core.segments) == ["gold", "pro"]
    assert sorted(world.named("entered")) == ["user", "visitor"]
    assert world.state("user").core.runs[0].journey == "in-gold"


def test_r15_an_identify_of_an_id_that_was_an_alias_is_of_a_new_person() -> None:
    """The API has deleted the root, and the lane of the alias has not read of it."""
    world = Merging(waiting("PT1H", id="pay"))
    world.identify("user")
    world.merge("visitor", "user")
    world.settle()
    pointer = world.state("visitor").identity
    assert pointer.root == "user"
    born = world.revision = world.revision + 5
    at = world.tick()
    row = {"born": born, "revision": born, "attributes": {"plan": "pro"}, "created_at": at}
    record = {"id": "i", "type": "identify", "received": at, "row": row}
    world.lane("visitor").put(topics.EVENTS, at, key("visitor"), json.dumps(record).encode())
    world.event("visitor", "purchase")
    root_round(world, "visitor")
    world.delete("user")
    world.settle()
    assert world.runs("user") == []
    assert world.runs("visitor") == [("pay", "look")]
    assert world.state("visitor").attributes == {"plan": "pro"}
