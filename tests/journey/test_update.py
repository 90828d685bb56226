"""The step `update` (R53, A19, R21, R24, R29, R51)."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.customers.row import Consent, Member, Row
from laudstream.errors import Invalid
from laudstream.journey.customer import Core, Pending
from laudstream.journey.definition import parse
from laudstream.journey.inputs import RowInput
from laudstream.journey.write import Write
from laudstream.journey.writing import add, over
from tests.journey.conftest import World, journey


def update(to: str = "look", **parts: Any) -> dict[str, Any]:
    return {"update": parts, "next": to}


def writes(w: Any) -> list[tuple[str, dict[str, Any], list[str]]]:
    return [(made.op, made.attributes, made.names) for made in w.effects if isinstance(made, Write)]


def asks(path: str, value: Any, then: str = "done", otherwise: str = "late") -> dict[str, Any]:
    return {"split": {"branches": [{"condition": {path: {"equals": value}}, "next": then}], "else": otherwise}}


def test_r53_what_an_update_writes_is_seen_by_the_same_run_at_once(world: Any, make: Any) -> None:
    w = world(make({"mark": update("ask", set={"plan": "pro"}), "ask": asks("customer.plan", "pro")}))
    w.event("go")
    assert w.decision("ended").outcome == "done"
    assert w.customer.attributes == {"email": "ann@example.org", "plan": "pro"}
    assert writes(w) == [("set", {"plan": "pro"}, [])]


def test_r53_values_may_be_read_from_the_entry_and_the_row(world: Any, make: Any, wait_step: Any) -> None:
    values = {
        "total": {"from": "entry.total"},
        "was": {"from": "customer.plan"},
        "plan": "pro",
        "gone": {"from": "entry.x"},
    }
    w = world(make({"mark": update(set=values, increment={"spent": {"from": "entry.total"}}), "look": wait_step()}))
    w.row(plan="free", gone=1, spent=2.5)
    w.event("go", total=7)
    assert writes(w) == [
        ("set", {"plan": "pro", "total": 7, "was": "free"}, []),
        ("unset", {}, ["gone"]),  # a missing value is null
        ("increment", {"spent": 7}, []),
    ]
    assert w.customer.attributes == {"total": 7, "was": "free", "plan": "pro", "spent": 9.5}


def test_r24_incrementing_a_missing_value_counts_from_0(world: Any, make: Any, wait_step: Any) -> None:
    parts = {"orders": 1, "score": -2.5, "word": 3, "nothing": {"from": "entry.missing"}}
    w = world(make({"mark": update(increment=parts), "look": wait_step()}))
    w.row(word="seven", orders=4)
    w.event("go")
    assert w.customer.attributes == {"word": 3, "orders": 5, "score": -2.5}


def test_r53_its_echo_changes_nothing(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"mark": update(set={"plan": "pro"}, increment={"n": 1}), "look": wait_step()}))
    w.event("go")
    seen = w.customer.attributes
    w.hand(RowInput(w.cause(), Row(1, 90, {"email": "ann@example.org", "plan": "pro"}, w.now, writes=1)))
    assert w.customer.attributes is seen, "the increment is still on its way"
    assert [write.number for write in w.customer.core.pending] == [2]
    w.hand(RowInput(w.cause(), Row(1, 91, {"email": "ann@example.org", "plan": "pro", "n": 1}, w.now, writes=2)))
    assert (w.customer.attributes, w.customer.core.pending, w.effects) == (seen, (), [])
    assert w.customer.attributes is seen


def test_a19_what_others_write_meanwhile_is_seen_below_what_is_pending(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"mark": update(set={"plan": "pro"}, unset=["email"], increment={"n": 1}), "look": wait_step()}))
    w.event("go")
    w.hand(
        RowInput(w.cause(), Row(1, 90, {"email": "new@example.org", "plan": "free", "n": 10, "city": "Bern"}, w.now))
    )
    assert w.customer.attributes == {"plan": "pro", "n": 11, "city": "Bern"}


def test_r29_what_is_so_already_is_not_written_again(world: Any, make: Any, wait_step: Any) -> None:
    parts = {"set": {"plan": "pro"}, "unset": ["missing"], "increment": {"n": 0}, "remove_from": ["vip"]}
    w = world(make({"mark": update(**parts), "look": wait_step()}))
    w.row(plan="pro")
    assert w.event("go") == ["entered", "moved"]


def test_r29_true_is_written_over_1(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"mark": update(set={"vip": True, "some": [False]}), "look": wait_step()}))
    w.row(vip=1, some=[0])
    w.event("go")
    assert [made.attributes for made in w.effects if isinstance(made, Write)] == [{"vip": True, "some": [False]}]


def test_r53_writes_are_numbered_behind_the_first_sight(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"mark": update(set={"plan": "pro"}, unset=["x"]), "look": wait_step()}), row=False)
    w.event("go")
    numbers = [(made.op, made.number, made.born) for made in w.effects if isinstance(made, Write)]
    assert numbers == [("first_sight", 1, 0), ("set", 2, 0)]


def test_r21_exits_and_other_runs_are_told_at_the_end_of_the_input(world: Any, make: Any) -> None:
    holds = {"condition": {"customer.plan": {"equals": "pro"}}, "next": "done"}
    waits = make({"look": {"wait": {"branches": [holds]}}}, id="waits")
    exits = [{"condition": {"customer.plan": {"equals": "pro"}}, "outcome": "has-it"}]
    rests = make({"rest": {"delay": {"for": "P9D"}, "next": "done"}}, id="rests", exit=exits)
    steps = {"mark": update("rest", set={"plan": "pro"}), "rest": {"delay": {"for": "P1D"}, "next": "done"}}
    w = world(waits, rests, make(steps, id="writes", entry=[{"event": {"name": "upgrade"}}]))
    w.event("go")
    w.event("upgrade")
    told = [(made.journey, made.kind, made.outcome) for made in w.decisions()]
    assert told == [
        ("writes", "entered", ""), ("writes", "moved", ""), ("rests", "ended", "has-it"), ("waits", "moved", ""),
        ("waits", "ended", "done"),
    ]  # fmt: skip
    assert w.at == "rest"


def test_r51_runs_that_push_each_other_round_end_with_loop(world: Any, make: Any) -> None:
    def turns(id: str, seen: str, makes: str) -> dict[str, Any]:
        holds = {"condition": {"customer.turn": {"equals": seen}}, "next": "mark"}
        return make({"look": {"wait": {"branches": [holds]}}, "mark": update("look", set={"turn": makes})}, id=id)

    w = world(turns("a", "mine", "yours"), turns("b", "yours", "mine"))
    w.event("go")
    w.row(turn="mine")
    assert {made.reason for made in w.decisions("ended")} == {"loop"}


@pytest.mark.parametrize("failing", ["a", "z"])
def test_a6_what_a_failing_run_wrote_is_taken_back_whether_it_goes_first_or_last(
    world: Any, make: Any, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("broken")

    from laudstream.journey.kinds import ARRIVE
    from laudstream.journey.kinds.delay import DelayStep

    monkeypatch.setitem(ARRIVE, DelayStep, fails)
    bad = make({"mark": update("rest", set={"a": 1}), "rest": {"delay": {"for": "P1D"}, "next": "done"}}, id=failing)
    good = make({"mark": update("look", set={"b": 1}, subscribe=[{"channel": "sms"}]), "look": {"wait": {"branches": [
        {"event": {"name": "buy"}, "next": "done"}]}}}, id="b")  # fmt: skip
    early = make({"mark": update("done", set={"c": 1})}, id="c", entry=[{"event": {"name": "early"}}])
    w = world(bad, good, early)
    w.event("early")
    w.event("go")
    assert len(w.parked) == 1
    assert {made.journey for made in w.decisions("entered")} == {failing, "b"}, "nothing of another run is lost"
    made = [(write.number, write.op, write.attributes) for write in w.effects if isinstance(write, Write)]
    assert made == [(2, "set", {"b": 1}), (3, "consent", {"sms/": "subscribed"})]
    assert w.customer.attributes == {"email": "ann@example.org", "b": 1, "c": 1}
    assert [pending.number for pending in w.customer.core.pending] == [1, 2, 3]


def test_a7_attributes_stay_within_64_kb(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"mark": update(set={"text": {"from": "entry.text"}}), "look": wait_step()}))
    w.row(big="x" * 40_000)
    w.event("go", text="y" * 26_000)
    assert w.decision("limit").data == {"which": "attributes"}
    assert (writes(w), w.at) == ([], "look")


@pytest.mark.parametrize("many", [[1] * 6_000, [1e308] * 900, [[]] * 9_000], ids=["row", "text", "lists"])
@pytest.mark.parametrize("part", ["set", "increment"])
def test_a7_attributes_stay_within_what_a_row_can_hold(
    world: Any, make: Any, wait_step: Any, many: list[Any], part: str
) -> None:
    """Far below 64 KB as JSON: PostgreSQL would refuse it."""
    changes: dict[str, Any] = {"set": {"many": {"from": "entry.many"}}} if part == "set" else {"increment": {"n": 1}}
    w = world(make({"mark": update(**changes, subscribe=[{"channel": "sms"}]), "look": wait_step()}))
    if part == "increment":
        w.row(many=many)
    before = w.customer.attributes
    w.event("go", many=many)
    said = w.decision("limit")
    assert (said.step, said.reason, said.data) == ("mark", "limit", {"which": "attributes"})
    assert [op for op, _, _ in writes(w)] == ["consent"], "the rest is written, and the run goes on"
    assert (w.customer.attributes, w.at) == (before, "look")


def test_r12_an_update_subscribes_and_unsubscribes(world: Any, make: Any) -> None:
    off = update("hi", unsubscribe=[{"channel": "email"}], subscribe=[{"channel": "sms", "subscription": "news"}])
    w = world(make({"off": off, "hi": {"message": {"channel": "email", "template": "mail"}, "next": "done"}}))
    w.event("go")
    assert w.decision("message").reason == "unsubscribed"
    assert writes(w) == [("consent", {"email/": "unsubscribed", "sms/news": "subscribed"}, [])]
    w.hand(RowInput(w.cause(), Consent("email", "", "subscribed", 5)))
    assert w.customer.core.consents["email/"] == ("unsubscribed", 5), "the write lies on top until it comes back"
    w.hand(RowInput(w.cause(), Consent("email", "", "unsubscribed", 8)))
    w.row(revision=9)
    w.hand(RowInput(w.cause(), Row(1, 10, {}, w.now, writes=1)))
    w.hand(RowInput(w.cause(), Consent("email", "", "subscribed", 11)))
    assert w.customer.core.consents["email/"] == ("subscribed", 11)


def test_an_update_adds_to_and_removes_from_manual_segments(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"mark": update(add_to=["vip"], remove_from=["leads"]), "look": wait_step()}))
    w.hand(RowInput(w.cause(), Member("leads", True, 3)))
    w.event("go")
    assert writes(w) == [("member", {"vip": True, "leads": False}, [])]
    assert w.customer.core.members == {"leads": (False, 3), "vip": (True, 0)}
    w.hand(RowInput(w.cause(), Member("leads", True, 4)))
    assert w.customer.core.members["leads"] == (False, 4)


def test_r15_a_deletion_forgets_what_was_pending(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"mark": update(set={"plan": "pro"}, add_to=["vip"]), "look": wait_step()}))
    w.event("go")
    w.row(deleted=True)
    core: Core = w.customer.core
    assert (core.pending, core.members, w.customer.attributes) == ((), {}, {})


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({}, ""),
        ({"set": {"id": 1}}, "/set/id"),
        ({"set": {"a.b": 1}}, "/set/a.b"),
        ({"set": {"a": {"from": "event.x"}}}, "/set/a/from"),
        ({"set": {"a": {"from": "entry.x", "or": 1}}}, "/set/a/or"),
        ({"set": {"a": 1}, "unset": ["a"]}, "/unset/0"),
        ({"increment": {"a": "many"}}, "/increment/a"),
        ({"increment": {"a": True}}, "/increment/a"),
        ({"subscribe": [{"channel": "pigeon"}]}, "/subscribe/0/channel"),
        ({"subscribe": [{"channel": "email"}], "unsubscribe": [{"channel": "email"}]}, "/subscribe"),
        ({"add_to": ["a"], "remove_from": ["a"]}, "/remove_from"),
        ({"add_to": "a"}, "/add_to"),
        ({"delete": True}, "/delete"),
    ],
)
def test_r60_a_wrong_update_is_refused_with_its_place(make: Any, parts: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make({"mark": update("done", **parts)}))
    assert [problem.pointer for problem in refused.value.problems] == ["/steps/mark/update" + pointer]
    assert refused.value.problems[0].fix


numbers = st.one_of(st.integers(-(2**53), 2**53), st.decimals(-10_000, 10_000, places=4).map(float))


@given(st.lists(numbers, max_size=8), st.one_of(numbers, st.none(), st.text()))
def test_r53_a_sum_is_what_decimal_digits_give(amounts: list[float], begin: Any) -> None:
    base = Decimal(repr(begin)) if isinstance(begin, int | float) else Decimal(0)
    value = begin
    for amount in amounts:
        value = add(value, amount)
    largest = sum(abs(Decimal(repr(amount))) for amount in amounts) + abs(base)
    if amounts:  # what is on the way may be as far off as a float of that size is
        total = float(base + sum(Decimal(repr(amount)) for amount in amounts))
        assert float(value) == pytest.approx(total, rel=1e-12, abs=float(largest) * 1e-15)
    assert add(0.1, 0.2) == 0.3


def test_r53_a_sum_beyond_all_floats_is_the_last_of_them(world: Any, make: Any, wait_step: Any) -> None:
    """As the row says it when it comes back: JSON has no infinity, and the projector could not add one."""
    most = sys.float_info.max
    steps = {"mark": update("again", increment={"n": most, "less": -most}),
             "again": update(increment={"m": {"from": "customer.n"}}), "look": wait_step()}  # fmt: skip
    w = world(make(steps))
    w.row(n=most, less=-most)
    w.event("go")
    assert w.customer.attributes == {"n": most, "less": -most, "m": most}
    assert [values for _, values, _ in writes(w)] == [{"n": most, "less": -most}, {"m": most}]
    assert [add(10**400, 1), add(-(10**400), 0.5)] == [most, -most]


@given(
    st.lists(st.tuples(st.sampled_from(["set", "unset", "increment"]), st.sampled_from("abc"), numbers), max_size=8),
    st.lists(st.integers(0, 8), max_size=8),
)
def test_a19_echoes_change_nothing_whenever_they_come(made: list[tuple[str, str, float]], echoes: list[int]) -> None:
    """The projector is up to `echo` writes on its way back at any time; the lane sees all its writes all the time."""
    steps = {f"s{at}": update(f"s{at + 1}", **{op: [name] if op == "unset" else {name: value}})
             for at, (op, name, value) in enumerate(made)}  # fmt: skip
    w = World(journey({**steps, f"s{len(made)}": {"delay": {"for": "P9D"}, "next": "done"}}, start="s0"))
    w.row(revision=2, a=1, b="x")
    w.event("go")
    writes = [effect for effect in w.effects if isinstance(effect, Write)]
    seen, row, done = w.customer.attributes, {"a": 1, "b": "x"}, 0
    for revision, upto in enumerate([*sorted(echoes), len(writes)]):
        for write in writes[done:upto]:
            row = over(row, Pending(write.number, write.op, write.attributes, tuple(write.names)))
        done = max(done, min(upto, len(writes)))
        w.hand(RowInput(w.cause(), Row(1, 10 + revision, row, w.now, writes=done)))
        assert w.customer.attributes == seen
    assert w.customer.core.pending == ()
