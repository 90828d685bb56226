"""Waits for what becomes of a message of the run (R49, R56, A22)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journey.waiting import HOUR, REST, mailed, waits


@pytest.mark.parametrize(
    "kind", ["delivered", "opened", "clicked", "bounced", "complained", "failed", "replied", "unsubscribed"]
)
def test_a_wait_hears_what_became_of_a_message_of_its_run(world: Any, make: Any, kind: str) -> None:
    w = world(make(mailed({"message": {"of": ["hi"], "is": kind}})))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "sent", id="first") == []
    assert w.deliver(request, kind, id="second") == ["moved", "ended"]
    moved = w.decision("moved")
    assert (moved.branch, moved.data) == (kind, {"kind": kind, "of": "hi"})


def test_sent_is_told_by_whatever_proves_that_it_left(world: Any, make: Any) -> None:
    w = world(make(mailed({"message": {"is": "sent"}})))
    w.event("go")
    assert w.deliver(w.sends()[0], "opened", machine=True) == ["moved", "ended"]


def test_messages_of_other_runs_and_other_steps_are_none_of_a_waits(world: Any, make: Any) -> None:
    steps = {
        "one": {"message": {"channel": "email", "template": "mail"}, "next": "two"},
        "two": {"message": {"channel": "email", "template": "mail"}, "next": "look"},
        "look": waits({"message": {"of": ["two"], "is": "opened"}}),
    }
    other = {
        "hi": {"message": {"channel": "email", "template": "mail"}, "next": "rest"},
        "rest": {**REST, "next": "done"},
    }
    w = world(make(steps, id="a"), make(other, id="b"))
    w.event("go")
    requests = {(one.journey, one.step): one for one in w.sends()}
    assert w.deliver(requests["b", "hi"], "opened", id="d1") == []
    assert w.deliver(requests["a", "one"], "opened", id="d2") == []
    assert w.deliver(requests["a", "two"], "opened", id="d3") == ["moved", "ended"]


def test_a_click_may_name_its_link_and_the_link_is_read_from_the_step(world: Any, make: Any) -> None:
    link = "https://example.org/sale"
    w = world(
        make(mailed({"message": {"is": "clicked", "link": link}, "next": "rest"}) | {"rest": {**REST, "next": "done"}})
    )
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "clicked", id="d1", link="https://example.org/") == []
    assert w.deliver(request, "clicked", id="d2", link=link) == ["moved"]
    assert w.run.steps["look"]["event"] == {"kind": "clicked", "step": "hi", "link": link}


@pytest.mark.parametrize("kind", ["opened", "clicked"])
def test_r56_what_machines_open_and_click_does_not_count_unless_the_branch_says_so(
    world: Any, make: Any, kind: str
) -> None:
    for machine, made in (({}, []), ({"machine": "exclude"}, []), ({"machine": "include"}, ["moved", "ended"])):
        w = world(make(mailed({"message": {"is": kind, **machine}})))
        w.event("go")
        assert w.deliver(w.sends()[0], kind, machine=True) == made


def test_a22_a_delivery_that_comes_twice_ends_one_visit_only(world: Any, make: Any) -> None:
    w = world(make(mailed({"message": {"is": "opened"}, "next": "rest"}) | {"rest": REST}))
    w.event("go")
    (request,) = w.sends()
    w.deliver(request, "opened", id="once")
    w.wait(HOUR)
    assert w.at == "look"
    assert w.deliver(request, "opened", id="once") == []
    assert w.deliver(request, "opened", id="again") == ["moved"]


def test_a22_a_delivery_that_comes_twice_ends_no_wait_that_the_run_came_to_by_it(world: Any, make: Any) -> None:
    steps = mailed({"message": {"is": "opened"}, "next": "more"}) | {"more": waits({"message": {"is": "opened"}})}
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "opened", id="once") == ["moved"]
    before = w.customer
    assert w.deliver(request, "opened", id="once") == []
    assert w.customer is before
    assert w.at == "more"
    steps["hi"]["next"] = {"sent": "look", "refused": "done"}
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "opened", id="once") == ["delivery", "moved"]
    assert w.deliver(request, "opened", id="once") == []
    assert w.at == "look"


def test_the_delivery_that_brings_a_run_to_a_wait_is_no_input_of_that_wait(world: Any, make: Any) -> None:
    steps = mailed({"message": {"is": "delivered"}})
    steps["hi"]["next"] = {"sent": "look", "refused": "done"}
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "delivered", id="d1") == ["delivery", "moved"]
    assert w.at == "look"


def test_r49_a_paused_run_keeps_what_a_delivery_told(world: Any, make: Any) -> None:
    w = world(make(mailed({"message": {"is": "opened"}}, timeout={"after": "PT1H", "next": "late"})))
    w.event("go")
    (request,) = w.sends()
    w.control("paused")
    assert w.deliver(request, "opened") == []
    w.now += 2 * HOUR
    w.control("live")
    assert w.touch() == ["moved", "ended"]
    assert w.decision("ended").outcome == "done"
