"""Segments are state: who is in them, and what a change of them starts and ends (R21, R29, R35, R48, A6)."""

from __future__ import annotations

from typing import Any

import pytest

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
GOLD = {"customer.plan": {"equals": "gold"}}
BUYER = {"event": {"name": "buy", "at_least": 2, "within": "P7D"}}


def segment(condition: Any, id: str = "s") -> dict[str, Any]:
    return {"id": id, "condition": condition}


def on(edge: str = "enter", id: str = "s", **more: Any) -> dict[str, Any]:
    return {"segment": {"id": id, "on": edge}, **more}


@pytest.fixture
def with_segment(world: Any, make: Any, wait_step: Any) -> Any:
    def made(condition: Any, *journeys: dict[str, Any], row: bool = True) -> Any:
        w = world(row=row)
        w.publish(segment(condition), kind="segment")
        for body in journeys:
            w.publish(body)
        w.touch()
        return w

    return made


def changes(w: Any) -> list[tuple[str, str, str]]:
    return [(d.data["segment"], d.data["change"], d.data["because"]) for d in w.decisions("segment")]


def test_an_attribute_takes_the_customer_in_and_out(with_segment: Any) -> None:
    w = with_segment(GOLD)
    w.row(plan="gold")
    assert changes(w) == [("s", "entered", "input")]
    assert w.decision("segment").version == 1
    assert w.customer.core.segments == {"s": w.now}
    w.row(plan="gold", city="Bern")
    assert w.effects == []
    w.row(plan="free")
    assert changes(w) == [("s", "left", "input")]
    assert w.customer.core.segments == {}


def test_r26_the_second_event_within_a_week_does_and_time_alone_takes_it_back(with_segment: Any) -> None:
    w = with_segment(BUYER)
    assert w.event("buy") == []
    w.wait(DAY)
    assert w.event("buy") == ["segment"]
    assert w.customer.core.wake_at == w.now + 6 * DAY
    assert w.wait(6 * DAY - 1) == []
    (left,) = w.wait(1)
    assert (left.data["change"], left.data["because"]) == ("left", "time")
    assert w.customer.core.wake_at == 0


def test_r26_an_event_that_comes_late_counts_by_its_own_time(with_segment: Any) -> None:
    w = with_segment(BUYER)
    w.event("buy")
    assert w.event("buy", at=w.now - 8 * DAY) == []
    assert w.event("buy", at=w.now - 6 * DAY) == ["segment"]
    assert w.customer.core.wake_at == w.now + DAY


def test_an_event_that_no_question_counts_changes_no_tally(with_segment: Any) -> None:
    w = with_segment({"event": {"name": "buy", "where": {"event.total": {"at_least": 10}}}})
    before = w.customer.tallies
    assert w.event("buy", total=5) == []
    assert w.event("look", total=50) == []
    assert w.customer.tallies is before
    assert w.event("buy", total=10) == ["segment"]


def test_r35_a_publish_takes_present_customers_in_and_enters_nobody(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[on()]))
    w.row(plan="gold")
    w.publish(segment(GOLD), kind="segment")
    assert w.touch() == ["segment"]
    assert changes(w) == [("s", "entered", "definition")]
    assert w.touch() == []


def test_r35_any_input_that_comes_before_the_sweep_does_it_first(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[on("leave")]))
    w.row(plan="gold")
    w.publish(segment(GOLD), kind="segment")
    w.row(plan="free")
    assert [change[1:] for change in changes(w)] == [("entered", "definition"), ("left", "input")]
    assert w.decision("entered").data == {"segment": "s", "on": "leave"}


