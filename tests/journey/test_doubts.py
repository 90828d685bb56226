"""What a publish has doubts about, word for word, and what it has none about (R60)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.journey.definition import parse
from laudstream.journey.doubts import Known, check
from tests.journey.conftest import journey, wait_for

MAIL = {"message": {"channel": "email", "template": "mail"}, "next": "done"}
GONE = "2026-05-01T09:00:00Z"
PASSES = "what happens when the instant is past already? Without 'if_past' the run goes on at once"
WRITE = "write if_past: pass, skip, exit, or a step"
WAIT = {"branches": [{"event": {"name": "buy"}, "next": "done"}]}


def doubts(body: dict[str, Any], **known: Any) -> list[tuple[str, str, str]]:
    """(pointer, what is doubted, what to do about it)."""
    return [(each.pointer, each.message, each.fix) for each in check(parse(body), Known(**known))]


def test_r60_an_event_that_nobody_has_sent() -> None:
    entry = [{"segment": {"id": "vip"}}, {"api": {}}, {"event": {"name": "come"}}, {"event": {"name": "go"}}]
    body = journey({"look": wait_for()}, entry=entry)
    assert doubts(body, events=frozenset({"come"})) == [
        ("/entry/3/event/name", "nobody has sent an event 'go' yet", "check the spelling")
    ]
    assert doubts(body, events=frozenset({"come", "go"})) == []
    assert doubts(body) == []


def test_r60_an_audience_that_is_empty() -> None:
    entry = [{"event": {"name": "go"}}, {"audience": {}, "where": {"customer.plan": {"equals": "por"}}}]
    body = journey({"look": wait_for()}, entry=entry)
    assert doubts(body) == []
    assert doubts(body, nobody=True) == [
        (
            "/entry/1/where", "of the customers that there are, none meets this condition now",
            "look at its preview, and at what customers have",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "doubted"),
    [
        ("customer.name", True),
        ("customer.address.city", True),
        ("customer.plan", False),
        ("customer.plan.name", False),
        ("customer.id", False),
        ("entry.name", False),
        ("steps.look.event.name", False),
    ],
)
def test_r60_a_value_that_a_template_needs_and_no_customer_has(path: str, doubted: bool) -> None:
    body = journey({"look": wait_for(to="hi"), "hi": MAIL})
    said = [
        (
            "/steps/hi/message/template",
            f"template 'mail' needs {path}, which no customer has yet",
            "give it a default",
        )
    ]
    others = {"other": ["customer.nowhere"]}
    known = {"attributes": frozenset({"plan"}), "templates": {"mail": [path], **others}}
    assert doubts(body, **known) == (said if doubted else [])
    assert doubts(body, templates={"mail": [path]}) == []


@pytest.mark.parametrize(
    ("step", "pointer"),
    [
        ({"delay": {"until": {"instant": GONE}}, "next": "done"}, "/delay"),
        ({"delay": {"until": {"date": "customer.day"}}, "next": "done"}, "/delay"),
        ({"wait": {**WAIT, "timeout": {"until": {"instant": GONE}, "next": "late"}}}, "/wait/timeout"),
        ({"window": {"starts_at": "2026-04-01T09:00:00Z", "ends_at": GONE}, "next": "done"}, "/window"),
        ({"delay": {"until": {"instant": GONE}, "if_past": "pass"}, "next": "done"}, ""),
        ({"wait": {**WAIT, "timeout": {"until": {"instant": GONE}, "if_past": "exit", "next": "late"}}}, ""),
        ({"wait": {**WAIT, "timeout": {"after": "PT1H", "next": "late"}}}, ""),
        ({"delay": {"until": {"at": "09:00"}}, "next": "done"}, ""),
        ({"delay": {"for": "PT1H"}, "next": "done"}, ""),
        ({"window": {"from": "09:00", "to": "17:00"}, "next": "done"}, ""),
        (MAIL, ""),
    ],
)
def test_r60_an_instant_that_may_be_past(step: dict[str, Any], pointer: str) -> None:
    said = [(f"/steps/there{pointer}/if_past", PASSES, WRITE)] if pointer else []
    assert doubts(journey({"there": step})) == said


def test_r48_r60_a_map_that_forgets_a_step_misspells_one_or_sends_at_once() -> None:
    steps = {"look": wait_for(to="hi"), "again": wait_for("other", to="hi"), "hi": MAIL}
    steps["look"]["wait"]["timeout"]["next"] = "again"
    body = journey(steps, migrate={"lok": "again", "rest": "hi", "old": "exit"})
    before = frozenset({"rest", "old", "b", "a", "look"})
    assert doubts(body, steps=before) == [
        (
            "/migrate/lok",
            "no version before this one has a step 'lok': nobody is moved from there",
            "check the spelling",
        ),
        (
            "/migrate/rest",
            "whoever is at 'rest' gets the message of step 'hi' at once",
            "lead them to the step behind it if they have it",
        ),
        (
            "/migrate",
            "this version has no step a, b: who is there stays on the version before",
            "name them too: a step of this version, exit or stay",
        ),
    ]
    assert doubts({**body, "migrate": {}}, steps=before) == []
    assert [pointer for pointer, _, _ in doubts(body)] == ["/migrate/rest"]


def test_r60_an_amount_that_is_no_number_adds_nothing() -> None:
    amounts = {"a": {"x": 1}, "b": 2, "c": {"from": "entry.n"}}
    body = journey({"add": {"update": {"increment": amounts, "set": {"d": {"x": 1}}}, "next": "done"}})
    assert doubts(body) == [
        (
            "/steps/add/update/increment/a", "an object of 1 is no number: nothing is added to 'a'",
            "write a number, or {from: a path}",
        )
    ]  # fmt: skip


def test_r60_a_where_that_was_left_empty_holds_of_everybody() -> None:
    buy = {"event": {"name": "buy"}, "where": None}
    look = {"wait": {"branches": [{**buy, "next": "done"}], "timeout": {"after": "P1D", "next": "done"}}}
    set_ = {"update": {"set": {"where": None, "it": {"where": None}}}, "next": "look"}
    body = journey(
        {"note": set_, "look": look}, entry=[{"event": {"name": "go"}}, {"audience": {}, "where": None}],
        exit=[{**buy, "outcome": "bought"}], goal={**buy, "within": "P1D"},
    )  # fmt: skip
    said = "nothing is asked for here: it holds of everybody"
    places = ("/entry/1/where", "/exit/0/where", "/goal/where", "/steps/look/wait/branches/0/where")
    assert doubts(body) == [(place, said, "write a condition, or leave 'where' out") for place in places]
