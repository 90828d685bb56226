"""Goals (R16, R47, R21, R22, R24, R49)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.projection.counters import _counters
from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from tests.journey.conftest import World, journey

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BUY = {"event": {"name": "buy"}, "within": "P3D", "value": "total"}
REST = {"rest": {"delay": {"for": "PT1H"}, "next": "done"}}
ALWAYS = [{"event": {"name": "go"}, "reentry": "always"}]


def test_r16_r47_a_goal_counts_once_and_says_its_value(world: Any, make: Any) -> None:
    w = world(make({"rest": {"delay": {"for": "P9D"}, "next": "done"}}, goal=BUY))
    w.event("go")
    assert w.event("buy", total=12.5) == ["goal"]
    goal = w.decision("goal")
    assert (goal.step, goal.version, goal.data) == ("rest", 1, {"event": "buy", "value": 12.5})
    assert w.event("buy", total=3) == []


def test_r47_a_goal_counts_after_the_run_has_ended_until_its_window_ends(world: Any, make: Any) -> None:
    for after, kinds in ((3 * DAY - 1, ["goal"]), (3 * DAY, [])):
        w = world(make(REST, goal=BUY))
        w.event("go")
        run = w.run.id
        w.wait(HOUR)
        assert w.at == ""
        w.wait(after - HOUR)
        assert w.event("buy", total=1) == kinds
        assert w.customer.core.goals == (), "met, or over"
        if kinds:
            assert (w.decision("goal").run, w.decision("goal").step) == (run, "rest") or w.decision(
                "goal"
            ).step == "done"
            assert w.event("buy", total=1) == []


def test_r47_what_is_over_is_forgotten_with_the_next_end(world: Any, make: Any) -> None:
    w = world(make(REST, goal=BUY, entry=ALWAYS))
    for _ in range(3):
        w.event("go")
        w.wait(2 * DAY)
    assert len(w.customer.core.goals) == 2


def test_r21_an_exit_on_the_goals_event_comes_first_and_the_goal_counts(world: Any, make: Any) -> None:
    exits = [{"event": {"name": "buy"}, "outcome": "bought"}]
    w = world(make(REST, goal=BUY, exit=exits))
    w.event("go")
    assert w.event("buy", total=4) == ["ended", "goal"]
    assert (w.decision("ended").outcome, w.decision("goal").data["value"]) == ("bought", 4)


def test_r21_a_goal_comes_before_the_branches_of_the_same_input(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, goal=BUY))
    w.event("go")
    assert w.event("buy") == ["goal", "moved", "ended"]
    assert "value" not in w.decision("goal").data


def test_r47_end_on_goal_ends_the_run_with_the_outcome_goal(world: Any, make: Any) -> None:
    w = world(make(REST, goal={**BUY, "end_on_goal": True}))
    w.event("go")
    assert w.event("buy") == ["goal", "ended"]
    assert (w.decision("ended").outcome, w.customer.core.goals) == ("goal", ())


def test_r22_the_input_that_starts_the_run_is_no_goal(world: Any, make: Any) -> None:
    w = world(make(REST, goal={"event": {"name": "go"}, "within": "P1D"}))
    assert w.event("go") == ["entered"]
    assert "goal" in w.event("go", id="second")


def test_r24_with_a_key_only_the_same_value_is_a_goal_also_after_the_end(world: Any, make: Any) -> None:
    w = world(make(REST, goal=BUY, entry=[{"event": {"name": "go", "key": "order"}}]))
    w.event("go", order=7)
    w.wait(HOUR)
    assert w.event("buy", order=8) == []
    assert w.event("buy") == []
    assert w.event("buy", order=7) == ["goal"]


def test_r47_a_run_that_was_restarted_has_no_goal_the_one_that_goes_on_counts_it(world: Any, make: Any) -> None:
    entry = [{"event": {"name": "go"}, "reentry": "always", "while_active": "restart"}]
    w = world(make(REST, goal=BUY, entry=entry))
    w.event("go")
    w.event("go", id="second")
    assert w.customer.core.goals == ()
    assert w.event("buy") == ["goal"]
    assert w.decision("goal").run == w.run.id


def test_r47_no_goal_counts_after_a_deletion(world: Any, make: Any) -> None:
    w = world(make(REST, goal=BUY))
    w.event("go")
    w.row(deleted=True)
    assert w.customer.core.goals == ()
    w = world(make(REST, goal=BUY))
    w.event("go")
    w.wait(HOUR)
    w.row(deleted=True)
    assert w.customer.core.goals == ()


def test_r49_a_goal_counts_in_a_pause_and_after_a_stop(world: Any, make: Any) -> None:
    w = world(make(REST, goal=BUY))
    w.event("go")
    w.control("paused")
    assert w.event("buy") == ["goal"]
    w = world(make(REST, goal=BUY))
    w.event("go")
    w.control("stopped")
    w.touch()
    assert w.decision("ended").reason == "stopped"
    assert w.event("buy") == ["goal"]


def test_r47_a_goal_may_be_a_condition_that_comes_to_hold(world: Any, make: Any) -> None:
    goal = {"condition": {"customer.plan": {"equals": "pro"}}, "within": "P3D"}
    w = world(make(REST, goal=goal))
    w.event("go")
    w.row(plan="free")
    assert w.kinds() == []
    w.row(plan="pro")
    assert w.decision("goal").data == {"customer.plan": "pro"}
    w = world(make(REST, goal=goal))
    w.event("go")
    w.wait(HOUR)
    w.row(plan="pro")
    assert w.kinds() == ["goal"]


def test_r53_a_goal_is_met_by_what_an_update_writes_at_the_end_of_the_input(world: Any, make: Any) -> None:
    steps = {"mark": {"update": {"set": {"plan": "pro"}}, "next": "rest"}, **REST}
    goal = {"condition": {"customer.plan": {"equals": "pro"}}, "within": "P3D"}
    w = world(make(steps, goal=goal, entry=[{"event": {"name": "hi"}}], id="a"), make(REST, goal=goal, id="b"))
    w.event("go")
    w.event("hi")
    assert [(made.journey, made.kind) for made in w.decisions("goal")] == [("b", "goal")], "R22: its own entry is none"


def test_r47_a_goal_is_attributed_to_the_arms_that_the_run_passed(world: Any, make: Any) -> None:
    arms = {"arms": {"experiment": {"arms": {"a": 50, "b": 50}}, "next": "rest"}, **REST}
    w = world(make(arms, goal=BUY))
    w.event("go")
    arm = w.decisions("moved")[0].branch
    w.wait(HOUR)
    w.event("buy", total=3)
    goal = w.decision("goal")
    assert goal.data["arms"] == {"arms": arm}
    assert _counters(goal) == (("", "goal"), ("arms", f"goal:{arm}"))


def test_r55_a_run_that_asks_for_a_place_has_no_goal_yet(world: Any, make: Any) -> None:
    w = world(make(REST, goal=BUY, max_entries=5))
    w.event("go")
    assert w.event("buy") == []
    assert len(w.run.kept) == 1, "it is kept for it, and counts once it has begun"


def test_a7_open_goals_have_a_limit(world: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from laudstream.journey import moves

    monkeypatch.setattr(moves, "MOST_AIMS", 2)
    w = world(make(REST, goal=BUY, entry=ALWAYS))
    for _ in range(3):
        w.event("go")
        w.wait(HOUR)
    assert len(w.customer.core.goals) == 2
    assert [made.data for made in w.decisions("limit")] == [{"which": "open goals"}]


@given(st.lists(st.tuples(st.sampled_from(["go", "buy", "stop", "other"]), st.integers(0, 30)), max_size=20))
def test_r47_a_run_counts_its_goal_at_most_once_and_only_in_its_window(inputs: list[tuple[str, int]]) -> None:
    goal = {"event": {"name": "buy"}, "within": "PT20H"}
    exits = [{"event": {"name": "stop"}, "outcome": "stopped"}]
    entry = [{"event": {"name": "go"}, "reentry": "always"}]
    w = World(journey({"rest": {"delay": {"for": "PT10H"}, "next": "done"}}, goal=goal, exit=exits, entry=entry))
    begun: dict[str, int] = {}
    met: dict[str, int] = {}
    for name, hours in inputs:
        w.wait(hours * HOUR)
        open = {run for run, at in begun.items() if run not in met and w.now < at + 20 * HOUR}
        w.event(name)
        for made in w.decisions("entered"):
            begun[made.run] = w.now
        reached = {made.run for made in w.decisions("goal")}
        assert reached == (open if name == "buy" else set())
        met |= dict.fromkeys(reached, w.now)


@pytest.mark.parametrize(
    ("goal", "pointer"),
    [
        ({}, "/goal"),
        ({"event": {"name": "buy"}}, "/goal/within"),
        ({"event": {"name": "buy"}, "within": "P2Y"}, "/goal/within"),
        ({"event": {"name": "buy"}, "within": "P1D", "condition": {"customer.a": {"exists": True}}}, "/goal/condition"),
        ({"event": {"name": "buy"}, "within": "P1D", "where": {"entry.a": {"exists": True}}}, "/goal/where/entry.a"),
        ({"condition": {"customer.a": {"exists": True}}, "within": "P1D", "value": "total"}, "/goal/value"),
        ({"event": {"name": "buy"}, "within": "P1D", "end_on_goal": "yes"}, "/goal/end_on_goal"),
        ({"event": {"name": "buy"}, "within": "P1D", "times": 2}, "/goal/times"),
    ],
)
def test_r60_a_wrong_goal_is_refused_with_its_place(make: Any, goal: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make(REST, goal=goal))
    assert pointer in [problem.pointer for problem in refused.value.problems]
    assert all(problem.fix for problem in refused.value.problems)
