"""Waits: all_of and changes, and waits that cannot be (R28, R29, R53, R60)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.customers.row import Row
from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from tests.journey.conftest import World, journey
from tests.journey.waiting import HOUR, REST, both, waits

# all_of


def test_r28_all_of_needs_each_member_once_in_any_order(world: Any, make: Any) -> None:
    w = world(make({"look": waits(both("a", "b", "c"))}))
    w.event("go")
    assert [w.event("b"), w.event("b"), w.event("a"), w.event("x")] == [[], [], [], []]
    assert w.event("c") == ["moved", "ended"]
    assert (w.decision("moved").branch, w.decision("moved").data) == ("all_of", {"event": "c"})


def test_r28_one_input_may_serve_several_members(world: Any, make: Any) -> None:
    members = [
        {"event": {"name": "buy"}, "where": {"event.total": {"at_least": 10}}},
        {"event": {"name": "buy"}, "where": {"event.gift": {"equals": True}}},
    ]
    w = world(make({"look": waits({"all_of": members})}))
    w.event("go")
    assert w.event("buy", total=20) == []
    assert w.event("buy", total=20, gift=False) == []
    assert w.event("buy", total=2, gift=True) == ["moved", "ended"]
    w = world(make({"look": waits({"all_of": members})}))
    w.event("go")
    assert w.event("buy", total=20, gift=True) == ["moved", "ended"]


def test_r28_progress_of_all_of_ends_with_the_visit(world: Any, make: Any) -> None:
    w = world(make({"look": waits(both("a", "b"), {"event": {"name": "skip"}, "next": "rest"}), "rest": REST}))
    w.event("go")
    w.event("a")
    w.event("skip")
    w.wait(HOUR)
    assert w.at == "look"
    assert w.event("b") == []
    assert w.event("a") == ["moved", "ended"]


@given(st.lists(st.sampled_from("abcx"), max_size=12))
def test_r28_all_of_is_through_with_the_last_new_member(names: list[str]) -> None:
    w = World(journey({"look": waits(both("a", "b", "c"))}))
    w.event("go")
    seen: set[str] = set()
    for name in names:
        through = seen | {name} >= set("abc") and not seen >= set("abc")
        assert bool(w.event(name)) == through
        seen.add(name)


# Changes


def test_r29_changed_is_an_edge_and_the_same_value_is_no_change(world: Any, make: Any) -> None:
    w = world(make({"look": waits({"changed": "customer.plan"})}))
    w.row(plan="free")
    w.event("go")
    assert w.at == "look", "a value that is there already is no change"
    w.row(plan="free", city="Bern")
    assert w.at == "look"
    w.row(plan="pro", city="Bern")
    assert (w.decision("moved").branch, w.decision("moved").data) == (
        "changed",
        {"customer.plan": "pro", "was": "free"},
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1", 1),
        (None, 0),
        ({"a": 1}, {"a": 2}),
        ([1], [1, 2]),
        ("x", None),
        (1, True),
        ([0], [False]),
        ({"a": 1}, {"a": True}),
    ],
)
def test_r29_json_values_change_when_json_says_so(world: Any, make: Any, old: Any, new: Any) -> None:
    w = world(make({"look": waits({"changed": "customer.plan"})}))
    w.row(**({} if old is None else {"plan": old}))
    w.event("go")
    w.row(**({} if new is None else {"plan": new}))
    assert w.kinds() == ["moved", "ended"]


def test_r29_an_identify_changes_too(world: Any, make: Any) -> None:
    w = world(make({"look": waits({"changed": "customer.plan"})}))
    w.event("go")
    assert w.event("", row=Row(1, 50, {"plan": "pro"})) == ["moved", "ended"]


def test_r53_what_another_run_writes_is_a_change_but_not_what_was_written_before_the_run_came(
    world: Any, make: Any
) -> None:
    steps = {"mark": {"update": {"set": {"plan": "pro"}}, "next": "look"}, "look": waits({"changed": "customer.plan"})}
    w = world(make(steps, id="a"), make({"look": waits({"changed": "customer.plan"})}, id="b"))
    w.control("paused", id="a")
    w.event("go")
    w.control("live", id="a")
    w.event("go", id="second")
    assert [(made.journey, made.kind) for made in w.decisions()][-2:] == [("b", "moved"), ("b", "ended")]
    assert [(run.journey, run.step) for run in w.customer.core.runs] == [("a", "look")]


@pytest.mark.parametrize(
    ("wait", "pointer"),
    [
        ({"since": "yesterday"}, "/since"),
        ({"since": "PT0S"}, "/since"),
        ({"collect": True}, "/collect"),
        ({"collect": [1]}, "/collect/0"),
        ({"branches": [both("a")]}, "/branches/0/all_of"),
        ({"branches": [{"all_of": [{"event": {"name": "a"}}, {"event": {}}]}]}, "/branches/0/all_of/1/event/name"),
        ({"branches": [{**both("a", "b"), "where": {}}]}, "/branches/0/where"),
        ({"branches": [{"message": {"is": "liked"}}]}, "/branches/0/message/is"),
        ({"branches": [{"message": {"is": "opened", "link": "x"}}]}, "/branches/0/message/link"),
        ({"branches": [{"message": {"is": "opened", "of": ["look"]}}]}, "/branches/0/message/of/0"),
        ({"branches": [{"message": {"is": "opened", "machine": True}}]}, "/branches/0/message/machine"),
        ({"branches": [{"changed": "plan"}]}, "/branches/0/changed"),
        ({"branches": [{"changed": "customer.id"}]}, "/branches/0/changed"),
        ({"branches": [{"changed": "customer.plan", "count": 2}]}, "/branches/0/count"),
        ({"branches": [{"changed": "customer.plan", "event": {"name": "a"}}]}, "/branches/0"),
    ],
)  # fmt: skip
def test_r60_a_wrong_wait_is_refused_with_its_place(make: Any, wait: dict[str, Any], pointer: str) -> None:
    body = {"branches": [{"event": {"name": "buy"}}], **wait}
    body["branches"] = [{"next": "done", **branch} for branch in body["branches"]]
    with pytest.raises(Invalid) as refused:
        parse(make({"look": {"wait": body}}))
    assert "/steps/look/wait" + pointer in [problem.pointer for problem in refused.value.problems]
    assert all(problem.fix for problem in refused.value.problems)
