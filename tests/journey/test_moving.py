"""Moving through steps (R5, R6, R14, R27 to R29, R51, R19)."""

from __future__ import annotations

from typing import Any

HOUR = 3_600_000


def test_r6_an_exit_rule_acts_at_once_in_the_middle_of_a_delay(world: Any, make: Any) -> None:
    exits = [{"event": {"name": "bye"}, "outcome": "gone"}]
    w = world(make({"rest": {"delay": {"for": "P9D"}, "next": "done"}}, exit=exits))
    w.event("go")
    w.now += HOUR
    assert w.event("bye") == ["ended"]
    assert (w.decision("ended").step, w.decision("ended").outcome) == ("rest", "gone")
    assert w.customer.core.wake_at == 0


def test_r6_an_exit_rule_comes_before_any_branch_of_the_same_input(world: Any, make: Any, wait_step: Any) -> None:
    exits = [{"event": {"name": "buy"}, "where": {"event.amount": {"greater_than": 100}}, "outcome": "big"}]
    w = world(make({"look": wait_step()}, exit=exits))
    w.event("go")
    w.event("buy", amount=101)
    assert [(made.kind, made.outcome) for made in w.decisions()] == [("ended", "big")]
    assert w.decision("ended").data == {"event": "buy", "event.amount": 101}


def test_r6_an_exit_condition_acts_when_the_row_meets_it(world: Any, make: Any) -> None:
    exits = [{"condition": {"customer.plan": {"equals": "pro"}}, "outcome": "has-it"}]
    w = world(make({"rest": {"delay": {"for": "P9D"}, "next": "done"}}, exit=exits))
    w.event("go")
    w.row(plan="free")
    assert w.at == "rest"
    w.row(plan="pro")
    assert w.decision("ended").outcome == "has-it"


def test_r27_each_input_is_tested_in_the_order_of_the_branches(world: Any, make: Any) -> None:
    branches = [
        {"name": "big", "event": {"name": "buy"}, "where": {"event.amount": {"at_least": 50}}, "next": "late"},
        {"name": "any", "event": {"name": "buy"}, "next": "done"},
    ]
    w = world(make({"look": {"wait": {"branches": branches}}}))
    w.event("go")
    w.event("buy", amount=50)
    moved = w.decision("moved")
    assert (moved.step, moved.branch, moved.to) == ("look", "big", "late")


def test_r27_inputs_before_the_arrival_do_not_count(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"rest": {"delay": {"for": "PT1M"}, "next": "look"}, "look": wait_step()}))
    w.event("go")
    assert w.event("buy") == []
    w.wait(60_000)
    assert w.at == "look"


def test_r28_count_needs_that_many_inputs_and_progress_ends_with_the_visit(world: Any, make: Any) -> None:
    branches = [{"event": {"name": "open"}, "count": 2, "next": "done"}, {"event": {"name": "skip"}, "next": "rest"}]
    steps = {"look": {"wait": {"branches": branches}}, "rest": {"delay": {"for": "PT1M"}, "next": "look"}}
    w = world(make(steps))
    w.event("go")
    assert w.event("open") == []
    w.event("skip")
    w.wait(60_000)
    assert (w.at, w.run.visit) == ("look", 3)
    assert w.event("open") == []
    assert w.event("open") == ["moved", "ended"]


def test_r28_an_input_that_ended_a_wait_never_ends_another_visit_of_that_step(world: Any, make: Any) -> None:
    branches = [{"event": {"name": "open"}, "next": "rest"}]
    steps = {"look": {"wait": {"branches": branches}}, "rest": {"delay": {"for": "P2D"}, "next": "look"}}
    w = world(make(steps))
    w.event("go")
    w.event("open", id="once")
    w.wait(2 * 24 * HOUR)  # by now the messageId itself is forgotten
    assert w.at == "look"
    assert w.event("open", id="once") == []
    assert w.event("open", id="another") == ["moved"]


