"""Merges of what is large, odd or fails: no lane stops for it (A6, A7, R50)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.lanes.history import NUMBERS, History
from laudstream import topics
from laudstream.journey import uniting
from laudstream.journey.customer import Core, Customer
from laudstream.journey.handoff import Forwarded
from laudstream.journey.identity import AWAIT_MS, MOST_WAITING
from laudstream.messages.delivery import Delivery
from laudstream.records import codec
from tests.lanes.kit import WORKSPACE, LaneKit, key, waiting
from tests.lanes.merging import Merging
from tests.lanes.test_merges import PAID, merged

LONG = 10**25


def root_round(world: Merging, who: str = "user") -> None:
    world.round(world.lanes.index(world.lane(who)))


def test_a7_events_that_wait_for_a_merge_are_no_record_that_is_too_large() -> None:
    world = merged()
    world.merge("visitor", "user")
    for number in range(40):
        world.event("user", "other", id=f"o{number}", text="x" * 30_000)
    root_round(world)
    world.settle()
    assert world.runs("user") == [("pay", "look")]
    assert not world.state("user").identity.waiting


def test_a6_a_long_number_of_a_row_is_handed_over() -> None:
    world = merged()
    world.identify("visitor", n=LONG, deep={"list": [LONG]})
    world.merge("visitor", "user", says=False)
    world.settle()
    assert world.runs("user") == [("pay", "look")]
    assert world.state("user").attributes["n"] == 1e25


def test_a6_a_long_number_of_an_event_waits_like_others() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.event("user", "other", n=LONG)
    root_round(world)
    world.settle()
    assert world.kept("user") == ["visitorpurchase", "userother"]


def test_r54_what_waited_and_was_received_after_a_deletion_is_the_next_lifes() -> None:
    world = merged()
    world.merge("visitor", "user")
    root_round(world)
    world.event("user", "purchase", id="before")
    row = world.rows["user"]
    at = world.tick()
    world.event("user", "purchase", id="after")
    record = {"__table": "customers", "__deleted": "true", "__source_ts_ms": at, **row, "attributes": "{}"}
    world.lane("user").put(topics.ROWS, world.tick(), key("user"), json.dumps(record).encode())
    root_round(world)
    assert world.kept("user") == ["after"]
    assert world.runs("user") == [("pay", "look")]
    world.settle()
    assert world.kept("user") == ["after"]


def test_a6_a_merge_that_fails_holds_nothing_up_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("broken")

    world = merged()
    world.merge("visitor", "user")
    world.event("user", "purchase", id="own")
    root_round(world)
    monkeypatch.setattr(uniting, "_put", fails)
    world.settle()
    monkeypatch.undo()
    world.now += AWAIT_MS
    root_round(world)
    assert world.runs("user") == [("pay", "look")]


def overtaking(world: Merging, count: int) -> None:
    """What became of messages of a run that the visitor's lane still has follows another pointer to the user."""
    for number in range(count):
        said = Delivery(
            f"d{number}", f"s{number}", WORKSPACE, "visitor", "sent", world.now, "email", "marketing", "pay", 1, "run",
            "hi", 1, 1, "hello", 1,
        )  # fmt: skip
        followed = Forwarded(WORKSPACE, "user", 1, delivery=said)
        world.lane("user").put(topics.HANDOFFS, world.tick(), key("user"), codec.encode(followed))
    root_round(world)


def kept_back(world: Merging) -> list[str]:
    return [each.delivery.id for each in world.state("user").identity.waiting if each.delivery is not None]


def test_a7_of_too_many_deliveries_that_wait_for_a_run_the_latest_wait() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.now += 2 * AWAIT_MS
    overtaking(world, MOST_WAITING + 5)
    assert kept_back(world) == [f"d{number}" for number in range(5, MOST_WAITING + 5)]
    world.event("user", "purchase", id="own")
    root_round(world)
    assert world.kept("user") == ["own"], "nobody waits for them"
    world.settle()
    assert kept_back(world) == []


def test_a18_a_delivery_waits_for_a_run_for_seven_days() -> None:
    world = merged()
    world.merge("visitor", "user")
    root_round(world)
    overtaking(world, 1)
    for days, left in ((6, ["d0"]), (2, [])):
        world.now += days * 86_400_000
        world.event("user", "purchase", id=f"p{days}")
        root_round(world)
        assert kept_back(world) == left