def test_r35_a_change_by_an_input_enters(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment(GOLD, make({"look": wait_step()}, entry=[on()]))
    w.row(plan="gold")
    assert w.kinds() == ["segment", "entered"]
    assert w.decision("entered").data == {"segment": "s", "on": "enter"}
    w.row(plan="free")
    assert w.kinds() == ["segment"]
    w.row(plan="gold")
    assert w.kinds() == ["segment", "not_entered"]
    assert w.decision("not_entered").reason == "already_in"


def test_r35_a_change_by_time_enters(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment(BUYER, make({"look": wait_step(after="P9D")}, entry=[on("leave")]))
    w.event("buy")
    w.event("buy")
    assert [made.kind for made in w.wait(7 * DAY)] == ["segment", "entered"]


def test_r35_a_change_of_consent_enters(with_segment: Any, make: Any, wait_step: Any) -> None:
    condition = {"consent": {"channel": "email", "is": "subscribed"}}
    w = with_segment(condition, make({"look": wait_step()}, entry=[on()]))
    w.consent("subscribed")
    assert w.kinds() == ["segment", "entered"]


def test_r35_a_new_customer_enters_by_its_first_input(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment({"none": [GOLD]}, make({"look": wait_step()}, entry=[on()]), row=False)
    assert w.customer.core.segments == {}
    assert w.event("look") == ["Write", "segment", "entered"]


def test_r35_a_changed_definition_looks_at_exits_again(world: Any, make: Any, wait_step: Any) -> None:
    exits = [{"leaves": "s", "outcome": "gone"}]
    w = world(make({"look": wait_step()}, entry=[on()], exit=exits))
    w.publish(segment(GOLD), kind="segment")
    w.touch()
    w.row(plan="gold")
    assert w.at == "look"
    w.publish(segment({"customer.plan": {"equals": "platinum"}}), kind="segment", version=2)
    assert w.touch() == ["segment", "ended"]
    assert w.decision("ended").outcome == "gone"
    assert w.decision("ended").data == {"left": "s", "version": 2}


def test_r6_leaving_the_entry_segment_ends_a_run(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment(GOLD, make({"look": wait_step()}, entry=[on()], exit=[{"leaves": "s", "outcome": "gone"}]))
    w.row(plan="gold")
    w.row(plan="free")
    assert w.kinds() == ["segment", "ended"]


def test_r21_priority_orders_entries_by_event_and_by_segment(with_segment: Any, make: Any, wait_step: Any) -> None:
    bodies = [
        make({"look": wait_step()}, id="a", settings={"priority": 9}),
        make({"look": wait_step()}, id="b", entry=[on()], settings={"priority": 5}),
        make({"look": wait_step()}, id="c", settings={"priority": 1}),
    ]
    w = with_segment({"event": {"name": "go"}}, *bodies)
    w.event("go")
    assert [made.journey for made in w.decisions("entered")] == ["c", "b", "a"]


def test_a_segment_may_name_segments_and_follows_them_in_the_same_input(world: Any) -> None:
    w = world()
    w.publish(segment({"segment": "b"}, "a"), kind="segment")
    w.publish(segment({"all": [{"segment": "c"}, GOLD]}, "b"), kind="segment")
    w.publish(segment({"event": {"name": "buy"}}, "c"), kind="segment")
    w.row(plan="gold")
    w.event("buy")
    assert changes(w) == [(id, "entered", "input") for id in ("c", "b", "a")]


def test_segments_in_a_circle_are_refused_and_hold_nobody_if_they_come_about(world: Any) -> None:
    w = world()
    w.publish(segment({"segment": "b"}, "a"), kind="segment")
    w.publish(segment({"none": [{"segment": "a"}]}, "b"), kind="segment")
    w.publish(segment(GOLD, "c"), kind="segment")
    w.row(plan="gold")
    assert w.customer.core.segments.keys() == {"c"}


def test_a_manual_segment_has_the_members_that_rows_say(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment(GOLD, make({"look": wait_step()}, entry=[on(id="m")]))
    w.publish({"id": "m", "manual": True}, kind="segment")
    w.touch()
    assert w.member("m") == ["segment", "entered"]
    assert w.member("m", False, revision=1) == []
    assert w.member("m", False) == ["segment"]
    w.row(deleted=True)
    assert w.customer.core.members == {}


def test_a_deleted_segment_is_left(with_segment: Any) -> None:
    w = with_segment(GOLD)
    w.row(plan="gold")
    w.control("deleted", kind="segment", id="s")
    assert w.touch() == ["segment"]
    assert changes(w) == [("s", "left", "definition")]


def test_r15_another_life_begins_without_tallies_and_segments(with_segment: Any) -> None:
    w = with_segment({"event": {"name": "buy"}})
    w.event("buy")
    w.row(deleted=True)
    assert (w.customer.tallies, w.customer.core.segments, w.customer.core.judged) == ({}, {}, 0)
    w.row(born=2)
    assert w.customer.core.segments == {}


def test_a6_a_segment_that_raises_keeps_what_it_was_and_disturbs_nobody(with_segment: Any) -> None:
    w = with_segment(GOLD)
    w.publish(segment({"customer.plan": {"exists": True}}, "t"), kind="segment")
    w.touch()

    def broken(scope: object) -> bool:
        raise ValueError("broken")

    from msgspec.structs import force_setattr

    force_setattr(w.catalog.spaces["workspace1"].watch.segments["s"].live.segment.condition, "test", broken)
    w.row(plan="gold")
    assert w.kinds() == ["failed", "segment"]
    assert w.decision("failed").data == {"segment": "s", "error": "ValueError: broken"}
    assert w.parked == ["s"]
    assert w.customer.core.segments.keys() == {"t"}


def test_r21_what_a_run_does_is_put_into_the_segments_at_the_end(with_segment: Any, make: Any, wait_step: Any) -> None:
    after = make({"look": wait_step()}, id="after", entry=[on()])
    w = with_segment(
        {"run": {"journey": "j", "was": "completed", "outcome": "done"}}, make({"look": wait_step()}), after
    )
    w.event("go")
    assert w.event("buy") == ["moved", "ended", "segment", "entered"]
    assert changes(w) == [("s", "entered", "runs")]
    assert w.decision("entered").journey == "after"


def test_a_run_under_way_can_be_asked_for(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment({"run": {"journey": "j", "is": "active"}}, make({"look": wait_step()}))
    assert w.event("go") == ["entered", "segment"]
    assert w.event("buy") == ["moved", "ended", "segment"]
    assert w.customer.core.segments == {}


def test_r52_a_chain_of_segments_and_journeys_ends(with_segment: Any, make: Any) -> None:
    """Each run of j takes the customer out and the end of it in again."""
    steps = {"done": {"exit": {"outcome": "done"}}}
    body = make(steps, entry=[{"event": {"name": "go"}}, on("enter", reentry="always"), on("leave", reentry="always")])
    w = with_segment({"run": {"journey": "j", "was": "entered", "exactly": 1}}, body)
    for n in range(2, 30):
        w.publish(segment({"run": {"journey": "j", "was": "entered", "exactly": n}}, f"s{n}"), kind="segment")
        entry = [*body["entry"], *(on(id=f"s{k}", reentry="always") for k in range(2, min(n, 18) + 1))]
        w.publish({**body, "entry": entry}, version=n)
    w.touch()
    w.event("go")
    assert len(w.decisions("entered")) == 9
    refused = w.decisions("not_entered")
    assert {(made.journey, made.reason, made.data["on"]) for made in refused} == {("j", "too_deep", "enter")}
    assert {made.data["segment"] for made in refused} <= {f"s{n}" for n in range(2, 30)}


def test_a_segment_asked_from_now_on_counts_the_runs_that_are_remembered(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.publish(segment({"run": {"journey": "j", "was": "entered"}}), kind="segment")
    assert w.touch() == ["segment"]


def test_held_for_counts_from_the_change_and_for_who_was_there_from_the_publish(with_segment: Any) -> None:
    w = with_segment({"customer.plan": {"equals": "gold", "held_for": "P7D"}})
    w.wait(DAY)
    w.row(plan="gold")
    assert w.effects == []
    assert w.wait(7 * DAY - 1) == []
    assert [made.kind for made in w.wait(1)] == ["segment"]
    w.row(plan="free")
    assert w.kinds() == ["segment"]
    w.row(plan="gold")
    w.publish(segment({"customer.plan": {"in": ["gold"], "held_for": "P1D"}}, "t"), kind="segment")
    w.touch()
    assert [made.data["segment"] for made in w.wait(DAY)] == ["t"]


def test_r29_changed_within_is_true_for_that_long_and_the_same_value_is_no_change(with_segment: Any) -> None:
    w = with_segment({"customer.plan": {"changed_within": "P1D"}})
    assert w.effects == []
    w.row(plan="gold")
    assert w.kinds() == ["segment"]
    w.wait(HOUR)
    w.row(plan="gold", city="Bern")
    assert [made.kind for made in w.wait(23 * HOUR)] == ["segment"]


@pytest.mark.parametrize("path", ["customer.vip", "group.vip"])
def test_r29_a_1_that_becomes_true_is_a_change(with_segment: Any, path: str) -> None:
    w = with_segment({path: {"equals": True}})
    for value, member in ((1, False), (True, True), (1, False), (1.0, False)):
        w.row(**({"vip": value} if path == "customer.vip" else {"group": {"vip": value}}))
        assert ("s" in w.customer.core.segments) == member


def test_a_member_for_a_time(with_segment: Any) -> None:
    w = with_segment(GOLD)
    w.publish(segment({"segment": {"in": "s", "held_for": "P2D"}}, "loyal"), kind="segment")
    w.row(plan="gold")
    assert w.wait(2 * DAY - 1) == []
    assert [made.data["segment"] for made in w.wait(1)] == ["loyal"]


def test_r31_another_zone_is_looked_at_at_once(with_segment: Any) -> None:
    """15:00 UTC is the next day in Auckland."""
    w = with_segment({"customer.day": {"on": "today"}})
    w.row(day="2026-01-06", timezone="Europe/Berlin")
    assert w.effects == []
    w.wait(6 * HOUR)
    w.row(day="2026-01-06", timezone="Pacific/Auckland")
    assert changes(w) == [("s", "entered", "input")]


def test_a_message_is_counted_once_however_often_its_delivery_comes(with_segment: Any, make: Any) -> None:
    hello = {"message": {"channel": "email", "template": "mail", "tags": ["news"]}, "next": "done"}
    asked = {"message": {"is": "opened", "journey": "j", "step": "hello", "tag": "news", "at_least": 2}}
    w = with_segment(asked, make({"hello": hello}))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "opened", id="one") == []
    assert w.deliver(request, "opened", id="one") == []
    assert w.deliver(request, "clicked", id="other") == []
    assert w.deliver(request, "opened", id="two") == ["segment"]


def test_r54_an_event_from_before_a_deletion_counts_nothing(with_segment: Any) -> None:
    w = with_segment({"event": {"name": "buy"}})
    w.row(deleted=True)
    w.event("buy")
    assert w.customer.tallies == {}


def test_r2_an_event_seen_before_counts_nothing(with_segment: Any) -> None:
    w = with_segment({"event": {"name": "buy", "at_least": 2}})
    w.event("buy", id="same")
    assert w.event("buy", id="same") == []
    assert w.customer.core.segments == {}


def test_a7_tallies_that_grow_too_large_forget_their_older_half_and_say_so(
    with_segment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from laudstream.journey import standing

    monkeypatch.setattr(standing, "TALLY_BYTES", 400)
    w = with_segment({"event": {"name": "buy", "at_least": 1_000, "within": "P30D"}})
    kinds = [kind for _ in range(64) for kind in w.event("buy")]
    assert kinds == ["limit"]
    ((query, tally),) = w.customer.tallies.items()
    assert w.decision("limit").data == {"which": "tallies", "query": query}
    assert (tally.total, len(tally.recent)) == (64, 32)


def test_a7_of_too_many_values_of_a_property_the_one_used_longest_ago_is_forgotten_and_that_is_said(
    with_segment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from laudstream.conditions import tally as tallies

    monkeypatch.setattr(tallies, "KEYS", 2)
    w = with_segment({"event": {"name": "buy", "keyed": "sku", "at_least": 2}})
    assert [kind for sku in ("a", "b") for kind in w.event("buy", sku=sku)] == []
    assert w.event("buy", sku="c") == ["limit"]
    ((query, tally),) = w.customer.tallies.items()
    assert w.decision("limit").data == {"which": "keys of a question", "query": query}
    assert list(tally.keys) == ["b", "c"]
