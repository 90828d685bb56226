"""What a publish refuses, with pointer and fix (R14, R20, R60), and what it only doubts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from laudstream.conditions import OPERATORS
from laudstream.errors import Invalid, Problem
from laudstream.journey.definition import parse
from laudstream.journey.doubts import Known, check
from laudstream.journey.kinds import KINDS
from laudstream.journey.schema import journey_schema
from tests.journey.problems import ADDED, said

VIP = {"customer.vip": {"equals": True}}
EXAMPLE = Path(__file__).parents[2] / "local-env" / "journeys" / "second-purchase.yaml"


def body(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": "j", "entry": [{"event": {"name": "go"}}], "start": "hi",
        "steps": {
            "hi": {"message": {"channel": "email", "template": "mail"}, "next": "arms"},
            "arms": {"experiment": {"arms": {"a": 50, "b": 50}}, "next": "kind"},
            "kind": {"split": {"branches": [{"condition": {"customer.x": {"equals": 1}}, "next": "rest"}],
                               "else": "look"}},
            "rest": {"delay": {"for": "PT1H"}, "next": "look"},
            "look": {"wait": {"branches": [{"event": {"name": "buy"}, "next": "end"}],
                              "timeout": {"after": "P1D", "next": "end"}}},
            "end": {"exit": {"outcome": "done"}},
        },
    }  # fmt: skip
    return {**made, **changes}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The body with the value at a pointer replaced; ... takes it out."""
    made = json.loads(json.dumps(body()))
    *way, last = path.strip("/").split("/")
    place: Any = made
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return made


def problems(made: Any, templates: Any = None) -> list[Problem]:
    with pytest.raises(Invalid) as caught:
        parse(made, templates)
    return list(caught.value.problems)


def test_a_right_definition_is_accepted() -> None:
    made = parse(body(), {"mail": []})
    assert (made.id, made.name, made.start, list(made.steps)) == ("j", "j", "hi", list(body()["steps"]))


