"""Segments that ask for what happened, and for how long something has been so (R2, R26, R29, R31, R54, A7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journey.segmented import BUYER, DAY, GOLD, HOUR, changes, segment


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


def test_a_run_under_way_can_be_asked_for(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment({"run": {"journey": "j", "is": "active"}}, make({"look": wait_step()}))
    assert w.event("go") == ["entered", "segment"]
    assert w.event("buy") == ["moved", "ended", "segment"]
    assert w.customer.core.segments == {}


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
