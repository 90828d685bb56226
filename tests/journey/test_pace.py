"""The pace of a journey: a message asks for its slot and waits for it (A11, R39)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from laudstream.journey.handoff import PACE, Ask
from laudstream.journey.inputs import GrantInput

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
ALWAYS = [{"event": {"name": "go"}, "reentry": "always"}]
MAIL = {"message": {"channel": "email", "template": "mail"}, "next": "done"}
PER_MINUTE = {"pace": {"limit": 10, "per": "minute"}}


@pytest.fixture
def paced(world: Any, make: Any) -> Any:
    """A customer whose message has asked for its slot."""

    def made(**more: Any) -> Any:
        settings = {**PER_MINUTE, **more.pop("settings", {})}
        w = world(make({"hi": {**MAIL, **more.pop("step", {})}}, entry=ALWAYS, settings=settings, **more))
        w.event("go")
        return w

    return made


def slot(w: Any, at: int, run: str = "") -> list[str]:
    w.hand(GrantInput(w.cause("laudstream.handoffs"), "j", run or w.run.id, True, 10, PACE, at))
    return list(w.kinds())


def test_a_message_asks_for_its_slot_when_all_gates_let_it_pass(paced: Any) -> None:
    w = paced()
    assert w.effects[-1] == Ask("workspace1", "j", (("ann", w.run.id),), of=PACE)
    assert (w.run.status, w.sends()) == ("deferred", [])
    assert w.customer.core.slots == ()  # nothing is reserved (R39)


def test_a_slot_of_now_sends_it_at_once(paced: Any) -> None:
    w = paced()
    assert slot(w, w.now) == ["message", "SendRequest", "moved", "ended"]


def test_a_later_slot_puts_it_off_with_the_reason(paced: Any) -> None:
    w = paced()
    at = w.now + 3 * MINUTE
    assert slot(w, at) == ["message"]
    put_off = w.decision("message")
    assert (put_off.reason, put_off.data["deferred_until"], put_off.data["gates"]["pace"]) == ("pace", at, "pace")
    assert w.customer.core.wake_at == at
    w.wait(3 * MINUTE)
    assert [made.kind for made in w.decisions()] == ["message", "moved", "ended"]
    assert len(w.sends()) == 1


def test_who_misses_the_period_of_its_slot_asks_again(paced: Any) -> None:
    w = paced()
    at = w.now + MINUTE
    slot(w, at)
    w.lag = 10 * MINUTE  # a downtime: the timer fires late
    w.wait(MINUTE)
    assert w.sends() == []
    assert [effect for effect in w.effects if isinstance(effect, Ask)] == [
        Ask("workspace1", "j", (("ann", w.run.id),), of=PACE)
    ]
    assert slot(w, w.now + w.lag) == ["message", "SendRequest", "moved", "ended"]


def test_r39_all_gates_are_asked_again_and_a_lost_slot_is_asked_for_again(paced: Any) -> None:
    w = paced(settings={"quiet_hours": {"from": "09:30", "to": "11:00"}})
    at = w.now + 40 * MINUTE  # 09:40
    slot(w, at)
    w.wait(40 * MINUTE)
    assert w.sends() == []
    (put_off,) = w.decisions("message") or [None]
    assert put_off is None or put_off.reason == "quiet_hours"
    w.wait(3 * HOUR)
    assert any(isinstance(effect, Ask) for effect in w.effects)


@pytest.mark.parametrize("end", ["exit", "stop", "delete", "restart"])
def test_r39_what_ends_the_run_ends_the_wait_and_the_slot_is_lost(paced: Any, end: str) -> None:
    entry = [{"event": {"name": "go"}, "reentry": "always", "while_active": "restart"}]
    w = paced(exit=[{"event": {"name": "leave"}, "outcome": "left"}], **({"entry": entry} if end == "none" else {}))
    run = w.run.id
    if end == "exit":
        w.event("leave")
    elif end == "stop":
        w.control("stopped")
        w.touch()
    elif end == "delete":
        w.row(deleted=True)
    else:
        w.hand(GrantInput(w.cause("laudstream.handoffs"), "j", "another", True, 10, PACE, w.now))
        assert w.effects == []
        return
    assert slot(w, w.now, run) == []


def test_r39_after_defer_at_most_it_is_expired(paced: Any) -> None:
    w = paced(settings={"defer_at_most": "PT2H"})
    w.wait(2 * HOUR)  # nobody answers
    assert w.decision("message").reason == "expired"


def test_r49_in_a_pause_the_slot_waits_and_is_asked_for_again(paced: Any) -> None:
    w = paced()
    w.control("paused")
    assert slot(w, w.now) == []
    w.wait(HOUR)
    w.control("live")
    w.touch()
    w.wait(SECOND)
    assert w.sends() == []
    assert slot(w, w.now) == ["message", "SendRequest", "moved", "ended"]


def test_r49_a_later_slot_that_comes_in_a_pause_is_told_and_holds(paced: Any) -> None:
    w = paced()
    w.control("paused")
    at = w.now + 3 * MINUTE
    assert slot(w, at) == ["message"]
    assert (w.decision("message").reason, w.decision("message").data["deferred_until"]) == ("pace", at)
    w.wait(MINUTE)
    w.control("live")
    assert w.touch() == []
    w.wait(2 * MINUTE)
    assert w.kinds() == ["message", "SendRequest", "moved", "ended"]
    assert w.decision("message").at == at


def test_r49_a_later_slot_goes_by_in_a_pause_and_is_asked_for_again(paced: Any) -> None:
    w = paced()
    w.control("paused")
    slot(w, w.now + 3 * MINUTE)
    assert w.wait(HOUR) == []
    w.control("live")
    w.touch()
    w.wait(SECOND)
    assert w.kinds() == ["Ask"]


def test_transactional_messages_keep_the_pace_too(paced: Any) -> None:
    w = paced(step={"message": {"channel": "email", "template": "mail", "class": "transactional"}})
    assert w.sends() == []
    assert slot(w, w.now) == ["message", "SendRequest", "moved", "ended"]


def test_a20_a_message_that_was_refused_late_needs_a_slot_of_its_own(paced: Any, world: Any, make: Any) -> None:
    body = make(
        {"hi": {**MAIL, "next": "rest"}, "rest": {"delay": {"for": "P2D"}, "next": "done"}}, settings=PER_MINUTE
    )
    w = world(body)
    w.event("go")
    slot(w, w.now)
    (request,) = w.sends()
    w.wait(MINUTE)
    w.deliver(request, "refused", reason="paused")
    assert w.effects[-1] == Ask("workspace1", "j", (("ann", f"{w.run.id}/hi"),), of=PACE)
    assert slot(w, w.now + MINUTE, f"{w.run.id}/hi") == ["message"]
    w.wait(MINUTE)
    (again,) = w.sends()
    assert (again.step, again.attempt) == ("hi", 2)


@pytest.mark.parametrize("answered", [True, False])
def test_r48_a_message_that_was_refused_late_goes_in_its_slot_though_its_run_was_moved(
    world: Any, make: Any, answered: bool
) -> None:
    """With its slot in hand, or while it asks: then it is expired at last."""
    steps = {"hi": {**MAIL, "next": "rest"}, "rest": {"delay": {"for": "P9D"}, "next": "done"}}
    w = world(make(steps, settings=PER_MINUTE))
    w.event("go")
    slot(w, w.now)
    (request,) = w.sends()
    w.deliver(request, "refused", reason="paused")
    if answered:
        slot(w, w.now + MINUTE, f"{w.run.id}/hi")
    w.now += SECOND
    w.publish(make(steps, settings=PER_MINUTE), version=2)
    w.bodies["migration", "j", 1] = {"to": 2, "steps": {"rest": "rest"}}
    w.control("live", kind="migration", version=1)
    assert w.touch() == ["migrated"]
    w.wait(4 * DAY)
    if answered:
        assert [(made.step, made.attempt) for made in w.sends()] == [("hi", 2)]
    else:
        assert [made.reason for made in w.decisions("message")] == ["expired"]


@pytest.mark.parametrize(
    ("pace", "pointer"),
    [
        (5, "/settings/pace"),
        ({"limit": 0, "per": "minute"}, "/settings/pace/limit"),
        ({"limit": 5, "per": "day"}, "/settings/pace/per"),
        ({"limit": 5}, "/settings/pace/per"),
    ],
)
def test_r60_what_is_wrong_with_a_pace_is_named(make: Any, pace: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(make({"hi": MAIL}, settings={"pace": pace}))
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
