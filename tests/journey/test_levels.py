"""Conditions in waits, splits, exits and entries: levels, and time in them (R6, R27, R29, R35, R48, R49)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import force_setattr

from laudstream.conditions import read
from laudstream.customers.event import Event
from laudstream.errors import Invalid
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import empty
from laudstream.journey.control import Control
from laudstream.journey.definition import parse
from laudstream.journey.inputs import EventInput, Moment, TimerInput
from laudstream.journey.preview import evaluate, matching
from laudstream.journey.reader import Reader
from tests.journey.conftest import World, journey

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BOUGHT_TWICE = {"event": {"name": "buy", "at_least": 2, "within": "P7D"}}


def until(condition: Any, after: str = "P30D") -> dict[str, Any]:
    timeout = {"after": after, "next": "late"}
    return {"wait": {"branches": [{"condition": condition, "next": "done"}], "timeout": timeout}}


def test_r29_a_wait_for_a_count_ends_with_the_event_that_completes_it(world: Any, make: Any) -> None:
    w = world(make({"look": until(BOUGHT_TWICE)}))
    w.event("go")
    assert w.event("buy") == []
    assert w.event("buy") == ["moved", "ended"]
    assert w.decisions("moved")[0].data == {"event:buy": {"count": 2, "last": w.now}}


def test_r29_what_is_true_on_arrival_passes(world: Any, make: Any) -> None:
    w = world(make({"look": until(BOUGHT_TWICE)}))
    w.event("buy")
    w.event("buy")
    assert w.event("go") == ["entered", "moved", "ended"]


def test_r29_time_alone_ends_a_wait_when_its_condition_becomes_true(world: Any, make: Any) -> None:
    w = world(make({"look": until({"none": [{"event": {"name": "buy", "within": "P3D"}}]})}))
    w.event("buy")
    w.event("go")
    assert (w.at, w.customer.core.wake_at) == ("look", w.now + 3 * DAY)
    w.wait(DAY)
    w.event("buy")
    assert w.wait(3 * DAY - 1) == []
    assert [made.kind for made in w.wait(1)] == ["moved", "ended"]


def test_r27_a_condition_that_becomes_true_with_the_timeout_beats_it(world: Any, make: Any) -> None:
    w = world(make({"look": until({"customer.due": {"before": "now"}}, "P1D")}))
    w.row(due="2026-01-06T09:00Z")
    w.event("go")
    (_, ended) = w.wait(DAY)
    assert (ended.outcome, ended.at) == ("done", w.now)


def test_a_timeout_that_comes_first_ends_the_wait(world: Any, make: Any) -> None:
    w = world(make({"look": until({"customer.due": {"before": "now"}}, "P1D")}))
    w.row(due="2026-01-06T09:00:00.001Z")
    w.event("go")
    assert w.wait(2 * DAY)[-1].outcome == "late"
    assert w.customer.core.wake_at == 0


def test_r6_time_alone_ends_a_run_by_an_exit_also_in_a_delay_and_in_a_pause(world: Any, make: Any) -> None:
    exits = [{"condition": {"customer.due": {"before": "now"}}, "outcome": "over"}]
    w = world(make({"rest": {"delay": {"for": "P9D"}, "next": "done"}}, exit=exits))
    w.row(due="2026-01-07T09:00Z")
    w.event("go")
    w.control("paused")
    assert w.wait(2 * DAY - 1) == []
    (ended,) = w.wait(1)
    assert (ended.kind, ended.outcome) == ("ended", "over")


def test_r49_a_condition_met_by_time_in_a_pause_is_kept_for_the_resume(world: Any, make: Any) -> None:
    w = world(make({"look": until({"customer.due": {"before": "now"}}, "P1D")}))
    w.row(due="2026-01-05T10:00Z")
    w.event("go")
    w.control("paused")
    assert w.wait(2 * DAY) == []
    w.control("live")
    assert w.touch() == ["moved", "ended"]
    assert w.decision("ended").outcome == "done"


def test_r31_a_condition_by_time_is_computed_again_when_its_value_changes(world: Any, make: Any) -> None:
    w = world(make({"look": until({"customer.due": {"before": "now"}})}))
    w.row(due="2026-01-06T09:00Z")
    w.event("go")
    w.row(due="2026-01-08T09:00Z")
    assert w.wait(3 * DAY - 1) == []
    assert len(w.wait(1)) == 2


def test_r29_consent_and_segments_are_levels_too(world: Any, make: Any) -> None:
    w = world(make({"look": until({"consent": {"channel": "email", "is": "unsubscribed"}})}))
    w.event("go")
    w.consent("unsubscribed")
    assert w.kinds() == ["moved", "ended"]
    w = world()
    w.publish({"id": "s", "condition": {"customer.plan": {"equals": "gold"}}}, kind="segment")
    w.publish(make({"look": until({"segment": "s"})}))
    w.event("go")
    w.row(plan="gold")
    assert w.kinds() == ["segment", "moved", "ended"]


def test_r48_a_decision_says_the_version_of_the_segment_that_was_looked_at(world: Any, make: Any) -> None:
    way = {"split": {"branches": [{"condition": {"segment": "s"}, "next": "done"}], "else": "late"}}
    w = world(make({"kind": way}))
    for version in (1, 2):
        condition = {"customer.plan": {"equals": "gold"}}
        w.publish({"id": "s", "condition": condition}, kind="segment", version=version)
    w.touch()
    w.event("go")
    assert w.decision("moved").data == {"segment:s": {"member": False, "version": 2}}


def test_r24_a_keyed_question_asks_for_the_runs_own_cart(world: Any, make: Any) -> None:
    asked = {"event": {"name": "item", "keyed": {"by": "cart", "value": "entry.cart"}, "at_least": 2}}
    w = world(make({"look": until(asked)}))
    w.event("go", cart=7)
    w.event("item", cart=8)
    assert w.event("item", cart=8) == []
    w.event("item", cart=7)
    assert w.event("item", cart="7") == ["moved", "ended"]


def test_a_random_bucket_holds_its_share_and_always_the_same_customers(world: Any) -> None:
    def share_of(low: int, high: int, salt: str = "a") -> set[str]:
        condition = read(Reader(), {"bucket": {"salt": salt, "from": low, "to": high}}, "", ("customer",))
        everyone = [empty("workspace1", f"c{n}") for n in range(2_000)]
        space = Catalog().spaces.get("x") or world(row=False).catalog.spaces["workspace1"]
        return {customer.id for customer, _ in matching(everyone, condition, 0, space)}

    assert 140 < len(share_of(0, 10)) < 260
    assert share_of(0, 10) | share_of(10, 100) == share_of(0, 100)
    assert not share_of(0, 10) & share_of(10, 20)
    assert share_of(0, 10) != share_of(0, 10, "b")


def test_r35_an_entry_by_a_segment_meets_its_condition_or_says_why_not(world: Any, make: Any, wait_step: Any) -> None:
    entry = [{"segment": {"id": "s"}, "where": {"customer.age": {"at_least": 18}, "entry.segment": {"equals": "s"}}}]
    w = world(make({"look": wait_step()}, entry=entry))
    w.publish({"id": "s", "condition": {"customer.plan": {"equals": "gold"}}}, kind="segment")
    w.touch()
    w.row(plan="gold", age=17)
    refused = w.decision("not_entered")
    assert (refused.reason, refused.data) == ("condition", {"customer.age": 17, "entry.segment": "s"})


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"entry": [{"segment": "s"}]}, "/entry/0/segment"),
        ({"entry": [{"segment": {"id": "s", "on": "change"}}]}, "/entry/0/segment/on"),
        ({"entry": [{"segment": {"id": "s@two"}}]}, "/entry/0/segment/id"),
        ({"entry": [{"segment": {"id": "t"}}]}, "/entry/0/segment/id"),
        ({"entry": [{"segment": {"id": "s", "of": 1}}]}, "/entry/0/segment/of"),
        ({"exit": [{"leaves": "s", "outcome": "x"}]}, "/exit/0/leaves"),
        (
            {"entry": [{"segment": {"id": "s", "on": "leave"}}], "exit": [{"leaves": "s", "outcome": "x"}]},
            "/exit/0/leaves",
        ),
        ({"exit": [{"leaves": "s", "event": {"name": "x"}, "outcome": "x"}]}, "/exit/0"),
        ({"exit": [{"condition": {"segment": "t"}, "outcome": "x"}]}, "/exit/0/condition/segment"),
        (
            {"exit": [{"condition": {"event": {"name": "x", "at_least": 2, "within": "P1Y"}}, "outcome": "x"}]},
            "/exit/0/condition/event/within",
        ),
    ],
)  # fmt: skip
def test_r60_what_is_wrong_with_segments_in_a_journey(make: Any, fields: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(make({"rest": {"delay": {"for": "P1D"}, "next": "done"}}, **fields), segments={"s"})
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert caught.value.problems[0].fix


def test_a6_a_run_whose_next_change_cannot_be_told_parks_and_disturbs_nobody(world: Any, make: Any) -> None:
    w = world(*(make({"look": until({"customer.due": {"before": "now"}})}, id=id) for id in ("bad", "good")))
    (branch,) = w.catalog.spaces["workspace1"].journeys["bad"].versions[1].steps["look"].branches

    def broken(scope: object) -> int:
        raise ValueError("broken")

    force_setattr(branch.condition, "timers", (broken,))
    w.row(due="2026-01-06T09:00Z")
    w.event("go")
    assert w.decision("failed").journey == "bad"
    assert {(run.journey, run.status, bool(run.look_at)) for run in w.customer.core.runs} == {
        ("bad", "failed", False), ("good", "active", True),
    }  # fmt: skip


_forms = st.sampled_from(
    [
        {"customer.due": {"before": "now"}}, {"customer.due": {"within_next": "PT30H"}},
        {"customer.due": {"on": "today"}},
        {"customer.due": {"within_last": "P1D"}}, {"customer.due": {"anniversary": {"ahead": "P1D"}}},
        {"event": {"name": "buy", "within": "P1D"}}, {"event": {"name": "buy", "at_most": 1, "within": "PT20H"}},
        {"event": {"name": "buy", "last": {"event.n": {"equals": 1}}, "within": "P2D"}},
    ]
)  # fmt: skip
_trees = st.recursive(
    _forms,
    lambda inner: st.builds(
        lambda node, items: {node: items},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)  # fmt: skip


@given(_trees, st.integers(0, 6 * 24), st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2)), max_size=4))
def test_r29_a_wait_ends_at_the_first_instant_at_which_its_condition_holds(
    condition: Any, due: int, buys: list[tuple[int, int]]
) -> None:
    w = World(journey({"look": until(condition)}))
    w.row(due=(datetime(2026, 1, 4, 12) + timedelta(hours=due)).isoformat()[:16], timezone="Europe/Berlin")
    w.event("buy", n=1)
    w.event("go")
    branch = w.catalog.spaces["workspace1"].journeys["j"].versions[1].steps["look"].branches[0]  # type: ignore[union-attr]

    space = w.catalog.spaces["workspace1"]

    def holds(now: int) -> bool:
        return evaluate(w.customer, branch.condition, now, space).holds

    def watched(end: int) -> bool:
        """Passes time; whether the run is still there. It is as long as nothing holds, and no longer."""
        customer, start = w.customer, w.now
        w.wait(end - start)
        ended = [made for made in w.effects if made.kind == "ended"]
        last = ended[0].at if ended else end + 1
        for now in (*range(start, last, 20 * MINUTE), last - 1):
            assert not evaluate(customer, branch.condition, now, space).holds
        if ended:
            assert ended[0].outcome == "done"
            assert evaluate(customer, branch.condition, last, space).holds
        return not ended

    if not w.at:
        assert holds(w.now)
        return
    for hours, n in buys:
        if not watched(w.now + hours * HOUR):
            return
        w.event("buy", n=n)
        if not w.at:
            assert holds(w.now)
            return
    watched(w.now + 8 * DAY)


# One evaluator for one and for many

CONDITIONS = [
    {"event": {"name": "buy", "at_least": 2, "within": "P2D"}},
    {"none": [{"event": {"name": "look", "within": "P1D"}}]},
    {"event": {"name": "buy", "last": {"event.n": {"equals": 1}}}},
    {"event": {"name": "buy", "keyed": "n", "exactly": 2}},
    {"all": [{"segment": "s0"}, {"none": [{"segment": "s2"}]}]},
    {"any": [{"segment": {"in": "s1", "held_for": "P1D"}}, {"bucket": {"salt": "x", "from": 0, "to": 50}}]},
    {"run": {"journey": "j", "is": "active"}},
    {"run": {"journey": "j", "was": "completed", "at_least": 2, "within": "P3D"}},
]


def workspace() -> Catalog:
    timeout = {"after": "PT30H", "next": "done"}
    steps = {
        "look": {"wait": {"branches": [{"event": {"name": "look"}, "next": "done"}], "timeout": timeout}},
        "done": {"exit": {"outcome": "done"}},
    }
    body = {"id": "j", "entry": [{"event": {"name": "buy"}, "reentry": "always"}], "start": "look", "steps": steps}
    bodies = {("segment", f"s{n}"): {"id": f"s{n}", "condition": each} for n, each in enumerate(CONDITIONS)}
    bodies["journey", "j"] = body
    made = Catalog()
    for seq, (kind, id) in enumerate(bodies, 1):
        made = made.apply(
            Control(seq, "workspace1", kind, id, 1, "live"), 0, lambda workspace, kind, id, version: bodies[kind, id]
        )
    return made


RULES = workspace()
pauses = st.integers(0, 2 * DAY)
acts = st.tuples(pauses, st.sampled_from(["buy", "look"]), st.integers(0, 2), st.integers(0, 3 * DAY))


@given(st.lists(acts, max_size=10), pauses)
def test_what_is_kept_is_what_the_evaluator_says_at_every_instant(done: list[Any], rest: int) -> None:
    """Membership that inputs and timers brought about is, at any time, what the condition gives when asked."""
    customer, now = empty("workspace1", "ann"), 1_774_000_000_000
    space = RULES.spaces["workspace1"]

    def pass_to(at: int) -> None:
        nonlocal customer, now
        while 0 < customer.core.wake_at <= at:
            now = customer.core.wake_at
            before = customer
            customer = advance(customer, TimerInput(now), Moment(now, now), RULES).customer
            assert customer is not before
            check()
        now = at

    def check() -> None:
        for id, placed in space.watch.segments.items():
            condition = placed.live.segment.condition
            assert condition is not None
            answer = evaluate(customer, condition, now, space)
            assert answer.holds is (id in customer.core.segments), id
            assert [each for each, _ in matching([customer], condition, now, space)] == [customer] * answer.holds

    for number, (pause, name, n, ago) in enumerate(done):
        pass_to(now + pause)
        event = Event(f"m{number}", "track", name, {"n": n}, now - ago, now)
        input = EventInput(("laudstream.events", 0, number), event)
        customer = advance(customer, input, Moment(now, now), RULES).customer
        check()
    pass_to(now + rest)
    if customer.core.writes:
        check()


def test_a_catalogue_read_anew_watches_the_same() -> None:
    bodies = {("segment", f"s{n}"): {"id": f"s{n}", "condition": each} for n, each in enumerate(CONDITIONS)}
    bodies["workspace", "w"] = {"time_zone": "Europe/Berlin"}
    made = Catalog()
    for seq, (kind, id) in enumerate([*bodies, ("segment", "s0")], 1):
        record = Control(seq, "workspace1", kind, id, 1, "deleted" if seq > len(bodies) else "live")
        made = made.apply(record, seq, lambda workspace, kind, id, version: bodies[kind, id])
    again = Catalog.load(made.entries(), lambda workspace, kind, id, version: bodies[kind, id])
    one, other = made.spaces["workspace1"], again.spaces["workspace1"]
    assert (
        (one.judged, one.zone_seq, one.segments_seq)
        == (other.judged, other.zone_seq, other.segments_seq)
        == (10, 9, 10)
    )
    assert list(one.watch.segments) == list(other.watch.segments)
    assert one.watch.since == other.watch.since
    assert one.counted.keys() == other.counted.keys()
