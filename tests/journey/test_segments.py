"""Segments are state: who is in them (R15, A6)."""

from __future__ import annotations

from typing import Any

from tests.journey.segmented import GOLD, changes, on, segment


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
