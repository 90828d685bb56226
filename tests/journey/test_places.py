"""Journeys that take a fixed number of entries: the run from its question to its place (R18, R55)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.journey.handoff import Ask, Release
from laudstream.journey.inputs import GrantInput

MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def asked(world: Any, make: Any, wait_step: Any) -> Any:
    """A customer who has asked for a place."""

    def made(**fields: Any) -> Any:
        w = world(make({"look": wait_step(after="PT1H")}, max_entries=2, **fields))
        w.event("go")
        return w

    return made


def answer(w: Any, granted: bool = True, run: str = "") -> list[str]:
    run = run or next((each.id for each in w.customer.core.runs if each.status == "asking"), "gone")
    w.hand(GrantInput(w.cause("laudstream.handoffs"), "j", run, granted, 2))
    return list(w.kinds())


def test_r18_an_entry_asks_for_a_place_and_nothing_else_happens(asked: Any) -> None:
    w = asked()
    assert w.effects == [Ask("workspace1", "j", (("ann", w.run.id),))]
    assert (w.run.status, w.at, w.customer.core.wake_at) == ("asking", "", 0)


def test_r55_the_run_begins_with_its_place_as_of_its_entry(asked: Any) -> None:
    w = asked()
    entered_at = w.now
    w.wait(MINUTE)
    assert answer(w) == ["entered"]
    assert w.decision("entered").at == entered_at
    assert (w.at, w.run.status, w.run.wake_at) == ("look", "active", entered_at + HOUR)


def test_r18_who_gets_no_place_did_not_enter_and_may_ask_again(asked: Any) -> None:
    w = asked()
    assert answer(w, granted=False) == ["not_entered"]
    assert (w.decision("not_entered").reason, w.decision("not_entered").data) == ("full", {"max_entries": 2})
    assert w.customer.core.runs == ()
    assert w.event("go") == ["Ask"]  # `reentry: never` looks at entries


def test_r55_an_event_that_came_meanwhile_is_heard_as_of_its_time(asked: Any) -> None:
    w = asked()
    w.wait(MINUTE)
    assert w.event("buy") == []
    bought_at = w.now
    w.wait(MINUTE)
    assert answer(w) == ["entered", "moved", "ended"]
    ended = w.decision("ended")
    assert (ended.outcome, ended.at) == ("done", bought_at)


def test_r55_a_timeout_before_the_event_that_was_kept_wins(asked: Any) -> None:
    w = asked()
    entered_at = w.now
    w.wait(2 * HOUR)
    w.event("buy")
    answer(w)
    ended = w.decision("ended")
    assert (ended.outcome, ended.at) == ("late", entered_at + HOUR)


def test_r55_messages_on_the_way_are_sent_before_what_was_kept_is_heard(world: Any, make: Any, wait_step: Any) -> None:
    mail = {"message": {"channel": "email", "template": "mail"}, "next": "look"}
    w = world(make({"hi": mail, "look": wait_step()}, max_entries=2))
    w.event("go")
    w.event("buy")
    assert answer(w) == ["entered", "message", "SendRequest", "moved", "moved", "ended"]
    assert w.decision("ended").outcome == "done"


def test_r55_what_was_kept_is_heard_as_of_its_time_though_the_message_before_it_went_later(
    world: Any, make: Any, wait_step: Any
) -> None:
    mail = {"message": {"channel": "email", "template": "mail"}, "next": "look"}
    w = world(make({"hi": mail, "look": wait_step()}, max_entries=2))
    w.event("go")
    w.wait(MINUTE)
    w.event("buy")
    bought_at = w.now
    w.wait(MINUTE)
    answer(w)
    sent, heard = w.decisions("moved")
    assert (sent.step, sent.at) == ("hi", w.now)
    assert (heard.step, heard.at) == ("look", bought_at)
    assert (w.decision("ended").outcome, w.decision("ended").at) == ("done", bought_at)


def test_r55_what_no_step_hears_is_not_kept(asked: Any) -> None:
    w = asked()
    w.event("look")
    assert w.run.kept == ()


def test_r55_the_entry_itself_is_used_up(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step("go")}, max_entries=2))
    w.event("go")
    answer(w)
    assert w.at == "look"


@pytest.mark.parametrize("end", ["exit", "level", "stop", "delete"])
def test_r55_what_ends_a_run_ends_it_while_it_asks_and_its_place_is_given_back(asked: Any, end: str) -> None:
    plan = {"customer.plan": {"equals": "gold"}}
    w = asked(exit=[{"event": {"name": "leave"}, "outcome": "left"}, {"condition": plan, "outcome": "gold"}])
    run = w.run.id
    if end == "exit":
        assert w.event("leave") == ["not_entered"]
        assert (w.decision("not_entered").reason, w.decision("not_entered").data["outcome"]) == ("already_out", "left")
    elif end == "level":
        w.row(plan="gold")
        assert w.decision("not_entered").data["outcome"] == "gold"
    elif end == "stop":
        w.control("stopped")
        assert w.touch() == ["not_entered"]
        assert w.decision("not_entered").reason == "stopped"
    else:
        w.row(deleted=True)
        assert w.decision("not_entered").reason == "deleted"
    assert w.customer.core.runs == ()
    assert answer(w, run=run) == ["Release"]
    assert w.effects == [Release("workspace1", "j", run)]
    assert answer(w, granted=False, run=run) == []


def test_r23_who_asks_is_in(asked: Any) -> None:
    w = asked(entry=[{"event": {"name": "go"}, "reentry": "always", "while_active": "restart"}])
    assert w.event("go") == ["not_entered"]
    assert w.decision("not_entered").reason == "already_in"


def test_r23_a_restart_waits_for_its_place(asked: Any) -> None:
    w = asked(entry=[{"event": {"name": "go"}, "reentry": "always", "while_active": "restart"}])
    answer(w)
    assert w.event("go") == ["Ask"]
    assert len(w.customer.core.runs) == 2
    assert answer(w) == ["ended", "entered"]
    assert w.decision("ended").reason == "restarted"
    assert w.at == "look"
    w.event("go")
    assert answer(w, granted=False) == ["not_entered"]
    assert w.at == "look"  # the present run goes on


def test_r49_a_place_that_comes_in_a_pause_is_taken_when_the_journey_goes_on(asked: Any) -> None:
    w = asked()
    entered_at = w.now
    w.wait(MINUTE)
    w.control("paused")
    assert answer(w) == []
    w.event("buy")
    w.wait(MINUTE)
    w.control("live")
    assert w.touch() == ["entered", "moved", "ended"]
    assert w.decision("entered").at == entered_at
    assert w.decision("ended").outcome == "done"


def test_a_second_answer_changes_nothing(asked: Any) -> None:
    w = asked()
    run = w.run.id
    answer(w)
    assert answer(w, run=run) == []
    assert w.at == "look"
