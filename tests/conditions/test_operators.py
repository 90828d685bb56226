"""Conditions: operators, nodes, paths, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.conditions import OPERATORS, Scope, read
from laudstream.conditions.compiler import NODES, SUBJECTS
from laudstream.conditions.events import OF_MESSAGES, WORDS
from laudstream.conditions.schema import condition_schema, segment_schema
from laudstream.journey.reader import Reader

ROOTS = ("customer", "entry", "event", "steps")
ATTRIBUTES = {
    "n": 5, "text": "hello", "flag": True, "list": ["a", 1], "date": "2026-01-05",
    "deep": {"er": {"x": 1}}, "null": None,
    "group": {"plan": "team"},
}  # fmt: skip


def holds(condition: Any) -> bool:
    reader = Reader()
    made = read(reader, condition, "/where", ROOTS)
    assert reader.problems == []
    return made.test(Scope("ann", ATTRIBUTES, {"cart": "c"}, {"amount": 9.5}, {"look": {"event": {"total": 3}}}))


@pytest.mark.parametrize(
    ("path", "operator", "operand", "expected"),
    [
        ("customer.n", "equals", 5, True), ("customer.n", "equals", 5.0, True), ("customer.n", "equals", "5", False),
        ("customer.flag", "equals", True, True), ("customer.flag", "equals", 1, False),
        ("customer.none", "equals", None, True), ("customer.none", "not_equals", 5, True),
        ("customer.n", "not_equals", 5, False),
        ("customer.text", "contains", "ell", True), ("customer.text", "contains", "x", False),
        ("customer.list", "contains", "a", True), ("customer.list", "contains", True, False),
        ("customer.n", "contains", 5, False), ("customer.list", "not_contains", "b", True),
        ("customer.none", "not_contains", "b", True),
        ("customer.text", "starts_with", "he", True), ("customer.text", "ends_with", "lo", True),
        ("customer.n", "starts_with", "5", False),
        ("customer.n", "in", [1, 5], True), ("customer.n", "in", ["5"], False), ("customer.n", "not_in", [1], True),
        ("customer.n", "exists", True, True), ("customer.null", "exists", True, False),
        ("customer.none", "not_exists", True, True),
        ("customer.n", "less_than", 5, False), ("customer.n", "at_most", 5, True),
        ("customer.n", "greater_than", 4, True),
        ("customer.n", "at_least", 6, False), ("customer.text", "greater_than", 1, False),
        ("customer.none", "less_than", 1, False), ("customer.flag", "at_least", 0, False),
        ("customer.date", "at_least", "2026-01-05", True),
        ("customer.n", "in", [5, "x"], True), ("customer.flag", "in", [1], False),
        ("customer.flag", "in", [True], True),
        ("customer.list", "in", ["a"], False), ("customer.none", "in", [None], True),
        ("customer.n", "in", [True], False),
        ("customer.text", "length", 5, True), ("customer.list", "length", {"at_least": 3}, False),
        ("customer.n", "length", 1, False), ("customer.list", "length", {"between": [1, 2]}, True),
        ("customer.date", "between", ["2026-01-01", "2026-01-05"], True),
        ("customer.text", "between", ["2026-01-01", "2026-01-05"], False),
        ("customer.text", "between", ["a", "i"], True), ("group.plan", "equals", "team", True),
        ("customer.n", "between", [5, 5], True), ("customer.n", "between", [1, 4.9], False),
        ("customer.deep.er.x", "equals", 1, True), ("customer.text.er", "exists", True, False),
        ("customer.id", "equals", "ann", True), ("entry.cart", "equals", "c", True),
        ("event.amount", "greater_than", 9, True), ("steps.look.event.total", "equals", 3, True),
        ("steps.other.event.total", "not_exists", True, True),
    ],
)  # fmt: skip
def test_each_operator(path: str, operator: str, operand: Any, expected: bool) -> None:
    assert holds({path: {operator: operand}}) is expected


def test_every_line_and_every_operator_must_hold() -> None:
    assert holds({"customer.n": {"greater_than": 4, "less_than": 6}, "entry.cart": {"equals": "c"}})
    assert not holds({"customer.n": {"greater_than": 4, "less_than": 5}})
    assert not holds({"customer.n": {"equals": 5}, "entry.cart": {"equals": "d"}})


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_all_any_and_none_are_what_they_say(values: list[bool]) -> None:
    items = [{"customer.n": {"equals": 5 if value else 6}} for value in values]
    assert holds({"all": items}) is all(values)
    assert holds({"any": items}) is any(values)
    assert holds({"none": items}) is not any(values)


@pytest.mark.parametrize(
    ("condition", "pointer", "word"),
    [
        ({}, "/where", "empty"), ([], "/where", "object"), ({"n": {"equals": 1}}, "/where/n", "cannot be read"),
        ({"customer.n": {}}, "/where/customer.n", "no operator"), ({"customer.n": 5}, "/where/customer.n", "object"),
        ({"customer.n": {"is": 5}}, "/where/customer.n/is", "unknown operator"),
        ({"customer.n": {"within_last": "1 day"}}, "/where/customer.n/within_last", "duration"),
        ({"customer.n": {"less_than": float("nan")}}, "/where/customer.n/less_than", "cannot compare"),
        ({"customer.n": {"equals": float("inf")}}, "/where/customer.n/equals", "cannot compare"),
        ({"customer.n": {"equals": "\ud800"}}, "/where/customer.n/equals", "cannot compare"),
        ({"customer.\ud800": {"equals": 1}}, "/where/customer.\ud800", "cannot be read"),
        ({"customer.n": {"in": [0] * 10_001}}, "/where/customer.n/in", "cannot compare"),
        ({"customer.n": {"in": [[1]]}}, "/where/customer.n/in", "cannot compare"),
        ({"customer.n": {"starts_with": "x" * 1_001}}, "/where/customer.n/starts_with", "cannot compare"),
        ({"customer.n": {"between": [1, "2"]}}, "/where/customer.n/between", "cannot compare"),
        ({"customer.n": {"length": -1}}, "/where/customer.n/length", "cannot compare"),
        ({"customer.n": {"length": {"is": 1}}}, "/where/customer.n/length", "cannot compare"),
        ({"customer.n": {"before": "soon"}}, "/where/customer.n/before", "cannot compare"),
        ({"customer.n": {"before": "0001-01-01"}}, "/where/customer.n/before", "cannot compare"),
        ({"customer.n": {"before": {"ago": "P1D", "ahead": "P1D"}}}, "/where/customer.n/before", "one of"),
        ({"customer.n": {"after": {"ago": "1 day"}}}, "/where/customer.n/after/ago", "duration"),
        ({"customer.n": {"on": "2026-05-01T10:00"}}, "/where/customer.n/on", "cannot compare"),
        ({"customer.n": {"on": {"ago": "PT1H"}}}, "/where/customer.n/on/ago", "whole days"),
        ({"customer.n": {"anniversary": "2026-05-01"}}, "/where/customer.n/anniversary", "cannot compare"),
        ({"customer.n": {"held_for": "P7D"}}, "/where/customer.n/held_for", "nothing beside"),
        ({"entry.n": {"equals": 1, "held_for": "P7D"}}, "/where/entry.n/held_for", "of an attribute"),
        (
            {"customer.n": {"within_last": "P1D", "held_for": "P7D"}},
            "/where/customer.n/held_for",
            "does not go with 'within_last'",
        ),
        ({"event.n": {"changed_within": "P7D"}}, "/where/event.n/changed_within", "of an attribute"),
        ({"customer.n": {"less_than": [1]}}, "/where/customer.n/less_than", "cannot compare"),
        ({"customer.n": {"between": [2, 1]}}, "/where/customer.n/between", "cannot compare"),
        ({"customer.n": {"exists": False}}, "/where/customer.n/exists", "cannot compare"),
        ({"any": []}, "/where/any", "list"), ({"all": [{"x": {}}]}, "/where/all/0/x", "cannot be read"),
        ({"steps.look.total": {"equals": 1}}, "/where/steps.look.total", "cannot be read"),
        ({"customer.": {"equals": 1}}, "/where/customer.", "cannot be read"),
        ({"customer.a/b": {"is": 1}}, "/where/customer.a~1b/is", "unknown operator"),
    ],
)  # fmt: skip
def test_r60_what_is_wrong_is_named_with_a_pointer_and_a_fix(condition: Any, pointer: str, word: str) -> None:
    reader = Reader()
    read(reader, condition, "/where", ROOTS)
    (problem,) = reader.problems
    assert problem.pointer == pointer
    assert word in problem.message
    assert problem.fix


def test_a_condition_that_nests_without_end_is_refused() -> None:
    condition: Any = {"customer.n": {"equals": 5}}
    for _ in range(50):
        condition = {"all": [condition]}
    reader = Reader()
    read(reader, condition, "/where", ROOTS)
    assert len(reader.problems) == 1


@pytest.mark.parametrize("operator", OPERATORS)
def test_r60_an_operand_however_deep_is_refused_with_a_short_message(operator: str) -> None:
    deep: Any = 1
    for _ in range(50_000):
        deep = [deep]
    reader = Reader()
    read(reader, {"customer.x": {operator: deep}}, "/where", ROOTS)
    (problem,) = reader.problems
    assert problem.pointer == f"/where/customer.x/{operator}"
    assert len(problem.message) < 200
    while isinstance(deep, list):  # taken apart here, since freeing it is as deep
        deep = deep.pop()


@pytest.mark.parametrize("subject", [
    {"event": {"name": "buy", "where": ...}}, {"event": {"name": "buy", "since": ...}},
    {"run": {"journey": "j", "was": ...}}, {"segment": ...},
    {"consent": {"channel": "email", "is": ...}}, {"bucket": {"salt": ..., "from": 0, "to": 1}},
    {"message": {"is": ...}},
])  # fmt: skip
def test_r60_a_subject_however_deep_is_refused(subject: Any) -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    (name, body), reader = next(iter(subject.items())), Reader()
    filled = {key: deep if value is ... else value for key, value in body.items()} if body is not ... else deep
    read(reader, {name: filled}, "", ROOTS)
    assert reader.problems


def test_r60_a_condition_with_too_many_lines_is_refused_once() -> None:
    lines = [{"any": [{"customer.n": {"equals": n}} for n in range(100)]} for _ in range(6)]
    reader = Reader()
    read(reader, {"all": lines}, "/where", ROOTS)
    (problem,) = reader.problems
    assert "500 lines" in problem.message


def test_no_text_of_a_definition_becomes_code() -> None:
    hostile = "'), __import__('os').abort(), ('"
    condition = {f"customer.{hostile}".replace(".abort", "_abort"): {"equals": hostile, "in": [hostile]}}
    assert not holds(condition)


def test_values_looked_at_are_kept_small() -> None:
    reader = Reader()
    made = read(reader, {"customer.text": {"exists": True}, "customer.list": {"exists": True}}, "", ROOTS)
    looked = made.looked_at(Scope("ann", {"text": "x" * 999, "list": [1, 2]}, {}))
    assert looked == {"customer.text": "x" * 200, "customer.list": "list of 2"}


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


@given(
    st.sampled_from(sorted(OPERATORS)),
    scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars, max_size=2),
    scalars | st.lists(scalars, max_size=3),
)
def test_no_value_makes_an_accepted_condition_raise(operator: str, value: Any, operand: Any) -> None:
    reader = Reader()
    made = read(reader, {"customer.x": {operator: operand}}, "", ROOTS)
    assert made.test(Scope("ann", {"x": value}, {})) in (True, False)


def test_the_schema_knows_every_operator_and_every_subject() -> None:
    schema = condition_schema("[a-z]+")
    (paths,) = schema["patternProperties"].values()
    assert set(paths["properties"]) == set(OPERATORS)
    assert set(schema["properties"]) == {*NODES, *SUBJECTS}
    for name, subject in schema["properties"].items():
        for word in subject.get("properties", {}):
            assert any(word in allowed for allowed in (WORDS, OF_MESSAGES, _WORDS_OF[name])), (name, word)
    assert json.loads(json.dumps(segment_schema("[a-z]+")))["$defs"]["condition"] == schema


_WORDS_OF = {
    "event": ("name", "where", "keyed", "first", "last"), "message": ("is", "link", "machine"),
    "run": ("journey", "is", "was", "outcome"), "consent": ("channel", "subscription", "is"),
    "bucket": ("salt", "from", "to"),
}  # fmt: skip
