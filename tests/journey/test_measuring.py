"""Experiments and holdouts (R9, R17, R45, R46)."""

from __future__ import annotations

from typing import Any

from laudstream.ids import share
from laudstream.journey.kinds.experiment import ExperimentStep

HALVES = {"experiment": {"arms": {"a": 50, "b": 50}}, "next": {"a": "done", "b": "late"}}
ALWAYS = [{"event": {"name": "go"}, "reentry": "always"}]


def test_r9_hashing_deals_customers_out_by_weight() -> None:
    falls = [share("workspace1", "j/arms", f"c{number}") for number in range(20_000)]
    assert all(0 <= fall < 10_000 for fall in falls)
    low = sum(fall < 3_000 for fall in falls)
    assert abs(low - 6_000) < 4 * (20_000 * 0.3 * 0.7) ** 0.5


def test_r45_the_first_assignment_is_kept_through_new_weights_versions_and_reentry(world: Any, make: Any) -> None:
    w = world(make({"arms": HALVES}, entry=ALWAYS))
    w.event("go")
    arm = w.decisions("moved")[0].branch
    other = "b" if arm == "a" else "a"
    w.publish(make({"arms": {**HALVES, "experiment": {"arms": {arm: 0, other: 100}}}}, entry=ALWAYS), version=2)
    w.event("go")
    assert [(made.version, made.branch) for made in w.decisions("moved")] == [(2, arm)]


def test_r45_customers_of_a_removed_arm_are_assigned_anew(world: Any, make: Any) -> None:
    w = world(make({"arms": HALVES}, entry=ALWAYS))
    w.event("go")
    new = {"experiment": {"arms": {"c": 50, "d": 50}}, "next": {"c": "done", "d": "late"}}
    w.publish(make({"arms": new}, entry=ALWAYS), version=2)
    w.event("go")
    arm = w.decisions("moved")[0].branch
    assert arm in ("c", "d")
    assert w.customer.core.assignments == {"j/arms": arm}


def test_r45_an_experiment_has_an_id_and_journeys_that_share_it_share_the_assignment(world: Any, make: Any) -> None:
    named = {"experiment": {"id": "tone", "arms": {"a": 50, "b": 50}}, "next": "done"}
    w = world(*(make({f"s{number}": named}, id=f"j{number}") for number in range(4)))
    w.event("go")
    assert len({made.branch for made in w.decisions("moved")}) == 1
    assert list(w.customer.core.assignments) == ["tone"]


def test_an_arm_of_weight_zero_gets_nobody() -> None:
    from laudstream.journey.kinds.experiment import assign

    step = ExperimentStep("x", (("a", 0), ("b", 10_000)), {"a": "a", "b": "b"})
    assert {assign(step, point) for point in (0, 5_000, 9_999)} == {"b"}


def test_r17_a_held_out_run_goes_through_everything_but_messages_by_sent(world: Any, make: Any, wait_step: Any) -> None:
    message = {"message": {"channel": "email", "template": "mail", "on_refusal": "exit"}, "next": "look"}
    w = world(make({"hi": message, "look": wait_step()}, settings={"holdout": 100}))
    w.event("go")
    assert w.decision("message").reason == "held_out"
    assert (w.decision("moved").branch, w.at, w.sends()) == ("sent", "look", [])
    assert w.customer.core.slots == ()


def test_r17_a_larger_share_only_adds_customers(world: Any, make: Any) -> None:
    point = share("holdout", "workspace1", "j", "ann") / 100
    message = {"message": {"channel": "email", "template": "mail"}, "next": "done"}

    def held_out(holdout: float) -> bool:
        w = world(make({"hi": message}, settings={"holdout": holdout}))
        w.event("go")
        return bool(w.decision("message").reason == "held_out")

    assert [held_out(value) for value in (0, point, point + 0.01, 100)] == [False, False, True, True]
