"""The unit of failure is the run (A6)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from laudstream.conditions import Condition
from laudstream.journey import kinds
from laudstream.journey.handoff import Release
from laudstream.journey.inputs import GrantInput
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.journey.kinds.split import SplitStep

MAIL = {"message": {"channel": "email", "template": "mail"}, "next": "arms"}
ARMS = {"experiment": {"arms": {"a": 50, "b": 50}}, "next": "done"}


def raising(w: Any, id: str, step: str, error: BaseException) -> None:
    """From now on the conditions of that split raise."""

    def test(scope: object) -> bool:
        raise error

    version = w.catalog.spaces["workspace1"].journeys[id].versions[1]
    split = version.steps[step]
    assert isinstance(split, SplitStep)
    branch = msgspec.structs.replace(split.branches[0], condition=Condition(test, ()))
    version.steps[step] = msgspec.structs.replace(split, branches=(branch,))


def split_after_mail(wait_step: Any, make: Any, id: str) -> Any:
    split = {"split": {"branches": [{"condition": {"customer.x": {"exists": True}}, "next": "done"}], "else": "done"}}
    steps = {"look": wait_step(to="hi"), "hi": {**MAIL, "next": "kind"}, "kind": split}
    return make(steps, id=id)


def test_a6_a_run_that_raises_goes_back_parks_and_disturbs_nothing_else(world: Any, make: Any, wait_step: Any) -> None:
    w = world(*(split_after_mail(wait_step, make, id) for id in ("a", "bad", "c")))
    w.event("go")
    before = {run.journey: run for run in w.customer.core.runs}
    raising(w, "bad", "kind", ValueError("broken"))
    w.event("buy")
    assert sorted(made.journey for made in w.sends()) == ["a", "c"]
    assert {(made.journey, made.outcome) for made in w.decisions("ended")} == {("a", "done"), ("c", "done")}
    assert w.parked == [before["bad"].id]
    assert w.decision("failed").data == {"error": "ValueError: broken"}
    bad = w.run
    assert (bad.status, bad.step, bad.visit, bad.messages) == ("failed", "look", 1, ())
    assert [made.n for made in w.decisions()] == list(range(4, 4 + len(w.decisions())))
    assert len(w.customer.core.slots) == 2


def test_a6_a_parked_run_moves_no_more_and_lets_the_customer_enter_again(world: Any, make: Any, wait_step: Any) -> None:
    always = [{"event": {"name": "go"}, "reentry": "always"}]
    exits = [{"event": {"name": "bye"}, "outcome": "gone"}]
    w = world({**split_after_mail(wait_step, make, "bad"), "entry": always, "exit": exits})
    w.event("go")
    raising(w, "bad", "kind", KeyError("x"))
    w.event("buy")
    assert w.customer.core.wake_at == 0
    assert w.event("buy") == w.event("bye") == []
    assert w.event("go") == ["entered"]
    w.now += 1
    w.control("stopped", id="bad")
    assert w.touch() == ["ended", "ended"]


def test_a6_a_run_that_raises_on_its_way_in_parks_at_its_start(world: Any, make: Any, monkeypatch: Any) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no arm")

    monkeypatch.setitem(kinds.ARRIVE, ExperimentStep, broken)
    w = world(make({"hi": MAIL, "arms": ARMS}))
    assert w.event("go") == ["entered", "failed"]
    assert (w.run.status, w.run.step, w.sends(), w.customer.core.slots) == ("failed", "hi", [], ())


def test_a6_an_entry_that_raises_is_recorded_and_the_next_entry_goes_on(world: Any, make: Any, wait_step: Any) -> None:
    where = {"customer.x": {"less_than": 3}}
    w = world(
        make({"look": wait_step()}, id="a", entry=[{"event": {"name": "go"}, "where": where}]),
        make({"look": wait_step()}, id="b"),
    )
    version = w.catalog.spaces["workspace1"].journeys["a"].versions[1]
    on = msgspec.structs.replace(version.entries[0].on, where=Condition(lambda scope: 1 / 0 > 1, ()))
    broken = msgspec.structs.replace(version, entries=(msgspec.structs.replace(version.entries[0], on=on),))
    w.catalog.spaces["workspace1"].journeys["a"].versions[1] = broken
    assert w.event("go") == ["failed", "entered"]
    assert (w.decision("failed").journey, w.parked) == ("a", ["a"])


def test_r55_a_place_for_a_run_that_failed_while_it_asked_is_given_back(world: Any, make: Any, wait_step: Any) -> None:
    exits = [{"condition": {"customer.x": {"exists": True}}, "outcome": "out"}]
    w = world(make({"look": wait_step()}, max_entries=1, exit=exits))
    w.event("go")
    id, version = w.run.id, w.catalog.spaces["workspace1"].journeys["j"].versions[1]
    rule = msgspec.structs.replace(version.exits[0], condition=Condition(lambda scope: 1 / 0 > 1, ()))
    w.catalog.spaces["workspace1"].journeys["j"].versions[1] = msgspec.structs.replace(version, exits=(rule,))
    w.row(email="ann@example.org", plan="pro")
    assert w.kinds() == ["failed"]
    w.hand(GrantInput(w.cause("laudstream.handoffs"), "j", id, True, 1))
    assert w.effects == [Release("workspace1", "j", id)]
    w.now += 1
    w.control("stopped")
    assert w.touch() == ["not_entered"], "it never entered, so it does not end"


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_a6_memory_errors_and_the_like_are_no_failure_of_a_run(
    world: Any, make: Any, wait_step: Any, error: BaseException
) -> None:
    w = world(split_after_mail(wait_step, make, "bad"))
    w.event("go")
    raising(w, "bad", "kind", error)
    before = w.customer
    with pytest.raises(type(error)):
        w.event("buy")
    assert w.customer is before
