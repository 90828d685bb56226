"""`laudstream backtest`: who would get more, fewer or other messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.simulate.compare import CLASSES, Got, kind_of
from tests.simulate.conftest import waiting


def at(clock: str) -> str:
    return f"2026-01-05T{clock}:00Z"


EVENTS = [
    {"userId": "same", "event": "purchase", "timestamp": at("09:00")},
    {"userId": "same", "event": "paid", "timestamp": at("09:05")},
    {"userId": "fewer", "event": "purchase", "timestamp": at("09:00")},
    {"userId": "fewer", "event": "paid", "timestamp": at("11:30")},
    {"userId": "shifted", "event": "purchase", "timestamp": at("09:00")},
    {"userId": "more", "event": "order", "timestamp": at("09:00")},
    {"userId": "stranger", "event": "browse", "timestamp": at("09:00")},
]


@pytest.fixture
def shop(files: Any) -> list[Path]:
    b = waiting(entry=[{"event": {"name": "purchase"}}, {"event": {"name": "order"}}])
    b["steps"]["look"]["wait"]["timeout"]["after"] = "PT3H"
    customers = [{"id": row["userId"], "email": "a@example.org"} for row in EVENTS]
    return [files("a.json", waiting()), files("b.json", b), files("events.jsonl", EVENTS), files("c.jsonl", customers)]


def compared(laudstream: Any, shop: list[Path], *more: object) -> Any:
    return laudstream("backtest", shop[0], shop[1], "--events", shop[2], "--customers", shop[3], *more)


def test_everyone_is_in_one_class_and_the_reasons_are_shown(laudstream: Any, shop: list[Path]) -> None:
    result = compared(laudstream, shop)
    assert result.exit_code == 0, result.output
    for said in (
        "backtest: customers=4 same=1 shifted=1 more=1 fewer=1 other=0",
        "customer fewer: would get fewer under B", "only here: look –timeout→; remind –sent→; ended: late",
        "B: hello 2026-01-05 09:00:00, remind 2026-01-05 12:00:00", "A: nothing",
    ):  # fmt: skip
        assert said in result.stdout


def test_out_has_a_line_for_each_customer_who_differs(laudstream: Any, shop: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "diff.jsonl"
    assert compared(laudstream, shop, "--out", out).exit_code == 0
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [(line["customer"], line["kind"]) for line in lines] == [
        ("fewer", "fewer"), ("more", "more"), ("shifted", "shifted"),
    ]  # fmt: skip
    assert [got["template"] for got in lines[1]["b"]] == ["hello", "remind"]
    assert lines[0]["why_b"][0] == {
        "at": 1767612600000, "kind": "moved", "journey": "pay", "step": "look", "branch": "paid",
    }  # fmt: skip


def test_json_has_totals_templates_and_both_reports(laudstream: Any, shop: list[Path]) -> None:
    result = compared(laudstream, shop, "--json", "--sample", 1)
    found = json.loads(result.stdout[result.stdout.index("{") :])
    assert (found["messages_a"], found["messages_b"]) == (5, 6)
    assert found["templates"] == {"hello": [3, 4], "remind": [2, 2]}
    assert (found["a"]["journeys"][0]["entered"], found["b"]["journeys"][0]["entered"]) == (3, 4)
    assert len(found["sample"]) == 1


def test_a_journey_does_not_differ_from_itself(laudstream: Any, shop: list[Path]) -> None:
    shop[1] = shop[0]
    assert "same=3 shifted=0 more=0 fewer=0 other=0" in compared(laudstream, shop, "--opened", "0.5").stdout


def test_a_file_without_a_journey_is_named(laudstream: Any, shop: list[Path], files: Any) -> None:
    shop[1] = files("t.yaml", "channel: email\nsubject: s\nhtml: h\n")
    result = compared(laudstream, shop)
    assert (result.exit_code, f"{shop[1]}: holds no journey" in result.stderr) == (1, True)


MESSAGES = st.lists(st.builds(Got, st.integers(0, 3), st.sampled_from(["x", "y"])), max_size=4)


@given(MESSAGES, MESSAGES)
def test_every_pair_is_in_the_class_that_its_words_say(a: list[Got], b: list[Got]) -> None:
    kind = kind_of(a, b)
    assert kind in CLASSES
    assert (kind == "same") == (a == b)
    assert (kind == "more") == (len(b) > len(a))
    assert (kind == "fewer") == (len(b) < len(a))
    mirrored = {"more": "fewer", "fewer": "more"}
    assert kind_of(b, a) == mirrored.get(kind, kind)
