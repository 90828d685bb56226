"""Experiments with a winner, and those whose rest waits for it (R9, R45)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.ids import share
from laudstream.journey.control import Control
from laudstream.journey.definition import parse
from laudstream.journey.handoff import Ask, Release
from laudstream.journey.inputs import GrantInput

HOUR, DAY = 3_600_000, 86_400_000
ALWAYS = [{"event": {"name": "go"}, "reentry": "always"}]
KEYED = [{"event": {"name": "go", "key": "k"}, "reentry": "always"}]
WINNER = {"metric": "goal", "minimum": 5, "hold_rest": True}
MINE = "a" if share("workspace1", "j/test", "ann") < 5_000 else "b"
OTHER = "b" if MINE == "a" else "a"
GOAL = {"event": {"name": "buy"}, "within": "P7D"}


def body(make: Any, winner: dict[str, Any] | None = None, arms: Any = None, **more: Any) -> Any:
    arms = arms or {"a": 50, "b": 50}
    step = {"experiment": {"arms": arms, "winner": winner or WINNER}, "next": dict.fromkeys(arms, "done")}
    if "holdout" in more:
        step["experiment"]["holdout"] = more.pop("holdout")
        step["next"]["holdout"] = "late"
    return make({"test": step}, **{"entry": ALWAYS, "goal": GOAL, **more})


def wins(w: Any, arm: str) -> None:
    w.seq += 1
    w.catalog = w.catalog.apply(Control(w.seq, "workspace1", "winner", "j/test", 1, arm), w.now, w.body_of)


def answer(w: Any, granted: bool, run: str = "", arm: str = MINE) -> list[str]:
    run = run or w.run.id
    w.hand(GrantInput(w.cause("laudstream.handoffs"), "j", run, granted, 5, f"arm/j/test/{arm}"))
    return list(w.kinds())


@pytest.fixture
def held(world: Any, make: Any) -> Any:
    """A customer who was not among the first."""

    def made(**more: Any) -> Any:
        w = world(body(make, **more))
        w.event("go")
        assert answer(w, granted=False) == []
        return w

    return made


def test_r45_who_comes_asks_for_a_place_of_the_arm_that_is_its_own(world: Any, make: Any) -> None:
    w = world(body(make))
    assert w.event("go") == ["entered", "Ask"]
    assert w.effects[-1] == Ask("workspace1", "j", (("ann", w.run.id),), of=f"arm/j/test/{MINE}")
    assert (w.at, w.run.status, w.customer.core.assignments) == ("test", "holding", {})


def test_r45_who_is_among_the_first_goes_its_arm_and_keeps_it(world: Any, make: Any) -> None:
    w = world(body(make))
    w.event("go")
    assert answer(w, granted=True) == ["moved", "ended"]
    assert (w.decision("moved").branch, w.customer.core.assignments) == (MINE, {"j/test": MINE})
    wins(w, OTHER)
    w.event("go")
    assert w.decision("moved").branch == MINE  # R9: no winner moves who is assigned


def test_r45_everyone_else_waits_and_goes_with_the_winner(held: Any) -> None:
    w = held()
    assert (w.at, w.run.status) == ("test", "holding")
    wins(w, OTHER)
    assert w.touch() == ["moved", "ended"]
    assert (w.decision("moved").branch, w.customer.core.assignments) == (OTHER, {"j/test": OTHER})


def test_r45_an_input_before_the_sweep_moves_it_too(held: Any) -> None:
    w = held()
    wins(w, OTHER)
    assert w.event("something") == ["moved", "ended"]


def test_r45_the_winner_of_another_experiment_moves_nobody(held: Any) -> None:
    w = held()
    w.catalog = w.catalog.apply(Control(77, "workspace1", "winner", "j/other", 1, "a"), w.now, w.body_of)
    assert w.touch() == []
    assert w.at == "test"


def test_r45_who_comes_after_the_winner_asks_nobody(world: Any, make: Any) -> None:
    w = world(body(make))
    wins(w, OTHER)
    assert w.event("go") == ["entered", "moved", "ended"]
    assert w.decision("moved").branch == OTHER


@pytest.mark.parametrize("hold", ["P1D", "PT6H"])
def test_r45_without_a_winner_it_goes_its_own_arm_an_hour_after_it_should_be_there(held: Any, hold: str) -> None:
    w = held(winner={**WINNER, "hold_at_most": hold})
    due = w.now + (DAY if hold == "P1D" else 6 * HOUR) + HOUR
    assert w.customer.core.wake_at == due
    w.wait(due - w.now)
    moved = w.decision("moved")
    assert (moved.branch, moved.data["reason"]) == (MINE, "no_winner")


def test_r45_a_place_that_comes_after_the_winner_is_given_back(world: Any, make: Any) -> None:
    w = world(body(make))
    w.event("go")
    run = w.run.id
    wins(w, OTHER)
    w.touch()
    assert answer(w, granted=True, run=run) == ["Release"]
    assert w.effects == [Release("workspace1", "j", run, of=f"arm/j/test/{MINE}")]
    assert w.customer.core.assignments == {"j/test": OTHER}


def test_r45_two_runs_of_a_customer_take_one_place(world: Any, make: Any) -> None:
    w = world(body(make, entry=KEYED))
    w.event("go", k="1")
    first = w.run.id
    assert w.event("go", k="2") == ["entered"]  # the question is out already
    assert answer(w, granted=True, run=first) == ["moved", "ended", "moved", "ended"]
    assert w.customer.core.runs == ()


def test_r45_the_place_of_a_run_that_has_ended_is_taken_by_another_of_the_customer(world: Any, make: Any) -> None:
    out = [{"event": {"name": "leave"}, "outcome": "left"}]
    w = world(body(make, entry=KEYED, exit=out))
    w.event("go", k="1")
    first = w.run.id
    w.event("go", k="2")
    w.event("leave", k="1")
    assert answer(w, granted=True, run=first) == ["moved", "ended"]


@pytest.mark.parametrize("end", ["exit", "stop", "delete"])
def test_r45_what_ends_a_run_ends_it_there_and_its_place_is_given_back(world: Any, make: Any, end: str) -> None:
    w = world(body(make, exit=[{"event": {"name": "leave"}, "outcome": "left"}]))
    w.event("go")
    run = w.run.id
    if end == "exit":
        w.event("leave")
        assert w.decision("ended").outcome == "left"
    elif end == "stop":
        w.control("stopped")
        w.touch()
    else:
        w.row(deleted=True)
    assert w.customer.core.runs == ()
    assert answer(w, granted=True, run=run) == ["Release"]


def test_r49_in_a_pause_it_stays_and_goes_on_afterwards(world: Any, make: Any) -> None:
    w = world(body(make))
    w.event("go")
    w.control("paused")
    assert answer(w, granted=True) == []
    wins(w, OTHER)
    assert w.touch() == []
    w.control("live")
    assert w.touch() == ["moved", "ended"]
    assert w.decision("moved").branch == MINE  # it had its place before the winner


def test_r45_the_holdout_arm_needs_no_place_and_no_winner_takes_it_away(world: Any, make: Any) -> None:
    mine = share("workspace1", "j/test", "ann") / 100
    low = round(mine) - 1  # the holdout begins below, so ann is in it
    w = world(body(make, arms={"a": low - 1, "b": 1}, holdout=100 - low))
    assert w.event("go") == ["entered", "moved", "ended"]
    assert w.decision("moved").branch == "holdout"
    late = world(body(make, arms={"a": low - 1, "b": 1}, holdout=100 - low))
    wins(late, "b")
    late.event("go")
    assert late.decision("moved").branch == "holdout"


@pytest.mark.parametrize(
    ("winner", "pointer"),
    [
        ({"metric": "goal"}, "/steps/test/experiment/winner/minimum"),
        ({"metric": "bought", "minimum": 1}, "/steps/test/experiment/winner/metric"),
        ({"metric": "goal", "minimum": 0}, "/steps/test/experiment/winner/minimum"),
        ({"metric": "goal", "minimum": 1, "hold_at_most": "P1D"}, "/steps/test/experiment/winner/hold_at_most"),
        ({"metric": "goal", "minimum": 1, "hold": True}, "/steps/test/experiment/winner/hold"),
        ({"metric": "opened", "minimum": 1}, "/steps/test/experiment/winner/metric"),
    ],
)
def test_r60_what_is_wrong_with_a_winner_is_named(make: Any, winner: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(body(make, winner=winner))
    assert pointer in [problem.pointer for problem in caught.value.problems]


def test_r60_a_metric_goal_needs_a_goal_and_a_winner_two_arms(make: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse(body(make, goal=GOAL, arms={"a": 100}))
    assert caught.value.problems[0].pointer == "/steps/test/experiment/winner"
    without = body(make)
    del without["goal"]
    with pytest.raises(Invalid) as caught:
        parse(without)
    assert caught.value.problems[0].pointer == "/steps/test/experiment/winner/metric"
    with pytest.raises(Invalid) as caught:
        parse(body(make, arms={"deleted": 50, "b": 50}))
    assert caught.value.problems[0].pointer == "/steps/test/experiment/arms/deleted"
