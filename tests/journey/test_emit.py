"""The step `emit`, and entries by `api` (R52, R24, R6, R19)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.customers.event import Event
from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from laudstream.journey.handoff import Emitted
from laudstream.journey.inputs import EventInput

API = [{"api": {}, "reentry": "always"}]


def emits(**emit: Any) -> dict[str, Any]:
    return {"say": {"emit": emit, "next": "done"}}


def emitted(w: Any) -> list[Emitted]:
    return [effect for effect in w.effects if isinstance(effect, Emitted)]


def take(w: Any, handoff: Emitted) -> list[str]:
    """The lane of that customer gets it."""
    w.hand(EventInput(w.cause("laudstream.handoffs"), handoff.event, handoff.life))
    return list(w.kinds())


def test_r52_an_emitted_event_is_an_input_like_any_other(world: Any, make: Any, wait_step: Any) -> None:
    look = make({"look": wait_step("vip")}, id="look")
    w = world(look, make(emits(event="vip", properties={"level": 3, "total": {"from": "entry.total"}}), id="say"))
    w.event("go", total=40)
    (one,) = emitted(w)
    assert (one.customer, one.event.type, one.event.name) == ("ann", "track", "vip")
    assert (one.event.properties, one.event.depth, one.event.timestamp) == ({"level": 3, "total": 40}, 1, w.now)
    assert w.decision("ended").journey == "say"
    assert take(w, one) == ["moved", "ended"]
    assert take(w, one) == [], "its messageId is remembered"


def test_r52_the_message_id_is_the_same_for_the_same_visit_and_another_for_the_next(world: Any, make: Any) -> None:
    steps = {"say": {"emit": {"event": "tick"}, "next": "rest"}, "rest": {"delay": {"for": "PT1M"}, "next": "say"}}
    ids = []
    for _ in range(2):
        w = world(make(steps))
        w.event("go")
        ids.append(
            [
                *(one.event.id for one in emitted(w)),
                *(one.event.id for one in [*w.wait(60_000)] if type(one) is Emitted),
            ]
        )
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_r52_depth_9_is_refused(world: Any, make: Any) -> None:
    w = world(make(emits(event="go"), entry=[{"event": {"name": "go"}, "reentry": "always"}]))
    w.event("go")
    depths = []
    while made := emitted(w):
        depths.append(made[0].event.depth)
        take(w, made[0])
    assert depths == list(range(1, 9))
    assert w.decision("moved").data == {"track": "go", "reason": "too_deep"}
    assert w.decision("ended").outcome == "done", "the run goes on"


@pytest.mark.parametrize(("value", "to"), [("bob", "bob"), (17, "17")])
def test_r52_to_names_another_customer(world: Any, make: Any, value: Any, to: str) -> None:
    w = world(make(emits(event="thanks", to="entry.friend")))
    w.event("go", friend=value)
    (one,) = emitted(w)
    assert one.customer == to
    assert w.decision("moved").data == {"track": "thanks", "to": to}


@pytest.mark.parametrize("friend", [None, "", "x" * 201, "a\nb", True, 1.5, ["bob"]])
def test_r52_a_value_that_names_nobody_is_recorded_and_the_run_goes_on(world: Any, make: Any, friend: Any) -> None:
    w = world(make(emits(event="thanks", to="entry.friend")))
    w.event("go", friend=friend)
    assert emitted(w) == []
    assert w.decision("moved").data["reason"] == "nobody"
    assert w.decision("ended").outcome == "done"


def test_a7_an_event_over_32_kb_is_not_emitted(world: Any, make: Any) -> None:
    twice = {"a": {"from": "entry.text"}, "b": {"from": "entry.text"}}
    w = world(make(emits(event="big", properties=twice)))
    w.event("go", text="x" * 20_000)
    assert (emitted(w), w.decision("moved").data["reason"]) == ([], "too_large")


def test_r52_emit_enters_another_journey_by_its_api_entry(world: Any, make: Any, wait_step: Any) -> None:
    other = make({"look": wait_step()}, id="other", entry=[{**API[0], "where": {"entry.level": {"at_least": 2}}}])
    w = world(other, make(emits(enter="other", properties={"level": {"from": "entry.level"}}), id="say",
                          entry=[{"event": {"name": "go"}, "reentry": "always"}]))  # fmt: skip
    w.event("go", level=1)
    assert take(w, emitted(w)[0]) == ["not_entered"]
    assert w.decision("not_entered").reason == "condition"
    w.event("go", level=2)
    take(w, emitted(w)[0])
    assert w.decision("entered").data == {"api": True}
    assert (w.run.journey, w.run.entry.properties, w.at) == ("other", {"level": 2}, "look")


def test_an_event_of_the_journeys_name_is_no_call_and_a_call_is_no_event(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step("other")}, id="j"), make({"look": wait_step()}, id="other", entry=API))
    w.event("go")
    assert w.event("other") == ["moved", "ended"]
    assert w.customer.core.runs == ()
    w.event("go", id="again")
    call = EventInput(w.cause(), Event("call-1", "enter", "j", {}, w.now, w.now))
    w.hand(call)
    assert w.effects == [], "that journey has no entry by api"


def test_r24_a_call_may_carry_a_key(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[{"api": {"key": "order"}, "reentry": "always"}]))
    for order in (1, 2, None):
        properties = {} if order is None else {"order": order}
        w.hand(EventInput(w.cause(), Event(f"call-{order}", "enter", "j", properties, w.now, w.now)))
    assert w.decision("not_entered").reason == "key_missing"
    assert [run.key for run in sorted(w.customer.core.runs, key=lambda run: run.key)] == ["1", "2"]
    w.event("buy", order=2)
    assert w.decision("ended").outcome == "done"
    assert w.run.key == "1"


def test_r49_a_paused_journey_takes_no_calls(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=API))
    w.control("paused")
    w.hand(EventInput(w.cause(), Event("call-1", "enter", "j", {}, w.now, w.now)))
    assert w.decision("not_entered").reason == "paused"


@pytest.mark.parametrize(("emit", "outcome"), [({}, "left"), ({"outcome": "moved-on"}, "moved-on")])
def test_r52_emit_lets_the_runs_of_another_journey_leave(world: Any, make: Any, emit: Any, outcome: str) -> None:
    rest = {"rest": {"delay": {"for": "P9D"}, "next": "done"}}
    w = world(make(rest, id="other"), make(emits(leave="other", **emit), id="say", entry=[{"event": {"name": "stop"}}]))
    w.event("go")
    w.event("stop")
    assert take(w, emitted(w)[0]) == ["ended"]
    assert (w.decision("ended").outcome, w.decision("ended").step) == (outcome, "rest")
    assert w.customer.core.runs == ()


def test_a6_what_a_failing_run_emitted_is_dropped(world: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from laudstream.journey.kinds import ARRIVE
    from laudstream.journey.kinds.delay import DelayStep

    def fails(*_: Any) -> None:
        raise ValueError("broken")

    monkeypatch.setitem(ARRIVE, DelayStep, fails)
    w = world(
        make({"say": {"emit": {"event": "x"}, "next": "rest"}, "rest": {"delay": {"for": "P1D"}, "next": "done"}})
    )
    w.event("go")
    assert (emitted(w), len(w.parked)) == ([], 1)


@pytest.mark.parametrize(
    ("emit", "pointer"),
    [
        ({}, ""),
        ({"event": "x", "enter": "y"}, ""),
        ({"event": ""}, "/event"),
        ({"enter": "no name"}, "/enter"),
        ({"event": "x", "outcome": "y"}, "/outcome"),
        ({"leave": "x", "properties": {"a": 1}}, "/properties"),
        ({"event": "x", "properties": {"a": {"from": "event.x"}}}, "/properties/a/from"),
        ({"event": "x", "to": "friend"}, "/to"),
        ({"event": "x", "delay": 1}, "/delay"),
    ],
)
def test_r60_a_wrong_emit_is_refused_with_its_place(make: Any, emit: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make(emits(**emit)))
    assert [problem.pointer for problem in refused.value.problems] == ["/steps/say/emit" + pointer]
    assert refused.value.problems[0].fix


def test_r60_an_entry_by_api_takes_nothing_but_a_key(make: Any, wait_step: Any) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make({"look": wait_step()}, entry=[{"api": {"token": "x"}}]))
    assert [problem.pointer for problem in refused.value.problems] == ["/entry/0/api/token"]
