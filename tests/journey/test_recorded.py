"""What decisions say, and limits of what is kept (R19, R59, A7)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.segments.definition import circle, parse

HOUR = 3_600_000


def test_r59_who_is_already_in_is_told_by_which_run(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.event("go")
    assert w.decision("not_entered").data == {"run": w.run.id}


def test_r59_the_delivery_that_a_run_waited_for_is_recorded_with_its_reason(world: Any, make: Any) -> None:
    steps = {"hi": {"message": {"channel": "email", "template": "mail"}, "next": {"sent": "done", "refused": "late"}}}
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    w.deliver(request, "refused", reason="suppressed")
    told = w.decision("delivery")
    assert (told.reason, told.data) == ("suppressed", {"send_id": request.send_id, "kind": "refused"})
    moved = w.decision("moved")
    assert (moved.branch, moved.to, moved.data) == ("refused", "late", {"kind": "refused", "reason": "suppressed"})


def test_a7_what_a_run_keeps_of_the_past_adds_to_its_size_and_no_more(world: Any, make: Any) -> None:
    wait = {"since": "PT1H", "branches": [{"event": {"name": "buy"}, "next": "done"}]}
    w = world(make({"rest": {"delay": {"for": "P9D"}, "next": "look"}, "look": {"wait": wait}}))
    w.event("go", text="x" * 100)
    entered = w.run.size
    w.event("buy", text="y" * 100)
    once = w.run.size
    assert once > entered + 100
    w.wait(2 * HOUR)
    w.event("buy", text="y" * 100)
    assert w.run.size == once


def test_r60_a_segment_has_a_condition_or_is_manual_and_not_both() -> None:
    condition = {"customer.plan": {"exists": True}}
    for body in ({"id": "s", "manual": True, "condition": condition}, {"id": "s"}):
        with pytest.raises(Invalid) as found:
            parse(body)
        (problem,) = found.value.problems
        assert problem.message == "a segment has a condition, or is manual"


def test_r20_the_way_round_a_circle_of_segments_is_told_in_its_order() -> None:
    names = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("d"), "d": frozenset("a")}
    assert circle(names, "a") == ["a", "b", "c", "d", "a"]
    assert circle({**names, "d": frozenset()}, "a") == []


@pytest.mark.parametrize("weights", [{"x": 50.001, "y": 49.999}, {"x": 33.333, "y": 66.667}])
def test_r60_weights_have_two_decimals_at_most(make: Any, weights: dict[str, float]) -> None:
    from laudstream.journey.definition import parse as journey

    with pytest.raises(Invalid) as found:
        journey(make({"arms": {"experiment": {"arms": weights}, "next": "done"}}))
    assert {problem.pointer for problem in found.value.problems} >= {"/steps/arms/experiment/arms/x"}


def test_a4_r26_a_decision_says_lane_time_and_the_clock_of_its_round(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.lag = HOUR
    w.event("go")
    assert [(made.at, made.clock) for made in w.decisions()] == [(w.now, w.now + HOUR)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"id": "vip", "manual": True, "colour": 1}, "/colour"),
        ({"id": "vip", "condition": {"segment": {"in": "pro", "helf_for": "P1D"}}}, "/condition/segment/helf_for"),
        ({"id": "vip", "condition": {"bucket": {"salt": "a", "from": 0, "to": 5, "of": 1}}}, "/condition/bucket/of"),
    ],
)
def test_r60_nothing_that_a_segment_says_is_ignored_and_the_place_is_named(body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(body)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]