def test_a7_what_runs_of_both_wrote_is_no_row_that_is_too_large() -> None:
    many = [1] * 3_000  # 36 KB of a row
    fill = {"id": "fill", "entry": [{"event": {"name": "fill"}}], "start": "mark", "steps": {
        "mark": {"update": {"set": {"a": many}}, "next": "look"}, "look": {"delay": {"for": "P1D"}, "next": "done"},
        "done": {"exit": {"outcome": "done"}}}}  # fmt: skip
    world = merged(PAID, fill)
    world.event("visitor", "fill")
    world.settle()
    world.identify("user", b=many)
    world.settle()
    world.merge("visitor", "user")
    world.settle()
    assert (world.runs("visitor"), sorted(world.runs("user"))) == ([], [("fill", "look"), ("pay", "look")])
    assert world.named("limit", "limit") == ["user"]
    assert world.state("user").attributes == world.rows["user"]["attributes"]
    assert not world.state("user").core.pending


def test_r18_a_run_that_begins_to_ask_as_its_customer_leaves_asks_no_longer() -> None:
    few = waiting("PT1H", id="few", max_entries=5, entry=[{"segment": {"id": "done", "on": "enter"}}])
    done = {"id": "done", "condition": {"run": {"journey": "pay", "was": "completed"}}}
    world = Merging(PAID)
    world.publish(done, 1, "segment")
    world.publish(few, 1)
    world.identify("visitor")
    world.identify("user")
    world.event("visitor", "purchase")
    world.settle()
    world.control("journey", "pay", "paused")
    world.event("visitor", "paid")
    world.settle()
    world.control("journey", "pay", "live")
    world.merge("visitor", "user")
    world.settle()
    assert ("visitor", "paid") in world.ended()
    assert world.runs("user") == []
    assert world.named("not_entered", "merged") == ["user"]


def test_r48_a_run_that_comes_late_is_migrated_too() -> None:
    world = merged()
    world.event("user", "purchase", id="own")
    world.settle()
    steps = {"again" if name == "look" else name: step for name, step in PAID["steps"].items()}
    body = {**PAID, "start": "again", "steps": steps}
    at = world.tick()
    behind = world.lane("visitor")
    for lane in world.lanes:
        if lane is not behind:
            migrate(lane, body, at)
    root_round(world)
    assert world.runs("user") == [("pay", "again")]
    world.merge("visitor", "user")
    root_round(world, "visitor")
    migrate(behind, body, at)
    world.settle()
    assert world.runs("user") == [("pay", "again")]
    assert world.ended() == [("user", "merged")]


def migrate(lane: LaneKit, body: dict[str, Any], at: int) -> None:
    lane.publish(body, at, version=2)
    lane.bodies[WORKSPACE, "migration", "pay", 1] = {"to": 2, "steps": {"look": "again"}}
    lane.control("migration", "pay", "live", at, 1)


def test_r54_what_was_received_before_a_deletion_is_not_handed_on() -> None:
    world = merged()
    world.identify("visitor", plan="pro")
    world.settle()
    received = world.now
    world.delete("visitor")
    world.event("other", "purchase")
    world.merge("visitor", "user")
    world.settle()
    record = {"id": "late", "type": "track", "name": "purchase", "timestamp": received, "received": received}
    world.lane("visitor").put(topics.EVENTS, world.tick(), key("visitor"), json.dumps(record).encode())
    world.settle()
    assert world.kept("user") == []


def test_a7_merges_of_one_round_do_not_use_up_the_numbers_of_the_next() -> None:
    """Many into one with a long history: each writes all of it again."""
    lane = LaneKit()
    history = History(lane.store, 1)
    somebody = Customer(WORKSPACE, "user", Core(), {}, b"")
    event = b'{"id":"e","type":"track"}'
    for at in range(999):
        history.keep(somebody, event, at)
    history.unite(somebody, [(1_000, event)])
    assert len(history.entries(somebody.newest)) == 1_000
    history.number += NUMBERS - 50_000
    for number in range(100):
        history.unite(somebody, [(2_000 + number, event)])
    assert history.number < 2 * NUMBERS
    assert len(history.entries(somebody.newest)) == 1_000
