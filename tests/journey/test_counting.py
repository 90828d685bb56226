"""A mere count takes the short way; the long way gives the same customer (R28)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.customers.event import Event
from laudstream.customers.row import Row
from laudstream.journey import advance as core
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import decode, empty, encode
from laudstream.journey.control import Control
from laudstream.journey.counted import folded
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import EventInput, Moment, RowInput, TimerInput

NOW = 1_795_500_000_000
HOUR = 3_600_000
WORKSPACE = "workspace1"
BRANCHES: dict[str, list[dict[str, Any]]] = {
    "one": [{"event": {"name": "b"}, "count": 3, "next": "out"}],
    "two": [{"event": {"name": "b"}, "count": 4, "next": "out"}, {"event": {"name": "c"}, "count": 2, "next": "out"}],
    "both": [{"name": "few", "event": {"name": "b"}, "count": 2, "next": "out"},
             {"name": "many", "event": {"name": "b"}, "count": 3, "next": "out"}],
    "where": [{"event": {"name": "b"}, "where": {"event.n": {"greater_than": 1}}, "count": 2, "next": "out"}],
    "level": [{"condition": {"customer.vip": {"equals": True}}, "next": "out"},
              {"event": {"name": "b"}, "count": 9, "next": "out"}],
    "young": [{"event": {"name": "b", "max_age": "PT1M"}, "count": 3, "next": "out"}],
    "at_once": [{"event": {"name": "c"}, "next": "out"}, {"event": {"name": "b"}, "count": 3, "next": "out"}],
}  # fmt: skip


EXITS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "other": [{"event": {"name": "c"}, "outcome": "gone"}],
    "same": [{"event": {"name": "b"}, "where": {"event.n": {"greater_than": 2}}, "outcome": "gone"}],
    "level": [
        {"event": {"name": "d"}, "outcome": "gone"},
        {"condition": {"customer.n": {"equals": 1}}, "outcome": "n"},
    ],
}


def journey(name: str, exits: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": name,
        "entry": [{"event": {"name": "a"}, "reentry": "always"}],
        "start": "look",
        "steps": {
            "look": {"wait": {"branches": BRANCHES[name], "timeout": {"after": "P1D", "next": "out"}}},
            "out": {"exit": {"outcome": "out"}},
        },
    }
    if EXITS[exits]:
        body["exit"] = EXITS[exits]
    return body


def catalog(names: list[str], exits: str, paused: bool) -> Catalog:
    made, seq = Catalog(), 0
    for name in names:
        for status in ("live", "paused") if paused and name == names[0] else ("live",):
            seq += 1
            control = Control(seq, WORKSPACE, "journey", name, 1, status)
            made = made.apply(control, NOW - 1, lambda *key: journey(key[2], exits))
    return made


events = st.tuples(
    st.sampled_from("abc"), st.integers(0, 12), st.sampled_from((0, HOUR // 30, 2 * HOUR)), st.integers(0, 3)
)


def lives(catalog: Catalog, inputs: list[tuple[str, int, int, int]]) -> list[tuple[Customer, list[Any]]]:
    customer, seen = empty(WORKSPACE, "ann"), []
    for value, moment in told(inputs):
        outcome = core.advance(customer, value, moment, catalog)
        customer = outcome.customer
        seen.append((folded(customer), outcome.effects))
    return seen


def told(inputs: list[tuple[str, int, int, int]]) -> list[tuple[Any, Moment]]:
    values: list[Any] = [RowInput(("laudstream.rows", 0, 0), Row(1, 1, {"email": "a@example.org"}, NOW))]
    for at, (name, id, age, n) in enumerate(inputs):
        event = Event(f"m{id}", "track", name, {"n": n}, NOW + at - age, NOW + at)
        values.append(EventInput(("laudstream.events", 0, at), event))
    return [(value, Moment(NOW + at, NOW + at)) for at, value in enumerate(values)]


@given(
    st.lists(st.sampled_from(sorted(BRANCHES)), min_size=1, max_size=3, unique=True),
    st.sampled_from(sorted(EXITS)), st.booleans(), st.lists(events, max_size=25),
)  # fmt: skip
def test_r28_the_short_way_of_a_count_does_what_the_long_way_does(
    names: list[str], exits: str, paused: bool, inputs: list[tuple[str, int, int, int]]
) -> None:
    made = catalog(names, exits, paused)
    short = lives(made, inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "count", lambda *_: None)
        assert lives(made, inputs) == short


@pytest.mark.parametrize(("exits", "short"), [("none", True), ("other", True), ("same", False), ("level", False)])
def test_r28_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch, exits: str, short: bool) -> None:
    taken: list[bool] = []
    count = core.count

    def noted(*args: Any) -> Any:
        found = count(*args)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(core, "count", noted)
    lives(catalog(["one"], exits, False), [("a", 1, 0, 0), ("b", 2, 0, 0), ("b", 3, 0, 0), ("b", 4, 0, 0)])
    assert taken == [short, short, False]


@given(
    st.lists(st.sampled_from(sorted(BRANCHES)), min_size=1, max_size=3, unique=True),
    st.sampled_from(sorted(EXITS)), st.booleans(), st.lists(events, max_size=25), st.sets(st.integers(0, 25)),
)  # fmt: skip
def test_a14_both_formats_keep_all_that_was_counted(
    names: list[str], exits: str, paused: bool, inputs: list[tuple[str, int, int, int]], crashes: set[int]
) -> None:
    made = catalog(names, exits, paused)
    customer, other = empty(WORKSPACE, "ann"), empty(WORKSPACE, "ann")
    first: dict[bytes, bytes | None] = {}
    second: dict[bytes, bytes | None] = {}
    for at, (value, moment) in enumerate(told(inputs)):
        after, before = core.advance(customer, value, moment, made), core.advance(other, value, moment, made)
        assert before.effects == after.effects
        second.update(encode(customer, after.customer))
        first.update(encode(other, before.customer, format=1))
        customer, other = after.customer, folded(before.customer)
        assert read(second) == customer
        assert read(first) == other == folded(customer)
        if at in crashes:
            customer, other = read(second), read(first)


def read(records: dict[bytes, bytes | None]) -> Customer:
    return decode(WORKSPACE, "ann", {suffix: value for suffix, value in records.items() if value})


def test_a7_an_event_that_only_counts_leaves_the_core_as_it_is() -> None:
    made, customer, written = catalog(["one"], "none", False), empty(WORKSPACE, "ann"), []
    for value, moment in told([("a", 1, 0, 0), ("b", 2, 0, 0), ("b", 3, 0, 0), ("b", 4, 0, 0)]):
        after = core.advance(customer, value, moment, made).customer
        written.append([[suffix for suffix, _ in encode(customer, after, format=format)] for format in (1, 2)])
        customer = after
    counts, ends = [[b"c", b"m"], [b"m"]], [[b"c", b"m"], [b"c", b"m"]]
    assert written[2:] == [counts, counts, ends]
    assert customer.counted == ()


def test_a7_where_an_event_does_more_what_was_counted_goes_into_the_core() -> None:
    """Of two runs one counts, the other ends: the core is written with all numbers, and nothing lies beside it."""
    made, customer = catalog(["one", "two"], "none", False), empty(WORKSPACE, "ann")
    counted = []
    for value, moment in told([("a", 1, 0, 0), ("b", 2, 0, 0), ("b", 3, 0, 0), ("b", 4, 0, 0)]):
        customer = core.advance(customer, value, moment, made).customer
        counted.append((len(customer.counted), [run.progress for run in customer.core.runs]))
    assert counted[2:] == [(2, [(), ()]), (2, [(), ()]), (0, [(3, 0)])]


def test_a7_a_timer_that_ends_a_wait_takes_its_numbers_away() -> None:
    """No id is new then, and yet the record of ids is written: its numbers would outlive the wait."""
    made, customer = catalog(["one"], "none", False), empty(WORKSPACE, "ann")
    for value, moment in told([("a", 1, 0, 0), ("b", 2, 0, 0)]):
        customer = core.advance(customer, value, moment, made).customer
    stored = dict(encode(None, customer))
    due = customer.core.wake_at
    after = core.advance(customer, TimerInput(due), Moment(due, due), made).customer
    stored.update(encode(customer, after))
    assert (len(customer.counted), after.counted, after.core.runs) == (1, (), ())
    assert read(stored) == after
