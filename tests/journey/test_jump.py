"""The step `jump` (R14, R51)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.definition import parse


@pytest.mark.parametrize("jump", ["rest", {"to": "rest"}], ids=["short", "long"])
def test_a_jump_goes_to_the_step_that_it_names(world: Any, make: Any, jump: Any) -> None:
    branches = [{"event": {"name": "buy"}, "next": "done"}, {"event": {"name": "no"}, "next": "back"}]
    steps = {
        "look": {"wait": {"branches": branches}},
        "back": {"jump": jump},
        "rest": {"delay": {"for": "PT1M"}, "next": "look"},
    }  # fmt: skip
    w = world(make(steps))
    w.event("go")
    assert w.event("no") == ["moved", "moved"]
    jumped = w.decisions("moved")[1]
    assert (jumped.step, jumped.branch, jumped.to) == ("back", "next", "rest")
    w.wait(60_000)
    assert w.at == "look"


def test_r14_a_cycle_through_a_jump_is_refused_and_named(make: Any) -> None:
    pro = {"name": "pro", "condition": {"customer.plan": {"equals": "pro"}}, "next": "done"}
    steps = {"ask": {"split": {"branches": [pro], "else": "back"}}, "back": {"jump": "ask"}}
    with pytest.raises(Invalid) as refused:
        parse(make(steps))
    (problem,) = refused.value.problems
    assert problem.message == "a cycle without a wait or a delay: ask -> back -> ask"


def test_r51_a_run_that_comes_round_by_a_jump_with_nothing_in_between_ends_with_loop(world: Any, make: Any) -> None:
    holds = {"condition": {"customer.plan": {"equals": "pro"}}, "next": "back"}
    w = world(make({"look": {"wait": {"branches": [holds]}}, "back": {"jump": "look"}}))
    w.row(plan="pro", email="ann@example.org")
    w.event("go")
    assert w.decision("ended").reason == "loop"


@pytest.mark.parametrize(
    ("jump", "pointer"),
    [("nowhere", "/steps/back/jump"), ({"to": "nowhere"}, "/steps/back/jump/to"), ({}, "/steps/back/jump/to"),
     ({"to": "back", "next": "x"}, "/steps/back/jump/next"), (7, "/steps/back/jump")],
)  # fmt: skip
def test_r60_a_jump_that_leads_nowhere_is_refused_with_its_place(make: Any, jump: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make({"rest": {"delay": {"for": "PT1M"}, "next": "back"}, "back": {"jump": jump}}))
    assert pointer in [problem.pointer for problem in refused.value.problems]
