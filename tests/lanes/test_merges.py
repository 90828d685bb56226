"""Two customers become one, in lanes (R50, A18)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.journey.identity import AWAIT_MS, MOST_WAITING
from tests.lanes.kit import TEMPLATE, waiting
from tests.lanes.merging import Merging

PAID = waiting("PT1H", id="pay")
SUBSCRIPTION = {"id": "news", "channel": "email", "opt_in": "implied"}


def mails(**settings: Any) -> dict[str, Any]:
    return {
        "id": "mails",
        "entry": [{"event": {"name": "purchase"}, "reentry": "always"}],
        "settings": settings,
        "start": "mail",
        "steps": {
            "mail": {"message": {"channel": "email", "template": "hello", "subscription": "news"}, "next": "end"},
            "end": {"exit": {"outcome": "mailed"}},
        },
    }


def merged(*journeys: dict[str, Any]) -> Merging:
    """A visitor who has entered, and a user."""
    world = Merging(*journeys or (PAID,))
    world.identify("user", email="user@example.com")
    world.event("visitor", "purchase")
    world.settle()
    return world


def test_r50_a_run_of_the_visitor_goes_on_as_one_of_the_user() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.settle()
    assert (world.runs("visitor"), world.runs("user")) == ([], [("pay", "look")])
    world.event("user", "paid")
    world.settle()
    assert world.ended() == [("user", "paid")]


def test_a18_what_comes_for_the_alias_later_reaches_its_root() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.settle()
    world.event("visitor", "paid")
    world.settle()
    assert world.ended() == [("user", "paid")]
    assert len(world.kept("user")) == 2
    assert world.kept("visitor") == []


def test_a18_what_was_in_the_log_before_the_merge_is_read_reaches_the_root_too() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.event("visitor", "paid")  # behind the row of the identity
    world.settle()
    assert world.ended() == [("user", "paid")]


def test_r50_an_event_that_comes_before_the_merge_has_brought_anything_is_heard_by_what_it_brings() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.event("user", "paid")
    where = world.lanes.index(world.lane("user"))
    world.round(where)  # the root's lane goes first
    assert world.runs("user") == []
    world.settle()
    assert world.ended() == [("user", "paid")]


def test_r50_a_lane_that_is_away_holds_the_root_up_for_so_long_only() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.event("user", "purchase", id="own")
    where = world.lanes.index(world.lane("user"))
    world.round(where)
    assert world.runs("user") == []
    world.now += AWAIT_MS
    world.round(where)
    assert world.runs("user") == [("pay", "look")]
    world.settle()
    assert world.ended() == [("user", "merged")]  # the visitor's was older
    assert world.runs("user") == [("pay", "look")]


def test_r50_more_than_can_wait_do_not_wait() -> None:
    world = merged()
    world.merge("visitor", "user")
    for number in range(MOST_WAITING + 1):
        world.event("user", "other", id=f"o{number}")
    world.round(world.lanes.index(world.lane("user")))
    assert len(world.kept("user")) == MOST_WAITING + 1
    assert [made.data["which"] for made in world.decisions() if made.kind == "limit"] == [
        "events that wait for a merge"
    ]


@pytest.mark.parametrize(("first", "stays"), [("visitor", "visitor"), ("user", "user")])
def test_r50_of_two_active_runs_the_older_goes_on(first: str, stays: str) -> None:
    world = Merging(PAID)
    world.identify("user")
    for who in (first, "user" if first == "visitor" else "visitor"):
        world.event(who, "purchase")
        world.settle()
    begun = {made.customer: made.run for made in world.decisions() if made.kind == "entered"}
    world.merge("visitor", "user")
    world.settle()
    assert [run.id for run in world.state("user").core.runs] == [begun[stays]]
    assert world.ended() == [("user", "merged")]


def test_r50_runs_with_other_keys_both_go_on() -> None:
    keyed = waiting("PT1H", id="pay", entry=[{"event": {"name": "purchase", "key": "cart"}, "reentry": "always"}])
    world = Merging(keyed)
    world.identify("user")
    world.event("user", "purchase", cart="1")
    world.event("visitor", "purchase", cart="2")
    world.settle()
    world.merge("visitor", "user")
    world.settle()
    assert sorted(run.key for run in world.state("user").core.runs) == ["1", "2"]


def test_r50_a_message_id_that_the_visitor_had_changes_nothing() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.settle()
    world.event("user", "purchase", id="visitorpurchase")
    world.settle()
    assert [made.customer for made in world.decisions() if made.kind == "entered"] == ["visitor"]


def test_r50_re_entry_is_remembered_for_both() -> None:
    once = waiting("PT1S", id="pay", entry=[{"event": {"name": "purchase"}}])
    world = merged(once)
    world.let_time_pass(2_000)
    assert world.ended() == [("visitor", "late")]
    world.merge("visitor", "user")
    world.settle()
    world.event("user", "purchase")
    world.settle()
    assert world.named("not_entered", "reentry") == ["user"]


def sending(**settings: Any) -> Merging:
    world = Merging()
    world.publish(SUBSCRIPTION, 1, "subscription")
    world.publish(TEMPLATE, 1, "template")
    world.publish(mails(**settings), 1)
    for who in ("user", "visitor"):
        world.identify(who, email=f"{who}@example.com")
    world.settle()
    return world


def sent(world: Merging) -> list[str]:
    return [request.customer for lane in world.lanes for request in lane.sends()]


def test_r10_caps_count_what_both_got() -> None:
    world = sending(caps=[{"limit": 1, "per": "P7D"}])
    world.event("visitor", "purchase")
    world.settle()
    world.merge("visitor", "user")
    world.settle()
    world.event("user", "purchase")
    world.settle()
    assert sent(world) == ["visitor"]
    assert world.named("message", "cap") == ["user"]


def test_r44_no_message_slips_between_the_merge_and_its_rows() -> None:
    world = sending()
    world.consent("visitor", "unsubscribed")
    world.settle()
    world.merge("visitor", "user", says=False)  # neither the row nor the consent of the root are here yet
    world.settle()
    world.event("user", "purchase")
    world.settle()
    assert sent(world) == []
    world.consent("user", "subscribed")  # later than the merge
    world.settle()
    world.event("user", "purchase", id="again")
    world.settle()
    assert sent(world) == ["user"]


def test_r44_a_consent_that_is_newer_than_the_merge_stands() -> None:
    world = sending()
    world.consent("visitor", "unsubscribed")
    world.settle()
    world.merge("visitor", "user")
    world.consent("user", "subscribed")
    world.round(world.lanes.index(world.lane("user")))
    world.settle()
    world.event("user", "purchase")
    world.settle()
    assert sent(world) == ["user"]


def test_r50_runs_that_ask_for_a_place_end_and_the_place_is_free_again() -> None:
    few = waiting("PT1H", id="pay", max_entries=1)
    world = Merging(few)
    world.identify("user")
    world.event("visitor", "purchase")
    world.round(world.lanes.index(world.lane("visitor")))
    world.merge("visitor", "user")
    world.round(world.lanes.index(world.lane("visitor")))
    world.settle()
    assert world.named("not_entered", "merged") == ["visitor"]
    world.event("other", "purchase")
    world.settle()
    assert world.named("entered") == ["other"]


def test_r35_a_merge_with_a_member_enters_nobody() -> None:
    pro = {"id": "pro", "condition": {"customer.plan": {"equals": "pro"}}}
    welcome = waiting("PT1H", id="welcome", entry=[{"segment": {"id": "pro", "on": "enter"}, "reentry": "always"}])
    world = Merging()
    world.publish(pro, 1, "segment")
    world.publish(welcome, 1)
    world.identify("visitor", plan="pro")
    world.settle()
    assert world.named("entered") == ["visitor"]
    world.merge("visitor", "user")
    world.round(world.lanes.index(world.lane("user")))  # the merged row comes first
    world.settle()
    assert "pro" in world.state("user").core.segments
    assert world.named("entered") == ["visitor"]
    assert world.runs("user") == [("welcome", "look")]


def test_r50_exits_are_looked_at_again() -> None:
    leaves = waiting("PT1H", id="pay", exit=[{"condition": {"customer.vip": {"equals": True}}, "outcome": "vip"}])
    world = Merging(leaves)
    world.identify("user", vip=True)
    world.event("visitor", "purchase")
    world.settle()
    world.merge("visitor", "user")
    world.settle()
    assert world.ended() == [("user", "vip")]


def test_r15_what_a_merge_brings_for_a_root_that_was_deleted_is_nobodys() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.round(world.lanes.index(world.lane("user")))
    world.delete("user")
    world.round(world.lanes.index(world.lane("user")))
    world.settle()
    assert world.state("user").core.runs == ()
    assert world.kept("user") == world.kept("visitor") == []
    world.event("visitor", "purchase", id="anew")
    world.settle()
    assert world.runs("visitor") == [("pay", "look")]


def test_a18_the_lane_of_a_root_that_was_an_alias_takes_what_a_newer_pointer_brings() -> None:
    world = merged()
    world.merge("visitor", "user")
    world.settle()
    world.delete("user")  # the lane of the visitor reads of it only after the next merge
    world.identify("visitor2", email="v@example.com")
    world.merge("visitor2", "visitor")
    lane = world.lanes.index(world.lane("visitor2"))
    world.round(lane)
    world.settle()
    assert world.state("visitor").identity.root == ""
    assert world.state("visitor2").identity.root == "visitor"


def test_r50_a_long_life_comes_in_parts() -> None:
    many = [waiting("PT1H", id=f"j{n}", entry=[{"event": {"name": f"e{n}"}}]) for n in range(12)]
    world = Merging(*many)
    world.identify("user")
    for number in range(12):
        world.event("visitor", f"e{number}", text="x" * 30_000)
    world.settle()
    world.merge("visitor", "user")
    world.settle()
    assert len(world.runs("user")) == 12 - 4  # as many as the contexts of one customer have room for
    assert len(world.kept("user")) == 12 - 4
    assert world.state("visitor").core.runs == ()
