"""Lives of customers that were merged: what was requested in one that had ended is nobody's (R15, R50).

A life whose row was never seen when something was requested is number 0, whosever it is.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laudstream import topics
from laudstream.customers.event import Event
from laudstream.journey.handoff import Emitted
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.records import codec
from tests.lanes.cluster import LANES
from tests.lanes.kit import WORKSPACE, key
from tests.lanes.merging import Merging

HOOK = {"id": "hook", "channel": "webhook", "url": "https://example.org/hook", "body": {"n": "{{ entry.n }}"}}
TELLS: dict[str, Any] = {
    "id": "tells", "entry": [{"event": {"name": "hook"}, "reentry": "always"}], "start": "hi",
    "steps": {"hi": {"message": {"channel": "webhook", "template": "hook"}, "next": "done"},
              "done": {"exit": {"outcome": "done"}}},
}  # fmt: skip
REACHED = {"id": "reached", "condition": {"message": {"is": "sent"}}}
WHO = [f"c{n}" for n in range(3)]

_who, _plain = st.sampled_from(WHO), st.just("")
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("hook"), _who, _plain),
        st.tuples(st.just("known"), _who, _plain),
        st.tuples(st.just("delete"), _who, _plain),
        st.tuples(st.just("merge"), _who, _who),
        st.tuples(st.just("told"), st.integers(0, 20), _plain),
        st.tuples(st.just("settle"), st.just(0), _plain),
        st.tuples(st.just("round"), st.integers(0, LANES - 1), _plain),
    ),
    min_size=4,
    max_size=20,
)


class Story:
    """Each life of an id has a number here: deleting a customer ends those of all its ids."""

    def __init__(self) -> None:
        self.world = began()
        self.lives = dict.fromkeys(WHO, 0)
        self.posted: list[tuple[str, int]] = []
        self.answered: set[int] = set()

    def hook(self, who: str, _: str) -> None:
        number = len(self.posted)
        self.posted.append((who, self.lives[who]))
        self.world.event(who, "hook", id=f"e{number}", n=number)

    def known(self, who: str, _: str) -> None:
        self.world.identify(self.world.root(who))

    def delete(self, who: str, _: str) -> None:
        root = self.world.root(who)
        if root in self.world.rows:
            for each in WHO:
                self.lives[each] += self.world.root(each) == root
            self.world.delete(root)

    def merge(self, source: str, target: str) -> None:
        self.world.merge(source, target)

    def told(self, which: int, _: str) -> None:
        for request in requests(self.world):
            if request.context["entry"]["n"] == which:
                told(self.world, request)
                self.answered.add(which)

    def settle(self, *_: Any) -> None:
        self.world.settle()

    def round(self, which: int, _: str) -> None:
        self.world.round(which)

    def end(self) -> None:
        self.world.settle()
        for number in range(len(self.posted)):
            self.told(number, "")
        self.world.settle()


@given(_steps)
@settings(max_examples=150, deadline=None)
def test_r15_messages_count_for_the_life_that_they_were_requested_in(steps: list[tuple[str, Any, Any]]) -> None:
    story = Story()
    for name, one, more in steps:
        getattr(story, name)(one, more)
    story.end()
    world = story.world
    for who in WHO:
        if world.root(who) != who:
            continue
        mine = [story.posted[number] for number in story.answered]
        mine = [(by, life) for by, life in mine if world.root(by) == who and story.lives[by] == life]
        assert sum(tally.total for tally in world.state(who).tallies.values()) == len(mine)


def began() -> Merging:
    """`reached` are those who got a webhook."""
    world = Merging()
    world.publish(HOOK, 1, "template")
    world.publish(REACHED, 1, "segment")
    world.publish(TELLS, 1)
    return world


def requests(world: Merging) -> list[SendRequest]:
    return [each for lane in world.lanes for each in lane.sends()]


def hooked(who: str) -> tuple[Merging, SendRequest]:
    """Nobody knew them when their first event called a webhook."""
    world = began()
    world.event(who, "hook", n=1)
    world.settle()
    (request,) = requests(world)
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
    world.settle()
    assert not reached(world)


def test_r15_a_message_of_the_life_before_of_an_alias_is_not_that_of_a_visitor() -> None:
    world, request = hooked("other")
    another_life(world, "other")
    world.identify("user")
    merge_visitor(world)
    world.merge("other", "user")
    world.settle()
    told(world, request)
    world.settle()
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
    world.settle()
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
    world.settle()
    assert reached(world)


def test_r50_what_waits_for_the_row_of_a_merge_goes_on_with_it() -> None:
    world, request = hooked("visitor")
    world.identify("user")
    world.settle()
    world.merge_ahead("visitor", "user")
    world.settle()
    told(world, request)
    world.settle()
    assert not reached(world)
    world.catch_up()
    world.settle()
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