@pytest.mark.parametrize(
    ("path", "value", "pointer", "word"),
    [
        ("/id", ..., "/id", "name"),
        ("/id", "a b", "/id", "name"),
        ("/entry", [], "/entry", "list"),
        ("/entry/0/event", ..., "/entry/0", "needs an event"),
        ("/entry/0/event", "go", "/entry/0/event", "object"),
        ("/entry/0/event/name", 5, "/entry/0/event/name", "text"),
        ("/entry/0/reentry", "sometimes", "/entry/0/reentry", "sometimes"),
        ("/entry/0/reentry", "after 3 days", "/entry/0/reentry", "duration"),
        ("/entry/0/while_active", "queue", "/entry/0/while_active", "queue"),
        (
            "/entry/0/where",
            {"steps.look.event.x": {"equals": 1}},
            "/entry/0/where/steps.look.event.x",
            "cannot be read",
        ),
        ("/start", "nowhere", "/start", "nowhere"),
        ("/steps", {}, "/steps", "steps"),
        ("/colour", "red", "/colour", "unknown"),
        ("/steps/rest", {"sleep": {}}, "/steps/rest", "unknown step kind 'sleep'"),
        ("/steps/rest/wait", {}, "/steps/rest", "exactly one kind"),
        ("/steps/rest/delay/for", "1 hour", "/steps/rest/delay/for", "duration"),
        ("/steps/rest/delay/for", "PT0S", "/steps/rest/delay/for", "above zero"),
        ("/steps/rest/next", "nowhere", "/steps/rest/next", "nowhere"),
        ("/steps/look/wait/timeout/next", "nowhere", "/steps/look/wait/timeout/next", "nowhere"),
        ("/steps/kind/split/else", "nowhere", "/steps/kind/split/else", "nowhere"),
        ("/steps/kind/split/branches/0/next", "nowhere", "/steps/kind/split/branches/0/next", "nowhere"),
        ("/steps/lost", {"exit": {"outcome": "x"}}, "/steps/lost", "no way leads"),
        ("/steps/arms/experiment/arms", {"a": 50, "b": 49}, "/steps/arms/experiment/arms", "99"),
        ("/steps/arms/experiment/arms/a", -1, "/steps/arms/experiment/arms/a", "weight"),
        ("/steps/arms/experiment/arms/a", 100.5, "/steps/arms/experiment/arms/a", "weight"),
        ("/steps/arms/next", {"a": "kind"}, "/steps/arms/next/b", "arm 'b'"),
        ("/steps/hi/message/template", "other", "/steps/hi/message/template", "no template 'other'"),
        ("/steps/hi/message/channel", "pigeon", "/steps/hi/message/channel", "pigeon"),
        ("/steps/hi/message/class", "urgent", "/steps/hi/message/class", "urgent"),
        ("/steps/hi/message/on_refusal", "wait", "/steps/hi/message/on_refusal", "wait"),
        ("/steps/hi/next", {"sent": "arms", "lost": "end"}, "/steps/hi/next/lost", "unknown"),
        ("/steps/look/wait/branches/0/count", 0, "/steps/look/wait/branches/0/count", "whole number"),
        ("/steps/look/wait/branches/0", {"next": "end"}, "/steps/look/wait/branches/0", "one thing"),
        ("/steps/look/wait/branches/0/name", "timeout", "/steps/look/wait/branches/0", "named 'timeout'"),
        ("/steps/end/exit/outcome", ..., "/steps/end/exit/outcome", "name"),
        ("/exit", [{"outcome": "x"}], "/exit/0", "one thing"),
        ("/exit", [{"outcome": "x", "event": {"name": "go"}, "condition": VIP}], "/exit/0", "one thing"),
        ("/exit", [{"outcome": "x", "where": {"event.n": {"exists": True}}, "condition": VIP}], "/exit/0", "one thing"),
        ("/settings/priority", 0, "/settings/priority", "1 to 9"),
        ("/entry", [{"audience": {}}, {"audience": {}}], "/entry/1", "one audience"),
        (
            "/entry/0",
            {"event": {"name": "x"}, "audience": {}},
            "/entry/0",
            "a date, an audience or api",
        ),
        ("/max_entries", 0, "/max_entries", "whole number"),
        ("/settings/holdout", 101, "/settings/holdout", "0 to 100"),
        ("/settings/time_zone", "Mars/Olympus", "/settings/time_zone", "Mars"),
        ("/settings/starts_at", "2026-01-01", "/settings/starts_at", "offset"),
        ("/settings/quiet_hours", {"from": "9pm", "to": "08:00"}, "/settings/quiet_hours/from", "local time"),
        ("/settings/caps", [{"limit": 1, "per": "year"}], "/settings/caps/0/per", "duration"),
        ("/settings/caps", [{"limit": 1, "per": "P2M"}], "/settings/caps/0/per", "31 days"),
    ],
)
def test_r60_an_error_names_the_place_and_what_would_be_right(path: str, value: Any, pointer: str, word: str) -> None:
    found = problems(changed(path, value), {"mail": []})
    assert [problem.pointer for problem in found] == [pointer]
    assert word in found[0].message
    assert found[0].fix


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        ("/steps/look/wait/branches/0", {"segment": "x", "next": "end"}, "/steps/look/wait/branches/0/segment"),
        ("/steps/hi/message/channel", "sms", "/steps/hi/message/channel"),
    ],
)
def test_what_is_not_run_yet_is_refused_and_never_ignored(path: str, value: Any, pointer: str) -> None:
    found = problems(changed(path, value))
    assert [problem.pointer for problem in found] == [pointer]
    assert "this release does not run it yet" in found[0].message


def test_r14_a_cycle_without_a_wait_or_a_delay_is_refused_and_named() -> None:
    made = body()
    made["steps"]["kind"]["split"]["branches"][0]["next"] = "hi"
    made["steps"].pop("rest")
    (problem,) = problems(made)
    assert "hi -> arms -> kind -> hi" in problem.message


