"""Pinned segments: what a version says, whatever is live (R48)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.catalog import Catalog
from laudstream.journey.definition import parse
from laudstream.journey.naming import named
from laudstream.segments.definition import parse as parse_segment

GOLD, PRO = {"customer.plan": {"equals": "gold"}}, {"customer.plan": {"equals": "pro"}}


def split(condition: Any) -> dict[str, Any]:
    return {"look": {"split": {"branches": [{"name": "in", "condition": condition, "next": "done"}], "else": "late"}}}


@pytest.fixture
def two(world: Any, make: Any) -> Any:
    """Version 1 of `vip` says gold, version 2 pro; a journey asks for what is given."""

    def made(condition: Any, **more: Any) -> Any:
        w = world()
        w.publish({"id": "vip", "condition": GOLD}, kind="segment")
        w.publish({"id": "vip", "condition": PRO}, kind="segment", version=2)
        w.publish(make(split(condition), **{"entry": [{"event": {"name": "go"}, "reentry": "always"}], **more}))
        return w

    return made


def branch(w: Any) -> str:
    w.event("go")
    return str(w.decision("moved").branch)


def test_r48_a_pinned_version_is_asked_beside_the_live_one(two: Any) -> None:
    w = two({"segment": "vip@1"})
    w.row(plan="gold")
    assert branch(w) == "in"
    assert w.decision("moved").data == {"segment:vip@1": {"member": True, "version": 1}}
    w.row(plan="pro")
    assert branch(w) == "else"
    assert sorted(w.customer.core.segments) == ["vip"]


def test_r48_who_was_there_before_it_was_named_is_looked_at(two: Any, make: Any) -> None:
    w = two({"segment": "vip"})
    w.row(plan="gold")
    assert w.customer.core.segments == {}
    w.publish(make(split({"segment": "vip@1"}), id="k", entry=[{"event": {"name": "went"}}]))
    w.touch()
    assert sorted(w.customer.core.segments) == ["vip@1"]
    assert w.decision("segment").data["because"] == "definition"


def test_r48_nobody_is_in_a_pin_that_nothing_names_any_more(two: Any, make: Any) -> None:
    w = two({"segment": "vip@1"})
    w.row(plan="gold")
    w.control("stopped")
    w.publish({"id": "other", "condition": PRO}, kind="segment")
    w.touch()
    assert w.catalog.spaces["workspace1"].watch.segments.keys() >= {"vip", "other"}


def test_r48_a_segment_may_pin_another_one(two: Any) -> None:
    w = two({"segment": "both"})
    w.publish({"id": "both", "condition": {"any": [{"segment": "vip@1"}, {"segment": "vip"}]}}, kind="segment")
    w.row(plan="gold")
    assert branch(w) == "in"
    w.row(plan="pro")
    assert branch(w) == "in"
    w.row(plan="free")
    assert branch(w) == "else"


def test_r35_a_pinned_segment_lets_in_and_out(world: Any, make: Any) -> None:
    w = world()
    w.publish({"id": "vip", "condition": GOLD}, kind="segment")
    w.publish({"id": "vip", "condition": PRO}, kind="segment", version=2)
    entry, out = [{"segment": {"id": "vip@1"}}], [{"leaves": "vip@1", "outcome": "left"}]
    w.publish(make({"rest": {"delay": {"for": "P1D"}, "next": "done"}}, entry=entry, exit=out))
    w.row(plan="gold")
    assert w.at == "rest"
    w.row(plan="pro")
    assert w.decision("ended").outcome == "left"


def test_a_lane_that_opens_again_has_the_pins(two: Any) -> None:
    w = two({"segment": "vip@1"})
    again = Catalog.load(w.catalog.entries(), w.body_of)
    assert again.spaces["workspace1"].watch.segments.keys() == w.catalog.spaces["workspace1"].watch.segments.keys()
    assert again.spaces["workspace1"].judged == w.catalog.spaces["workspace1"].judged


@pytest.mark.parametrize("name", ["vip@3", "nope@1", "vip@", "vip@x", "vip@01"])
def test_r20_a_version_that_is_not_there_is_refused(make: Any, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(make(split({"segment": name})), segments=["vip", "vip@1", "vip@2"])
    assert caught.value.problems[0].pointer == "/steps/look/split/branches/0/condition/segment"
    parse(make(split({"segment": "vip@2"})), segments=["vip", "vip@1", "vip@2"])
    parse(make(split({"segment": "vip@9"})), segments=["vip"])  # files name no versions


def test_r48_who_pins_a_segment_names_it(make: Any) -> None:
    assert list(named(make(split({"segment": "vip@2"})))) == [("segment", "vip")]


def test_a_segment_that_pins_itself_names_no_circle_but_one_over_others_does() -> None:
    body = {"id": "vip", "condition": {"segment": "vip@1"}}
    parse_segment(body, {"vip": frozenset(), "vip@1": frozenset()})
    with pytest.raises(Invalid):
        parse_segment(body, {"vip": frozenset(), "vip@1": frozenset(["gold"]), "gold": frozenset(["vip"])})
