"""What each thing that a customer has becomes in a merge (R50)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laudstream import topics
from laudstream.journey.identity import AWAIT_MS
from laudstream.messages.delivery import Delivery
from laudstream.records import codec
from tests.lanes.kit import TEMPLATE, key, waiting
from tests.lanes.merging import Merging
from tests.lanes.test_merges import PAID, merged, sending, sent

OFTEN = {"id": "often", "condition": {"event": {"name": "purchase", "at_least": 2}}}


def test_events_of_both_are_counted_together() -> None:
    world = Merging()
    world.publish(OFTEN, 1, "segment")
    world.identify("user")
    for who in ("visitor", "user"):
        world.event(who, "purchase")
    world.settle()
    assert "often" not in world.state("user").core.segments
    world.merge("visitor", "user")
    world.settle()
    assert "often" in world.state("user").core.segments
    assert world.kept("user") == ["visitorpurchase", "userpurchase"]
    assert not world.lane("visitor").store.oldest(10)


def test_the_numbers_of_decisions_go_on_from_the_greater() -> None:
    world = merged(waiting("PT1H", id="pay", exit=[{"event": {"name": "no"}, "outcome": "no"}]))
    for number in range(4):
        world.event("visitor", "no", id=f"n{number}")
        world.event("visitor", "purchase", id=f"p{number}")
    world.settle()
    last = world.state("visitor").core.decisions
    assert last > world.state("user").core.decisions == 0
    world.merge("visitor", "user")
    world.settle()
    made = [one for one in world.decisions() if one.customer == "user" and one.kind == "merged"]
    assert [(one.n, one.data) for one in made] == [(last + 2, {"from": "visitor", "merge": 102})]


def test_r53_what_a_run_wrote_and_the_merged_row_does_not_hold_is_written_to_the_root() -> None:
    writes = waiting("PT1H", id="w", start="set", steps={
        "set": {"update": {"set": {"plan": "pro", "name": "Visitor"}, "increment": {"visits": 2}}, "next": "look"},
        **waiting()["steps"],
    })  # fmt: skip
    world = merged(writes)
    world.identify("user", name="User")
    world.merge("visitor", "user")
    world.settle()
    assert world.state("user").attributes == {
        "email": "user@example.com", "name": "User", "plan": "pro", "visits": 2,
    }  # fmt: skip
    out = [codec.write(value) for lane in world.lanes for result in lane.results
           for _, value in result.out.topics.get(topics.WRITES, ())]  # fmt: skip
    mine = [(write.op, write.attributes) for write in out if write.customer == "user" and write.op != "first_sight"]
    assert mine == [("set", {"plan": "pro", "visits": 2})]


def test_r36_who_was_looked_at_for_an_audience_is_not_looked_at_again() -> None:
    audience = waiting("PT1S", id="all", entry=[{"audience": {}, "reentry": "always"}])
    world = Merging()
    world.identify("visitor")
    world.settle()
    world.publish(audience, 1)
    world.let_time_pass(5_000)
    assert world.named("entered") == ["visitor"]
    world.merge("visitor", "user")  # its row is as old as the visitor's
    world.round(world.lanes.index(world.lane("user")))
    assert world.named("entered") == ["visitor"]
    world.settle()
    assert world.named("entered") == ["visitor"]


def test_r36_a_root_that_waits_is_not_looked_at_for_what_the_other_one_was() -> None:
    audience = waiting("PT1S", id="all", entry=[{"audience": {}, "reentry": "always"}])
    world = Merging(audience)
    for who in ("visitor", "user"):
        world.identify(who)
    world.let_time_pass(5_000)
    at = world.tick()
    for lane in world.lanes:
        lane.publish(audience, at, version=2)
    world.round(world.lanes.index(world.lane("visitor")))
    world.merge("visitor", "user")
    world.let_time_pass(5_000)
    assert sorted(world.named("entered")) == ["user", "visitor", "visitor"]
    assert [made.reason for made in world.decisions() if made.kind == "not_entered"] == []


@pytest.mark.parametrize("first", ["row", "legacy"])
def test_r33_a_date_of_the_visitor_lets_the_root_in(first: str) -> None:
    world = Merging(waiting("PT900H", id="trial", entry=[{"date": {"of": "customer.ends"}}]))
    world.now = 1_767_225_600_000
    world.identify("visitor", ends="2026-01-03T00:00:00Z")
    world.settle()
    world.merge("visitor", "user", says=first == "row")
    world.settle()
    if first == "legacy":
        world.say("user")
    world.let_time_pass(3 * 86_400_000)
    assert world.named("entered") == ["user"]


def test_r33_the_date_that_a_run_came_in_by_does_not_end_it() -> None:
    trial = waiting("PT900H", id="trial", entry=[{"date": {"of": "customer.ends"}}])
    world = Merging(trial)
    world.now = 1_767_225_600_000
    world.identify("visitor", ends="2026-01-02T00:00:00Z")
    world.settle()
    world.let_time_pass(86_400_000)
    assert world.named("entered") == ["visitor"]
    world.merge("visitor", "user", says=False)
    world.settle()
    world.say("user")
    world.settle()
    assert world.runs("user") == [("trial", "look")]
    assert world.ended() == []
    world.let_time_pass(2 * 86_400_000)
    assert world.named("entered") == ["visitor"]


def test_r45_assignments_of_the_known_one_win() -> None:
    arms = {"experiment": {"id": "x", "arms": {"a": 50, "b": 50}}, "next": {"a": "look", "b": "look"}}
    world = Merging(waiting("PT1H", id="j", start="test", steps={"test": arms, **waiting()["steps"]}))
    names = [f"v{n}" for n in range(20)]
    for name in names:
        world.event(name, "purchase")
    world.settle()
    arm = {name: world.state(name).core.assignments["x"] for name in names}
    one = next(name for name in names if arm[name] == "a")  # names come in this order
    other = next(name for name in names if arm[name] == "b" and names.index(name) > names.index(one))
    world.merge(one, other)
    world.merge(next(name for name in names if arm[name] == "a" and name != one), "new")
    world.settle()
    assert world.state(other).core.assignments == {"x": "b"}
    assert world.state("new").core.assignments == {"x": "a"}
    assert [run.arms for run in world.state(other).core.runs] == [{"test": arm[one]}]  # the older run keeps its arm


def test_r47_a_goal_that_is_open_is_reached_by_the_root() -> None:
    goal = {"event": {"name": "won"}, "within": "P7D"}
    world = merged(waiting("PT1S", id="pay", goal=goal))
    world.let_time_pass(2_000)
    world.merge("visitor", "user")
    world.settle()
    world.event("user", "won")
    world.settle()
    assert world.named("goal") == ["user"]


def test_attributes_are_there_before_the_merged_row() -> None:
    world = Merging(PAID)
    world.identify("user", email="user@example.com", plan="")
    world.identify("visitor", email="v@example.com", plan="pro")
    world.settle()
    world.merge("visitor", "user", says=False)
    world.settle()
    assert world.state("user").attributes == {"email": "user@example.com", "plan": "pro"}


def test_r35_no_segment_is_entered_by_what_comes_before_the_merged_row() -> None:
    pro = {"id": "pro", "condition": {"customer.plan": {"equals": "pro"}}}
    world = Merging()
    world.publish(pro, 1, "segment")
    world.publish(waiting("PT1H", id="welcome", entry=[{"segment": {"id": "pro", "on": "enter"}}]), 1)
    world.identify("visitor", plan="pro")
    world.settle()
    world.merge("visitor", "user", says=False)
    world.settle()
    assert "pro" in world.state("user").core.segments
    world.say("user")
    world.settle()
    assert world.named("entered") == ["visitor"]
    assert world.named("not_entered") == []


def test_a_life_after_a_deletion_waits_for_its_own_merges() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.settle()
    world.delete("user")
    world.settle()
    world.identify("user")
    world.event("visitor2", "purchase")
    world.settle()
    world.merge("visitor2", "user")
    world.event("user", "paid")
    world.round(world.lanes.index(world.lane("user")))
    world.settle()
    assert ("user", "paid") in world.ended()


def test_what_a_root_held_back_goes_along_when_it_is_merged_on() -> None:
    world = merged()
    where = world.lanes.index(world.lane("user"))
    world.merge("visitor", "user")
    world.event("user", "paid")
    world.round(where)  # waits for the visitor
    world.identify("third")
    world.merge("user", "third")
    world.round(where)
    world.settle()
    assert world.ended() == [("third", "paid")]
    assert world.kept("third") == ["visitorpurchase", "userpaid"]


def test_a18_a_pointer_that_is_over_leads_nobody_astray() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.settle()
    world.delete("user")
    deletion = [record for record in world.lane("visitor").logs[topics.ROWS] if b"identities" in record.value]
    for record in deletion:  # the lane of the visitor does not get to read of the deletion yet
        world.lane("visitor").logs[topics.ROWS].remove(record)
    world.event("visitor2", "purchase")
    world.settle()
    world.merge("visitor2", "visitor")
    world.settle()
    assert world.runs("visitor") == [("pay", "look")]
    assert world.kept("visitor") == ["visitor2purchase"]


@pytest.mark.parametrize("first", ["row", "legacy"])
def test_a22_a_delivery_for_the_alias_moves_the_run(first: str) -> None:
    world = Merging()
    world.publish(TEMPLATE, 1, "template")
    branches = [{"message": {"of": ["mail"], "is": "clicked"}, "next": "clicked"}]
    world.publish({
        "id": "mails", "entry": [{"event": {"name": "purchase"}}], "start": "mail",
        "steps": {
            "mail": {"message": {"channel": "email", "template": "hello", "class": "transactional"}, "next": "look"},
            "look": {"wait": {"branches": branches, "timeout": {"after": "P1D", "next": "none"}}},
            "clicked": {"exit": {"outcome": "clicked"}}, "none": {"exit": {"outcome": "none"}},
        },
    }, 1)  # fmt: skip
    world.identify("visitor", email="visitor@example.com")
    world.event("visitor", "purchase")
    world.settle()
    (request,) = [each for lane in world.lanes for each in lane.sends()]
    world.merge("visitor", "user", says=first == "row")
    if first == "legacy":
        world.settle()
    said = Delivery(
        "d1", request.send_id, request.workspace, request.customer, "clicked", world.tick(), request.channel,
        request.message_class, request.journey, request.version, request.run, request.step, request.visit,
        request.attempt, request.template, request.template_version, life=request.life,
    )  # fmt: skip
    world.lane("visitor").put(topics.DELIVERIES, world.tick(), key("visitor"), codec.encode(said))
    world.settle()
    assert world.ended() == [("user", "clicked")]


def test_a11_the_slot_of_a_pace_reaches_the_run_where_it_is_now() -> None:
    world = Merging()
    world.now = 600_000
    world.publish(TEMPLATE, 1, "template")
    slow: dict[str, Any] = {
        "id": "slow", "entry": [{"event": {"name": "purchase"}}], "settings": {"pace": {"limit": 3, "per": "minute"}},
        "start": "hi",
        "steps": {
            "hi": {"message": {"channel": "email", "template": "hello", "class": "transactional"}, "next": "done"},
            "done": {"exit": {"outcome": "done"}},
        },
    }  # fmt: skip
    world.publish(slow, 1)
    world.identify("visitor", email="visitor@example.com")
    world.event("visitor", "purchase")
    where = world.lanes.index(world.lane("visitor"))
    world.round(where)  # it asks for its slot
    world.merge("visitor", "user")
    world.round(where)
    world.let_time_pass(60_000)
    world.let_time_pass(60_000)
    assert sent(world) == ["user"]
    assert world.ended() == [("user", "done")]


def test_a_delivery_does_not_make_a_root_forget_what_it_held_back() -> None:
    world = sending()
    world.event("user", "purchase")
    world.settle()
    world.publish(PAID, 1)
    world.event("user", "purchase", id="p2")
    world.settle()
    request = [each for lane in world.lanes for each in lane.sends()][-1]
    world.event("visitor", "purchase")
    world.settle()
    world.merge("visitor", "user")
    where = world.lanes.index(world.lane("user"))
    world.round(where)
    world.event("user", "paid")
    told = Delivery(
        "d1", request.send_id, request.workspace, "user", "sent", world.tick(), request.channel,
        request.message_class, request.journey, request.version, request.run, request.step, request.visit,
        request.attempt, request.template, request.template_version, life=request.life,
    )  # fmt: skip
    world.lane("user").put(topics.DELIVERIES, world.tick(), key("user"), codec.encode(told))
    world.round(where)
    world.now += AWAIT_MS
    world.round(where)
    assert ("user", "paid") in world.ended()


def test_a14_a_lane_that_is_not_raised_to_format_3_merges_nobody() -> None:
    world = merged()
    lane = world.lane("visitor")
    head = lane.lane.head
    lane.lane = lane.lane._replace(head=type(head)(head.seq, lane_time=head.lane_time, state_format=2))
    world.merge("visitor", "user")
    result = lane.round(world.tick())
    assert [json.loads(value)["__table"] for _, value, _ in result.out.letters] == ["identities"]
    assert world.runs("visitor") == [("pay", "look")]
