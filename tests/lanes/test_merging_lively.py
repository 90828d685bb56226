"""Merges among timers, pauses, places, messages and identifies, in every interleaving of rounds (R50, A18)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from laudstream import topics
from laudstream.journey.customer import ASKING, REQUESTED
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.records import codec
from tests.lanes.cluster import LANES
from tests.lanes.kit import TEMPLATE, key, waiting
from tests.lanes.merging import Merging

WHO = [f"c{n}" for n in range(5)]
PLACES = 2
PAY = waiting("PT10M", id="pay")
FEW = waiting("PT5M", id="few", max_entries=PLACES, entry=[{"event": {"name": "visit"}, "reentry": "always"}])
GOLD = {"id": "gold", "condition": {"customer.plan": {"equals": "gold"}}}
MAIL: dict[str, Any] = {
    "id": "mail", "entry": [{"event": {"name": "mail"}, "reentry": "always"}], "start": "hi",
    "settings": {"caps": [{"limit": 2, "per": "PT1H"}]},
    "steps": {
        "hi": {"message": {"channel": "email", "template": "hello", "class": "transactional"},
               "next": {"sent": "sent", "refused": "not"}},
        "sent": {"exit": {"outcome": "sent"}}, "not": {"exit": {"outcome": "not"}},
    },
}  # fmt: skip

_who = st.sampled_from(WHO)
_plain = st.just("")
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("event"), _who, st.sampled_from(["visit", "purchase", "paid", "mail"])),
        st.tuples(st.just("merge"), _who, _who),
        st.tuples(st.just("merge_ahead"), _who, _who),
        st.tuples(st.just("signs_in"), _who, _who),
        st.tuples(st.just("row"), _who, _plain),
        st.tuples(st.just("delete"), _who, st.sampled_from(["", "api"])),
        st.tuples(st.just("told"), st.sampled_from(["sent", "refused"]), _plain),
        st.tuples(st.just("control"), st.sampled_from(["pay", "few", "mail"]), st.sampled_from(["paused", "live"])),
        st.tuples(st.just("passes"), st.sampled_from([1_000, 61_000, 700_000]), _plain),
        st.tuples(st.just("round"), st.integers(0, LANES - 1), _plain),
    ),
    max_size=60,
)

_meanwhile = st.lists(
    st.one_of(
        st.tuples(st.just("told"), st.sampled_from(["sent", "refused"]), _plain),
        st.tuples(st.just("passes"), st.just(61_000), _plain),
        st.tuples(st.just("round"), st.integers(0, LANES - 1), _plain),
    ),
    max_size=3,
)


@st.composite
def _mails(draw: st.DrawFn) -> list[tuple[str, Any, Any]]:
    """A mail of somebody who becomes a second one and a third one, and what happens in between."""
    first, second, third = draw(st.permutations(WHO))[:3]
    merges = st.sampled_from(["merge", "merge_ahead"])
    chain = [(draw(merges), first, second), (draw(merges), second, third)]
    if draw(st.booleans()):
        chain.reverse()
    steps: list[tuple[str, Any, Any]] = [("event", first, "mail")]
    for each in (*chain, ("told", "sent", "")):
        steps += [*draw(_meanwhile), each]
    return [*steps, *draw(_meanwhile)]


class Story:
    def __init__(self) -> None:
        self.world = world = Merging()
        world.publish(TEMPLATE, 1, "template")
        world.publish(GOLD, 1, "segment")
        for body in (PAY, FEW, MAIL):
            world.publish(body, 1)
        for who in WHO:
            world.identify(who, email=f"{who}@example.com")
        self.posted: list[tuple[str, str]] = []
        self.answered: set[str] = set()
        self.count = 0
        self.deleted = False

    def event(self, who: str, name: str) -> None:
        self.count += 1
        self.posted.append((f"e{self.count}", who))
        self.world.event(who, name, id=f"e{self.count}")

    def merge(self, source: str, target: str) -> None:
        self.world.merge(source, target)

    def merge_ahead(self, source: str, target: str) -> None:
        self.world.merge_ahead(source, target)

    def signs_in(self, source: str, target: str) -> None:
        """As the API says it: an event with the row, before CDC."""
        world, root = self.world, self.world.root(target)
        if not world.merge(source, target, says=False):
            return
        world.identify(root, says=False, plan="gold")
        self.count += 1
        at = world.tick()
        record = {
            "id": f"i{self.count}", "type": "identify", "properties": {"plan": "gold"}, "received": at,
            "row": {**world.rows[root], "created_at": 1},
        }  # fmt: skip
        world.lane(root).put(topics.EVENTS, at, key(root), json.dumps(record).encode())

    def row(self, who: str, _: str) -> None:
        root = self.world.root(who)
        if root in self.world.rows:
            self.world.say(root)

    def delete(self, who: str, by: str) -> None:
        root = self.world.root(who)
        if root in self.world.rows:
            self.posted = [one for one in self.posted if self.world.root(one[1]) != root]
            self.world.delete(root, says=not by)
            self.deleted = True

    def requests(self) -> list[SendRequest]:
        return [each for lane in self.world.lanes for each in lane.sends()]

    def told(self, kind: str, _: str) -> None:
        """What becomes of all messages that nothing is known of."""
        for request in self.requests():
            if request.send_id in self.answered:
                continue
            self.answered.add(request.send_id)
            said = Delivery(
                f"d{request.send_id}", request.send_id, request.workspace, request.customer, kind, self.world.tick(),
                request.channel, request.message_class, request.journey, request.version, request.run, request.step,
                request.visit, request.attempt, request.template, request.template_version,
                reason="suppressed" if kind == "refused" else "", life=request.life,
            )  # fmt: skip
            lane = self.world.lane(request.customer)
            lane.put(topics.DELIVERIES, self.world.tick(), key(request.customer), codec.encode(said))

    def control(self, id: str, status: str) -> None:
        self.world.control("journey", id, status)

    def passes(self, ms: int, _: str) -> None:
        """Lanes that have no round now are away for so long."""
        self.world.now += ms

    def round(self, which: int, _: str) -> None:
        self.world.round(which)

    def end(self) -> None:
        self.world.catch_up()
        for id in ("pay", "few", "mail"):
            self.control(id, "live")
        for _ in range(4):
            self.world.settle()
            self.told("sent", "")
        self.world.let_time_pass(61_000)
        self.told("sent", "")
        self.world.settle()


@given(_steps)
@settings(max_examples=80, deadline=None)
def test_r50_nothing_is_lost_among_timers_pauses_places_and_messages(steps: list[tuple[str, Any, Any]]) -> None:
    story = Story()
    for name, one, more in steps:
        getattr(story, name)(one, more)
    story.end()
    _check(story)


@given(_mails())
@settings(max_examples=150, deadline=None)
def test_r50_what_becomes_of_a_mail_finds_its_run_however_long_lanes_are_away(
    steps: list[tuple[str, Any, Any]],
) -> None:
    story_of(*steps)


def _check(story: Story) -> None:
    world = story.world
    assert not any(result.parked or result.skipped for lane in world.lanes for result in lane.results)
    for who in WHO:
        state, root = world.state(who), world.root(who)
        if root != who:
            assert state.identity.root == root
            assert (state.core.runs, state.core.slots, state.core.wake_at, state.attributes) == ((), (), 0, {})
            continue
        assert Counter(world.kept(who)) == Counter(id for id, by in story.posted if world.root(by) == who)
        assert not state.identity.waiting
        assert not state.identity.until
        assert all(run.status not in (ASKING, REQUESTED) for run in state.core.runs)
        assert all(count == 1 for count in Counter((run.journey, run.key) for run in state.core.runs).values())
        assert not any(slot.open for slot in state.core.slots)
        row = world.rows.get(who)
        if row is not None and state.core.row.revision == row["revision"]:
            assert state.attributes == row["attributes"]
    made = world.decisions()
    world.check_runs(WHO, story.deleted)
    assert sum(one.journey == "few" and one.kind == "entered" for one in made) <= PLACES
    assert all(count == 1 for count in Counter(each.send_id for each in story.requests()).values())
    ids = Counter(one.id for one in made)
    assert all(count == 1 for count in ids.values())
    for lane in world.lanes:
        numbers: dict[str, int] = {}
        for each in lane.decisions():
            if each.customer:
                assert each.n > numbers.get(each.customer, 0)
                numbers[each.customer] = each.n


def test_a22_a_delivery_that_overtakes_its_run_waits_for_it() -> None:
    """The run goes by way of the first root, what comes later goes to the second one at once."""
    story = Story()
    for name, one, more in [
        ("event", "c0", "mail"), ("merge", "c0", "c1"), ("merge", "c0", "c4"), ("round", 0, ""), ("told", "sent", ""),
    ]:  # fmt: skip
        getattr(story, name)(one, more)
    story.end()
    _check(story)
    assert story.world.ended() == [("c4", "sent")]


def test_r50_a_delivery_waits_for_its_run_for_as_long_as_a_lane_is_away() -> None:
    """Nobody waits for it, so it may."""
    played = story_of(
        ("event", "c0", "mail"), ("round", 0, ""), ("merge", "c0", "c2"), ("merge", "c2", "c1"), ("told", "sent", ""),
        ("passes", 700_000, ""), ("round", 0, ""),
    )  # fmt: skip
    assert played.world.ended() == [("c1", "sent")]


def test_r50_a_delivery_waits_for_its_run_before_the_row_tells_of_the_merge() -> None:
    """It follows the pointer of the alias, which its own lane has read of."""
    played = story_of(
        ("event", "c0", "mail"), ("round", 0, ""), ("merge", "c0", "c2"), ("merge_ahead", "c2", "c1"),
        ("round", 0, ""), ("told", "sent", ""), ("round", 0, ""), ("round", 1, ""), ("row", "c1", ""),
    )  # fmt: skip
    assert played.world.ended() == [("c1", "sent")]


def test_r15_events_of_a_life_that_is_over_do_not_come_back_with_what_waited() -> None:
    """What they bring comes when the identify that waited for another merge need not wait any more."""
    played = story_of(
        ("event", "c0", "visit"), ("merge", "c0", "c3"), ("delete", "c3", ""), ("signs_in", "c1", "c3"),
        ("passes", 61_000, ""),
    )  # fmt: skip
    assert played.world.kept("c3") == []


def story_of(*steps: tuple[str, Any, Any]) -> Story:
    story = Story()
    for name, one, more in steps:
        getattr(story, name)(one, more)
    story.end()
    _check(story)
    return story


def test_r54_what_followed_a_newer_pointer_is_no_input_of_the_life_before() -> None:
    story = Story()
    for name, one, more in [
        ("merge", "c0", "c1"), ("event", "c0", "visit"), ("delete", "c4", ""), ("merge", "c3", "c4"),
        ("merge", "c0", "c3"),
    ]:  # fmt: skip
        getattr(story, name)(one, more)
    story.end()
    _check(story)
    assert story.world.kept("c4") == ["e1"]