def test_r28_a_delivery_that_ended_a_wait_never_ends_another_visit_of_it_though_it_comes_days_later(
    world: Any, make: Any
) -> None:
    look = {"wait": {"branches": [{"message": {"is": "opened"}, "next": "rest"}]}}
    mail = {"message": {"channel": "email", "template": "mail"}, "next": "look"}
    w = world(make({"hi": mail, "look": look, "rest": {"delay": {"for": "P2D"}, "next": "look"}}))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "opened", id="once") == ["moved"]
    w.wait(2 * 24 * HOUR)  # by now it is new again
    assert w.at == "look"
    assert w.deliver(request, "opened", id="once") == []
    assert w.deliver(request, "opened", id="another") == ["moved"]


def test_r29_a_condition_that_holds_on_arrival_passes(world: Any, make: Any) -> None:
    steps = {"look": {"wait": {"branches": [{"condition": {"customer.vip": {"equals": True}}, "next": "done"}]}}}
    w = world(make(steps))
    w.row(vip=True)
    assert w.event("go") == ["entered", "moved", "ended"]


def test_r29_a_condition_passes_as_soon_as_the_row_makes_it_true(world: Any, make: Any) -> None:
    steps = {"look": {"wait": {"branches": [{"condition": {"customer.vip": {"equals": True}}, "next": "done"}]}}}
    w = world(make(steps))
    w.event("go")
    core = w.customer.core
    w.row(vip=False)
    assert w.customer.core.runs is core.runs
    w.row(vip=True)
    assert w.decision("moved").branch == "condition"


def test_r14_a_run_takes_100_steps_for_one_input_and_the_rest_in_the_next_round(world: Any, make: Any) -> None:
    condition = {"customer.x": {"exists": True}}
    steps: dict[str, Any] = {
        f"s{number}": {"split": {"branches": [{"condition": condition, "next": "left"}], "else": f"s{number + 1}"}}
        for number in range(150)
    }
    steps["s150"] = {"exit": {"outcome": "finished"}}
    steps["left"] = {"exit": {"outcome": "left"}}
    w = world(make(steps))
    w.event("go")
    assert len(w.decisions("moved")) == 99
    assert (w.at, w.customer.core.wake_at) == ("s99", w.now)
    w.wait(0)
    assert len(w.decisions("moved")) == 51
    assert w.decision("ended").outcome == "finished"


def test_r51_coming_to_the_same_step_with_nothing_happening_ends_with_loop(world: Any, make: Any) -> None:
    steps = {
        "look": {"wait": {"branches": [{"condition": {"customer.vip": {"equals": True}}, "next": "mail"}]}},
        "mail": {"message": {"channel": "email", "template": "mail"}, "next": "look"},
    }
    w = world(make(steps))
    w.event("go")
    assert w.at == "look"
    w.row(email="ann@example.org", vip=True)
    assert w.decision("ended").reason == "loop"
    assert len(w.sends()) == 1


def test_r51_a_cycle_in_which_a_timer_fires_is_no_loop(world: Any, make: Any) -> None:
    steps = {
        "mail": {"message": {"channel": "email", "template": "mail"}, "next": "rest"},
        "rest": {"delay": {"for": "PT1H"}, "next": "mail"},
    }
    w = world(make(steps))
    w.event("go")
    w.wait(3 * HOUR)
    sends = w.sends()
    assert len(sends) == 3
    assert len({made.send_id for made in sends}) == 3
    assert w.at == "rest"


def test_r19_each_step_left_is_one_decision_with_its_branch_and_the_numbers_have_no_gap(
    world: Any, make: Any, wait_step: Any
) -> None:
    steps = {
        "mail": {"message": {"channel": "email", "template": "mail"}, "next": "arms"},
        "arms": {"experiment": {"arms": {"a": 100}}, "next": "look"},
        "look": wait_step(),
    }
    w = world(make(steps))
    w.event("go")
    made = w.decisions()
    w.event("buy")
    made += w.decisions()
    assert [(d.kind, d.step, d.branch, d.to) for d in made] == [
        ("entered", "", "", "mail"), ("message", "mail", "", ""), ("moved", "mail", "sent", "arms"),
        ("moved", "arms", "a", "look"), ("moved", "look", "buy", "done"), ("ended", "done", "", ""),
    ]  # fmt: skip
    assert [d.n for d in made] == [1, 2, 3, 4, 5, 6]
    assert len({d.id for d in made}) == 6
    assert all(len(d.id) == 32 for d in made)
