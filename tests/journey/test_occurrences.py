"""Places of each occurrence of an audience (R18, R36)."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.control import Control
from laudstream.journey.definition import parse
from laudstream.journey.handoff import Ask, Release
from laudstream.journey.inputs import GrantInput
from laudstream.journey.occurrences import LAST_YEAR, Schedule

DAY = 86_400_000
DAILY = {"audience": {"every": {"days": 1, "at": "10:00"}}}
REST = {"rest": {"delay": {"for": "PT1H"}, "next": "done"}}
EACH = {"n": 2, "per": "occurrence"}


def asks(w: Any) -> list[Ask]:
    return [made for made in w.effects if isinstance(made, Ask)]


def answer(w: Any, of: str, granted: bool, run: str = "") -> list[str]:
    run = run or w.run.id
    w.hand(GrantInput(w.cause("laudstream.handoffs"), "j", run, granted, 2, of))
    return list(w.kinds())


def test_r18_each_recurrence_is_counted_by_itself(world: Any, make: Any) -> None:
    w = world(make(REST, entry=[DAILY], max_entries=EACH, settings={"release_spread": "PT0S"}))
    w.touch()
    seq = w.catalog.spaces["workspace1"].journeys["j"].status.audience[0]
    seen = []
    for number in range(3):
        w.wait(DAY if number else DAY // 12)
        (ask,) = asks(w)
        seen.append(ask.of)
        assert answer(w, ask.of, granted=number != 1) == (["not_entered"] if number == 1 else ["entered"])
    assert seen == [f"audience/{seq}/{number}" for number in range(3)]


def test_r18_each_signal_is_counted_by_itself(world: Any, make: Any) -> None:
    w = world(make(REST, entry=[{"audience": {"signal": "sale"}}], max_entries=EACH))
    for number in (1, 2):
        w.seq += 1
        w.bodies["signal", "sale", number] = {}
        w.catalog = w.catalog.apply(Control(w.seq, "workspace1", "signal", "sale", number, "live"), w.now, w.body_of)
        w.touch()
        (ask,) = asks(w)
        assert ask.of == f"signal/{number}"
        answer(w, ask.of, granted=False)


def test_r55_a_place_that_is_not_used_goes_back_to_its_occurrence(world: Any, make: Any) -> None:
    entry = [{"audience": {"signal": "sale"}}, {"event": {"name": "go"}}]
    exits = [{"event": {"name": "leave"}, "outcome": "left"}]
    w = world(make(REST, entry=entry, max_entries=EACH, exit=exits))
    w.event("go")
    (ask,) = asks(w)
    assert ask.of == ""  # other entries share one
    run = w.run.id
    w.event("leave")
    assert answer(w, "signal/7", granted=True, run=run) == ["Release"]
    assert w.effects == [Release("workspace1", "j", run, of="signal/7")]


@pytest.mark.parametrize(
    ("places", "entry", "pointer"),
    [
        ({"n": 2, "per": "occurrence"}, {"event": {"name": "go"}}, "/max_entries/per"),
        ({"n": 2, "per": "occurrence"}, {"audience": {"at": "2026-12-01T09:00"}}, "/max_entries/per"),
        ({"n": 0, "per": "occurrence"}, DAILY, "/max_entries/n"),
        ({"n": 2}, DAILY, "/max_entries/per"),
        ({"n": 2, "per": "day"}, DAILY, "/max_entries/per"),
    ],
)
def test_r60_what_is_wrong_with_the_places_is_named(make: Any, places: Any, entry: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(make(REST, entry=[entry], max_entries=places))
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


@pytest.mark.parametrize(("unit", "on"), [("days", ()), ("weeks", (0,)), ("months", (5,))])
def test_r36_nothing_recurs_from_the_last_year_on(unit: str, on: tuple[int, ...]) -> None:
    schedule, begins = Schedule(unit=unit, on=on), date(LAST_YEAR - 1, 11, 1)
    days = []
    while (found := schedule.nth(len(days), begins, UTC)) is not None:
        days.append(found.at)
    assert len(days) == {"days": 61, "weeks": 9, "months": 2}[unit]
