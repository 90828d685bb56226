"""Questions about events: what is wrong with one is named, with its place and a fix (R58, R60)."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.conditions import Facts, Scope, read
from laudstream.journey.reader import HORIZON, Reader

NOW = 1_774_710_000_000


@pytest.mark.parametrize(
    ("event", "pointer", "word"),
    [
        ("buy", "", "object"), ({}, "/name", "text"), ({"name": "buy", "often": 1}, "/often", "unknown"),
        ({"name": "buy", "at_least": 0}, "/at_least", "whole number"),
        ({"name": "buy", "at_least": 1_001}, "/at_least", "whole number"),
        ({"name": "buy", "at_most": 1_000}, "/at_most", "whole number"),
        ({"name": "buy", "at_least": 1, "at_most": 2}, "", "one of"),
        ({"name": "buy", "within": "7 days"}, "/within", "duration"),
        ({"name": "buy", "within": "P7D", "since": "2026-01-01"}, "/since", "two periods"),
        ({"name": "buy", "since": "spring"}, "/since", "cannot be"),
        ({"name": "buy", "where": {"customer.x": {"exists": True}}}, "/where/customer.x", "cannot be read"),
        ({"name": "buy", "where": {"segment": "s"}}, "/where/segment", "cannot be asked"),
        ({"name": "buy", "where": {"event.at": {"before": "now"}}}, "/where/event.at/before", "by time"),
        ({"name": "buy", "first": {"event.n": {"equals": 1}}, "at_least": 2}, "/at_least", "one event"),
        ({"name": "buy", "first": {"event.n": {"is": 1}}}, "/first/event.n/is", "unknown operator"),
        ({"name": "buy", "keyed": "n", "exactly": 0}, "/exactly", "whole number"),
        ({"name": "buy", "keyed": {"by": "n", "value": "event.n"}}, "/keyed/value", "cannot be read"),
        ({"name": "buy", "keyed": "n", "last": {"event.n": {"equals": 1}}}, "/keyed", "which value"),
        ({"name": "buy", "at_least": 2, "within": "P91D"}, "/within", "beyond the history"),
        ({"name": "buy", "at_least": 2, "within": "P3M"}, "/within", "beyond the history"),
    ],
)  # fmt: skip
def test_r60_what_is_wrong_with_a_question_is_named(event: Any, pointer: str, word: str) -> None:
    reader = Reader(HORIZON)
    read(reader, {"event": event}, "", ("customer", "entry"))
    (problem,) = reader.problems
    assert problem.pointer == f"/event{pointer}"
    assert word in problem.message
    assert problem.fix


@pytest.mark.parametrize(
    "event",
    [
        {"within": "P2Y"}, {"exactly": 0, "within": "P2Y"}, {"at_least": 7}, {"at_least": 2, "within": "P90D"},
        {"last": {"event.n": {"equals": 1}}, "within": "P2Y"},
    ],
)  # fmt: skip
def test_r58_what_a_first_a_last_or_a_count_answers_looks_back_as_far_as_it_likes(event: Any) -> None:
    reader = Reader(HORIZON)
    read(reader, {"event": {"name": "buy", **event}}, "", ("customer",))
    assert reader.problems == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
words = st.sampled_from(
    ["name", "where", "keyed", "first", "last", "at_least", "within", "since", "is", "journey", "was", "in", "held_for",
     "channel", "salt", "from", "to", "all", "any", "event", "segment", "customer.x", "equals", "before", "ago"]
)  # fmt: skip
bodies = st.recursive(json_values, lambda inner: st.dictionaries(words, inner, max_size=4), max_leaves=10)


@given(st.sampled_from(["event", "message", "run", "segment", "consent", "bucket", "customer.x", "all"]), bodies)
def test_r60_whatever_is_written_is_accepted_or_refused_with_a_place_and_a_fix(subject: str, body: Any) -> None:
    reader = Reader(HORIZON)
    made = read(reader, {subject: body}, "", ("customer", "entry"))
    if reader.problems:
        assert all(problem.pointer and problem.message and problem.fix for problem in reader.problems)
    else:
        found = Scope("ann", json.loads('{"x": 1}'), {}, facts=Facts(NOW, UTC, workspace="workspace1"))
        assert made.test(found) in (True, False)
        assert isinstance(made.looked_at(found), dict)
        assert made.next_change(found) >= 0
