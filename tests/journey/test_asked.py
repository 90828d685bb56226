"""What conditions ask about runs and messages: converted, links, tags, machines; journeys that must be there
(R20, R56, R60)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from laudstream.journey.naming import missing

ALWAYS = [{"event": {"name": "ask"}, "reentry": "always"}]
MAIL = {"message": {"channel": "email", "template": "mail", "tags": ["news"]}, "next": "rest"}
REST = {"delay": {"for": "P9D"}, "next": "done"}


def asks(make: Any, condition: Any) -> dict[str, Any]:
    look = {"split": {"branches": [{"name": "yes", "condition": condition, "next": "done"}], "else": "late"}}
    return dict(make({"look": look}, id="asker", entry=ALWAYS))


def says(w: Any) -> str:
    w.event("ask")
    return str(w.decision("moved").branch)


@pytest.fixture
def asked(world: Any, make: Any) -> Any:
    """A run of `j`, which sends and rests, and a journey that asks."""

    def made(condition: Any, **more: Any) -> Any:
        w = world(make({"hi": MAIL, "rest": REST}, **more), asks(make, condition))
        w.event("go")
        return w

    return made


def test_a_run_has_converted_when_it_reached_its_goal(asked: Any) -> None:
    goal = {"event": {"name": "buy"}, "within": "P7D"}
    w = asked({"run": {"journey": "j", "was": "converted"}}, goal=goal)
    assert says(w) == "else"
    w.event("buy")
    assert says(w) == "yes"
    w.event("buy")
    assert w.customer.tallies[next(iter(w.customer.tallies))].total == 1  # once per run (R47)


def test_r47_a_run_that_has_ended_may_still_convert(asked: Any) -> None:
    goal = {"event": {"name": "buy"}, "within": "P7D"}
    out = [{"event": {"name": "leave"}, "outcome": "left"}]
    w = asked({"run": {"journey": "j", "was": "converted", "within": "P1D"}}, goal=goal, exit=out)
    w.event("leave")
    w.event("buy")
    assert says(w) == "yes"
    w.wait(2 * 86_400_000)
    assert says(w) == "else"


@pytest.mark.parametrize(
    ("condition", "link", "machine", "branch"),
    [
        ({"is": "clicked"}, "https://a", False, "yes"),
        ({"is": "clicked", "link": "https://a"}, "https://a", False, "yes"),
        ({"is": "clicked", "link": "https://b"}, "https://a", False, "else"),
        ({"is": "clicked"}, "https://a", True, "else"),
        ({"is": "clicked", "machine": "exclude"}, "https://a", True, "else"),
        ({"is": "clicked", "machine": "include"}, "https://a", True, "yes"),
        ({"is": "clicked", "machine": "include"}, "https://a", False, "yes"),
        ({"is": "clicked", "tag": "news", "journey": "j", "step": "hi"}, "https://a", False, "yes"),
        ({"is": "clicked", "tag": "sale"}, "https://a", False, "else"),
    ],
)
def test_r56_which_clicks_count(asked: Any, condition: Any, link: str, machine: bool, branch: str) -> None:
    w = asked({"message": condition})
    request = next(made for made in w.effects if hasattr(made, "send_id"))
    w.deliver(request, "clicked", link=link, machine=machine)
    assert says(w) == branch


def test_r56_what_a_machine_opens_is_not_opened(asked: Any) -> None:
    w = asked({"message": {"is": "opened"}})
    request = next(made for made in w.effects if hasattr(made, "send_id"))
    w.deliver(request, "opened", machine=True)
    assert says(w) == "else"
    w.deliver(request, "opened")
    assert says(w) == "yes"


@pytest.mark.parametrize(
    ("condition", "pointer"),
    [
        ({"message": {"is": "opened", "link": "https://a"}}, "message/link"),
        ({"message": {"is": "sent", "machine": "include"}}, "message/machine"),
        ({"message": {"is": "opened", "machine": True}}, "message/machine"),
        ({"run": {"journey": "j", "was": "converted", "outcome": "x"}}, "run/outcome"),
    ],
)
def test_r60_what_cannot_be_asked_is_named(make: Any, condition: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(asks(make, condition))
    assert caught.value.problems[0].pointer == f"/steps/look/split/branches/0/condition/{pointer}"


@pytest.mark.parametrize("what", ["enter", "leave"])
def test_r20_a_journey_that_is_not_there_is_refused(make: Any, what: str) -> None:
    journey = parse(make({"say": {"emit": {what: "other"}, "next": "done"}}))
    (problem,) = missing(journey, [], [], ["k"])
    assert (problem.pointer, problem.message) == (f"/steps/say/emit/{what}", "there is no journey 'other'")
    assert problem.fix
    assert missing(journey, [], [], ["other"]) == []
    assert missing(journey, [], []) == []  # not known


def test_r20_a_journey_may_enter_itself_and_emit_any_event(make: Any) -> None:
    steps = {"say": {"emit": {"enter": "j"}, "next": "tell"}, "tell": {"emit": {"event": "other"}, "next": "done"}}
    assert missing(parse(make(steps)), [], [], []) == []
