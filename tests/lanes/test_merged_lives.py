"""Lives of customers that were merged: what was requested in one that had ended is nobody's (R15, R50).

A life whose row was never seen when something was requested is number 0, whosever it is.
"""

from __future__ import annotations

from typing import Any

import pytest

from laudstream import topics
from laudstream.customers.event import Event
from laudstream.journey.handoff import Emitted
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.records import codec
from tests.lanes.kit import WORKSPACE, key
from tests.lanes.merging import Merging

HOOK = {"id": "hook", "channel": "webhook", "url": "https://example.org/hook", "body": {"n": 1}}
TELLS: dict[str, Any] = {
    "id": "tells", "entry": [{"event": {"name": "hook"}, "reentry": "always"}], "start": "hi",
    "steps": {"hi": {"message": {"channel": "webhook", "template": "hook"}, "next": "done"},
              "done": {"exit": {"outcome": "done"}}},
}  # fmt: skip
REACHED = {"id": "reached", "condition": {"message": {"is": "sent"}}}


def hooked(who: str) -> tuple[Merging, SendRequest]:
    """Nobody knew them when their first event called a webhook: `reached` are those who got one."""
    world = Merging()
    world.publish(HOOK, 1, "template")
    world.publish(REACHED, 1, "segment")
    world.publish(TELLS, 1)
    world.event(who, "hook")
    world.settle()
    (request,) = [each for lane in world.lanes for each in lane.sends()]
    assert request.life == 0
    world.identify(who)
    world.settle()
    return world, request


def another_life(world: Merging, who: str) -> None:
    world.delete(who)
    world.settle()
    world.event(who, "browse")
    world.settle()


def told(world: Merging, request: SendRequest) -> None:
    said = Delivery(
        f"d{request.send_id}", request.send_id, request.workspace, request.customer, "sent", world.tick(),
        request.channel, request.message_class, request.journey, request.version, request.run, request.step,
        request.visit, request.attempt, request.template, request.template_version, life=request.life,
    )  # fmt: skip
    world.lane(request.customer).put(topics.DELIVERIES, world.tick(), key(request.customer), codec.encode(said))
    world.settle()


def reached(world: Merging, who: str = "user") -> bool:
    return "reached" in world.state(who).core.segments


def merge_visitor(world: Merging) -> None:
    world.event("visitor", "browse")
    world.settle()
    world.merge("visitor", "user")
    world.settle()


def test_r15_a_message_of_the_roots_life_before_is_not_that_of_a_visitor() -> None:
    world, request = hooked("user")
    another_life(world, "user")
    world.identify("user")
    merge_visitor(world)
    told(world, request)
    assert not reached(world)


def test_r15_a_message_of_the_life_before_of_an_alias_is_not_that_of_a_visitor() -> None:
    world, request = hooked("other")
    another_life(world, "other")
    world.identify("user")
    merge_visitor(world)
    world.merge("other", "user")
    world.settle()
    told(world, request)
    assert not reached(world)


def test_r15_a_message_of_a_root_that_was_deleted_with_its_aliases_is_not_the_next_roots() -> None:
    """The lane of the alias reads of the deletion later than that of the root."""
    world, request = hooked("guest")
    world.identify("user")
    world.merge("guest", "user")
    world.settle()
    world.delete("user")
    rows = world.lane("guest").logs[topics.ROWS]
    late = rows.pop()
    world.settle()
    world.identify("user")
    merge_visitor(world)
    told(world, request)
    assert not reached(world)
    rows.append(late)
    world.settle()
    assert world.state("guest").identity.root == ""


def test_r50_a_message_from_before_the_row_of_a_visitor_came_is_the_roots() -> None:
    world, request = hooked("visitor")
    world.identify("user")
    another_life(world, "user")
    world.identify("user")
    merge_visitor(world)
    told(world, request)
    assert reached(world)


@pytest.mark.parametrize(("who", "comes"), [("user", False), ("other", False), ("visitor", True)])
def test_r15_what_a_run_of_the_life_before_emits_is_not_that_of_a_visitor(who: str, comes: bool) -> None:
    world, _ = hooked(who)
    if who != "visitor":
        another_life(world, who)
    world.identify("user")
    merge_visitor(world)
    if who == "other":
        world.merge("other", "user")
        world.settle()
    event = Event("late", "track", "hook", {}, world.now, received=world.now, depth=1)
    emitted = Emitted(WORKSPACE, who, event, "run", life=0)
    world.lane(who).put(topics.HANDOFFS, world.tick(), key(who), codec.encode(emitted))
    world.settle()
    assert ("late" in world.kept("user")) == comes