def test_r14_a_message_with_a_refused_branch_breaks_no_cycle() -> None:
    steps = {"hi": {"message": {"channel": "email", "template": "mail"}, "next": {"sent": "end", "refused": "hi"}}}
    (problem,) = problems(body(steps={**steps, "end": {"exit": {"outcome": "done"}}}))
    assert "hi -> hi" in problem.message


def test_r14_a_cycle_through_a_wait_or_a_delay_is_accepted() -> None:
    made = body()
    made["steps"]["rest"]["next"] = "hi"
    made["steps"]["look"]["wait"]["branches"][0]["next"] = "hi"
    parse(made)


def test_all_errors_of_a_definition_are_named_at_once() -> None:
    made = changed("/steps/rest/delay/for", "soon")
    made["steps"]["arms"]["experiment"]["arms"]["a"] = 10
    made["colour"] = "red"
    assert [problem.pointer for problem in problems(made)] == [
        "/colour", "/steps/arms/experiment/arms", "/steps/rest/delay/for",
    ]  # fmt: skip


@pytest.mark.parametrize("made", [None, [], "journey", 5, {}, {"steps": []}, {"steps": {"a": None}}, {1: 2}])
def test_what_is_no_journey_at_all_is_refused_in_the_same_way(made: Any) -> None:
    assert problems(made)


def test_r60_doubts_are_only_warnings() -> None:
    known = Known(
        frozenset({"went"}), frozenset({"email"}), {"mail": ["customer.first_name", "customer.email", "entry.x"]}
    )
    doubts = check(parse(body()), known)
    assert [(doubt.pointer, doubt.fix != "") for doubt in doubts] == [
        ("/entry/0/event/name", True), ("/steps/hi/message/template", True),
    ]  # fmt: skip
    assert check(parse(body()), Known()) == []


def test_the_example_journey_is_right_and_means_the_same_as_json() -> None:
    made = yaml.safe_load(EXAMPLE.read_text())
    version = parse(made, {"welcome": [], "thanks": [], "win-back": []})
    assert json.loads(json.dumps(made)) == made
    assert version.hears["patient"] == version.hears["eager"] == {"purchase"}


def test_the_schema_knows_every_step_kind_and_operator_that_runs() -> None:
    schema = journey_schema()
    steps = schema["properties"]["steps"]["additionalProperties"]["oneOf"]
    assert {step["required"][0] for step in steps} == set(KINDS)
    (paths,) = schema["$defs"]["condition"]["patternProperties"].values()
    assert set(paths["properties"]) == set(OPERATORS)
    assert json.loads(json.dumps(schema)) == schema


def test_r48_the_schema_takes_a_version_of_a_segment_wherever_its_reader_does() -> None:
    schema = journey_schema()
    entry, left = (
        schema["properties"][part]["items"]["oneOf"][at]["properties"][name]
        for part, at, name in (("entry", 1, "segment"), ("exit", 2, "leaves"))
    )
    asked, within = schema["$defs"]["condition"]["properties"]["segment"]["anyOf"]
    for named in (entry["properties"]["id"], left, asked, within["properties"]["in"]):
        fits = [name for name in ("vip", "vip@3", "vip@0", "vip@", "@3") if re.search(named["pattern"], name)]
        assert fits == ["vip", "vip@3"]


def _settings(schema: dict[str, Any]) -> set[str]:
    """What an object may say, whichever of its forms it has."""
    forms = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return {name for form in forms for name in form.get("properties", ())}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_schema_of_a_step_says_what_its_reader_knows(kind: str) -> None:
    steps = journey_schema()["properties"]["steps"]["additionalProperties"]["oneOf"]
    (schema,) = [step["properties"][kind] for step in steps if kind in step["properties"]]
    lines = [line for line in said() if re.match(rf"journey /steps/\w+/{kind}/{ADDED}: ", line)]
    known = {name for line in lines for name in line.partition(" known are: ")[2].split(", ")}
    assert _settings(schema) == known
