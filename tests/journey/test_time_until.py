"""Delays until an instant: dates, local times, weekdays, fixed instants (R3, R11, R31, R32)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.conditions import Scope
from laudstream.journey.definition import parse
from laudstream.journey.doubts import Known, check
from laudstream.journey.durations import local
from laudstream.journey.until import Until, due
from laudstream.journey.windows import EVERY_DAY
from tests.journey.times import CLOCK, DAY, EXACT, PAST, ms, rest, somewhere, until_value, waits

# Dates


@pytest.mark.parametrize(
    ("value", "zone", "offset", "clock", "at"),
    [
        ("2026-05-01", "Europe/Berlin", "", None, "2026-05-01T00:00"),
        ("2026-05-01", "Europe/Berlin", "-P3D", 540, "2026-04-28T09:00"),
        ("2026-05-01T18:30:00+02:00", "Europe/Berlin", "P1D", None, "2026-05-02T18:30"),
        ("2026-05-01T18:30", "Europe/Berlin", "", None, "2026-05-01T18:30"),
        ("2026-05-01T23:30:00Z", "Europe/Berlin", "", 540, "2026-05-02T09:00"),  # it is the 2nd in Berlin
        (1_777_660_200_000, "Europe/Berlin", "", None, "2026-05-01T20:30"),  # ms
        (1_777_660_200, "Europe/Berlin", "", None, "2026-05-01T20:30"),  # seconds
        (1_777_660_200.5, "Europe/Berlin", "", None, "2026-05-01T20:30:00.500"),
        ("2026-03-31", "Europe/Berlin", "-P1M", None, "2026-02-28T00:00"),  # R32
        ("2024-02-29", "Europe/Berlin", "P1Y", 480, "2025-02-28T08:00"),
        ("2026-01-31", "Europe/Berlin", "P1M", None, "2026-02-28T00:00"),
        ("2028-03-29", "Europe/Berlin", "-P1M", None, "2028-02-29T00:00"),
        ("2026-03-28", "Europe/Berlin", "P1D", 150, "2026-03-29T03:00"),  # 02:30 does not exist: the next that does
        ("2026-10-25", "Europe/Berlin", "", 150, "2026-10-25T02:30"),  # exists twice: the first
        ("2026-03-30", "Europe/Berlin", "-P1D", 540, "2026-03-29T09:00"),
        ("2026-03-08", "America/New_York", "", 150, "2026-03-08T03:00"),
        ("2026-11-01", "America/New_York", "", 90, "2026-11-01T01:30"),
        ("2026-10-04", "Australia/Lord_Howe", "", 135, "2026-10-04T02:30"),  # 02:00 to 02:30 does not exist
        ("2026-04-05", "Australia/Lord_Howe", "", 105, "2026-04-05T01:45"),  # 01:30 to 02:00 exists twice
        ("2011-12-30", "Pacific/Apia", "", 540, "2011-12-31T00:00"),  # that day does not exist
        ("2011-12-29", "Pacific/Apia", "P1D", None, "2011-12-31T00:00"),
    ],
)
def test_r31_r32_a_date_moved_by_an_offset_at_a_local_time(
    value: Any, zone: str, offset: str, clock: int | None, at: str
) -> None:
    assert until_value(value, zone, offset, clock) == ms(at, zone)


@pytest.mark.parametrize(
    ("offset", "at"), [("PT2H", "2026-10-25T03:30:00+00:00"), ("-PT30M", "2026-10-25T01:00:00+00:00")]
)
def test_r32_hours_count_from_the_instant_itself_also_in_the_second_of_two_equal_hours(offset: str, at: str) -> None:
    second = "2026-10-25T02:30:00+01:00"  # 02:30 in Berlin for the second time
    found = datetime.fromtimestamp((until_value(second, "Europe/Berlin", offset) or 0) / 1000, UTC)
    assert found == datetime.fromisoformat(at)
    assert until_value(second, "Europe/Berlin") == ms("2026-10-25T01:30")


@pytest.mark.parametrize(
    "value",
    [None, "", "soon", "2026-13-01", "2026-02-30", "2026-W01-1", "2026", True, 0, 17, 99_999_999, -5, 10**20,
     float("nan"), float("inf"), [], {}, "09:00", "9999-12-31", "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_r31_what_is_no_date_or_out_of_range_is_missing(value: Any) -> None:
    assert until_value(value, "Europe/Berlin", "P1Y") is None


def test_r31_a_delay_rests_until_a_date_of_the_customer(world: Any, make: Any) -> None:
    w = world(make(rest({"date": "customer.renews_on", "offset": "-P3D", "at": "09:00"}), **EXACT))
    w.row(renews_on="2026-02-01", timezone="Europe/Berlin")
    w.event("go")
    assert w.run.wake_at == ms("2026-01-29T09:00", "Europe/Berlin")
    w.wait(w.run.wake_at - w.now - 1)
    assert w.at == "rest"  # R3: not early
    w.wait(1)
    assert w.decision("ended").outcome == "done"


def test_r25_the_date_may_be_one_of_the_entry_or_of_a_step(world: Any, make: Any) -> None:
    steps = {
        "look": {"wait": {"branches": [{"event": {"name": "book"}, "next": "rest"}]}},
        **rest({"date": "steps.look.event.leaves"}),
    }
    w = world(make({**rest({"date": "entry.leaves"})}, id="a"), make(steps, id="b"))
    w.event("go", leaves="2026-01-10T10:00:00Z")
    w.event("book", leaves="2026-01-11T10:00:00Z")
    assert {run.journey: run.wake_at for run in w.customer.core.runs} == {
        "a": ms("2026-01-10T10:00"), "b": ms("2026-01-11T10:00"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("if_past", "branch", "to", "outcome"),
    [(None, "next", "tell", "told"), ("pass", "next", "tell", "told"), ("skip", "skip", "told", "told"),
     ("else", "past", "else", "else")],
)  # fmt: skip
def test_r31_if_past_says_where_a_run_goes(
    world: Any, make: Any, if_past: str | None, branch: str, to: str, outcome: str
) -> None:
    steps = {
        "rest": {"delay": {"until": PAST, **({"if_past": if_past} if if_past else {})}, "next": "tell"},
        "tell": {"message": {"channel": "email", "template": "mail"}, "next": "told"},
        "told": {"exit": {"outcome": "told"}},
        **({"else": {"exit": {"outcome": "else"}}} if if_past == "else" else {}),
    }
    w = world(make(steps))
    w.row(renews_on="2026-01-04", email="ann@example.org")
    w.event("go")
    moved = w.decisions("moved")[0]
    assert (moved.branch, moved.to, w.decision("ended").outcome) == (branch, to, outcome)
    assert moved.data == {"customer.renews_on": "2026-01-04", "due": ms("2026-01-04T00:00"), "reason": "if_past"}
    assert len(w.sends()) == (to == "tell")


def test_r31_an_instant_of_the_group_is_computed_again_when_its_traits_change(world: Any, make: Any) -> None:
    w = world(make(rest({"date": "group.renews_on"}), **EXACT))
    w.row(group={"id": "acme", "renews_on": "2026-02-01"})
    w.event("go")
    assert w.run.wake_at == ms("2026-02-01T00:00")
    w.row(group={"id": "acme", "renews_on": "2026-03-01"})
    assert w.run.wake_at == ms("2026-03-01T00:00")


def test_r31_if_past_exit_ends_the_run_with_that_reason(world: Any, make: Any) -> None:
    w = world(make(rest(PAST, if_past="exit")))
    w.row(renews_on="2026-01-04")
    w.event("go")
    made = w.decision("ended")
    assert (made.reason, made.step, made.outcome) == ("if_past", "rest", "")


def test_r31_the_first_instant_of_all_is_past_too(world: Any, make: Any) -> None:
    w = world(make(rest({"instant": "1970-01-01T00:00:00Z"}, if_past="exit")))
    w.event("go")
    assert w.decision("ended").reason == "if_past"


def test_r31_without_a_value_the_run_exits_passes_or_holds(world: Any, make: Any) -> None:
    def rests(id: str, **beside: Any) -> Any:
        return make(rest(PAST, **beside), id=id)

    w = world(rests("default"), rests("exit", if_missing="exit"), rests("pass", if_missing="pass"),
              rests("hold", if_missing="hold"))  # fmt: skip
    w.event("go")
    ends = {made.journey: made.reason or made.outcome for made in w.decisions("ended")}
    assert ends == {"default": "if_missing", "exit": "if_missing", "pass": "done"}
    assert (w.run.journey, w.run.wake_at) == ("hold", 0)
    w.row(renews_on="2026-02-01")
    assert ms("2026-02-01T00:00") <= w.run.wake_at < ms("2026-02-01T00:10")
    w.row(email="x@example.org")
    assert (w.at, w.run.wake_at) == ("rest", 0)  # the value went again


# Local times and weekdays


@pytest.mark.parametrize(
    ("until", "zone", "now", "at"),
    [
        ({"at": "09:00"}, "Europe/Berlin", "2026-01-05T08:00", "2026-01-05T09:00"),
        ({"at": "09:00"}, "Europe/Berlin", "2026-01-05T09:00", "2026-01-06T09:00"),  # it is over: the next one
        ({"at": "09:00"}, "Europe/Berlin", "2026-01-05T09:01", "2026-01-06T09:00"),
        ({"at": "02:30"}, "Europe/Berlin", "2026-03-28T10:00", "2026-03-29T03:00"),
        ({"at": "02:30"}, "America/New_York", "2026-03-07T10:00", "2026-03-08T03:00"),
        ({"at": "02:15"}, "Australia/Lord_Howe", "2026-10-03T10:00", "2026-10-04T02:30"),
        ({"at": "09:00"}, "Pacific/Apia", "2011-12-29T10:00", "2011-12-31T00:00"),
        ({"weekday": "monday", "at": "09:00"}, "Europe/Berlin", "2026-01-05T08:00", "2026-01-05T09:00"),
        ({"weekday": ["monday"], "at": "09:00"}, "Europe/Berlin", "2026-01-05T10:00", "2026-01-12T09:00"),
        ({"weekday": ["friday", "tuesday"], "at": "09:00"}, "Europe/Berlin", "2026-01-05T10:00", "2026-01-06T09:00"),
        ({"weekday": ["sunday"]}, "Europe/Berlin", "2026-03-23T10:00", "2026-03-29T00:00"),
        ({"weekday": ["thursday"], "at": "12:00"}, "UTC", "2028-02-25T10:00", "2028-03-02T12:00"),  # over a leap day
        ({"instant": "2026-05-01T09:00:00+02:00"}, "Asia/Kathmandu", "2026-01-05T10:00", "2026-05-01T12:45"),
    ],
)
def test_r11_r31_the_next_local_time_or_weekday(make: Any, until: dict[str, Any], zone: str, now: str, at: str) -> None:
    step: Any = parse(make(rest(until))).steps["rest"]
    found = due(step.until, Scope("ann", {}, {}), ms(now, zone), ZoneInfo(zone))
    assert found is not None
    assert (found.at, found.many) == (ms(at, zone), True)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", 17, None, "../etc/passwd"])
def test_r11_a_customer_without_a_valid_zone_goes_by_the_journeys(world: Any, make: Any, zone: Any) -> None:
    w = world(make(rest({"at": "09:00"}), settings={"time_zone": "Asia/Tokyo", "release_spread": "PT0S"}))
    w.row(timezone=zone)
    w.event("go")
    assert w.run.wake_at == ms("2026-01-06T09:00", "Asia/Tokyo")


def test_r31_a_day_of_a_cycle_passes_once_a_day(world: Any, make: Any) -> None:
    steps = {
        "rest": {"delay": {"until": {"at": "09:00"}}, "next": "split"},
        "split": {
            "split": {"branches": [{"condition": {"customer.off": {"equals": True}}, "next": "done"}], "else": "rest"}
        },
    }
    w = world(make(steps, **EXACT))
    w.event("go")
    fired = w.wait(3 * DAY)
    assert [made.at for made in fired if made.step == "rest"] == [ms(f"2026-01-0{day}T09:00") for day in (6, 7, 8)]


@given(
    somewhere(),
    CLOCK,
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_r11_no_local_time_passes_outside_its_minute_in_any_zone(
    there_and_then: tuple[str, datetime], clock: int, days: frozenset[int]
) -> None:
    name, at = there_and_then
    zone = ZoneInfo(name)
    now = ms(at.replace(microsecond=0).isoformat())
    found = due(Until(clock=clock, days=days), Scope("ann", {}, {}), now, zone)
    assert found is not None
    there = local(found.at, zone)
    minute = there.hour * 60 + there.minute
    assert found.at > now
    assert there.weekday() in days or local(found.at - 1, zone).weekday() in days - {there.weekday()}
    if minute != clock:  # it does not exist on that day
        assert minute > clock
        before = local(found.at - 1, zone)
        assert before.date() < there.date() or before.hour * 60 + before.minute < clock
    assert due(Until(clock=clock, days=EVERY_DAY), Scope("ann", {}, {}), now, zone) is not None


# Definitions


@pytest.mark.parametrize(
    ("delay", "pointer", "word"),
    [
        ({"for": "PT1H", "until": {"at": "09:00"}}, "/for", "unknown"),
        ({"until": "customer.x"}, "/until", "object"),
        ({"until": {}}, "/until", "nothing to wait for"),
        ({"until": {"at": "9:00"}}, "/until/at", "local time"),
        ({"until": {"weekday": ["caturday"]}}, "/until/weekday", "cannot be"),
        ({"until": {"date": "event.x"}}, "/until/date", "cannot be read"),
        ({"until": {"date": 17}}, "/until/date", "cannot be read"),
        ({"until": {"date": "customer.x", "offset": "3D"}}, "/until/offset", "duration"),
        ({"until": {"date": "customer.x", "offset": "-P0D"}}, "/until/offset", "duration"),
        ({"until": {"date": "customer.x", "offset": "-PT3H", "at": "09:00"}}, "/until/offset", "hours"),
        ({"until": {"date": "customer.x", "weekday": "monday"}}, "/until/weekday", "unknown"),
        ({"until": {"instant": "2026-05-01"}}, "/until/instant", "offset from UTC"),
        ({"until": {"at": "09:00"}, "if_past": "exit"}, "/if_past", "never be past"),
        ({"until": {"at": "09:00"}, "if_missing": "hold"}, "/if_missing", "never be missing"),
        ({"until": {"date": "customer.x"}, "if_past": "nowhere"}, "/if_past", "no step"),
        ({"until": {"date": "customer.x"}, "if_past": 5}, "/if_past", "cannot be"),
        ({"until": {"date": "customer.x"}, "if_past": "skip"}, "/if_past", "not clear"),
        ({"until": {"date": "customer.x"}, "if_missing": "wait"}, "/if_missing", "cannot be"),
    ],
)
def test_r60_what_cannot_be_waited_for_is_refused(make: Any, delay: dict[str, Any], pointer: str, word: str) -> None:
    from laudstream.errors import Invalid

    with pytest.raises(Invalid) as raised:
        parse(make({"rest": {"delay": delay, "next": "done"}}))
    (problem,) = raised.value.problems
    assert problem.pointer == "/steps/rest/delay" + pointer
    assert word in problem.message
    assert problem.fix


def test_r60_a_word_that_if_past_does_not_know_is_told_those_that_it_knows(make: Any) -> None:
    from laudstream.errors import Invalid

    with pytest.raises(Invalid) as raised:
        parse(make(rest(PAST, if_past="go_on")))
    (problem,) = raised.value.problems
    assert problem.fix.startswith("use one of: pass, skip, exit, rest, ")


@pytest.mark.parametrize(
    ("steps", "pointers"),
    [
        (rest(PAST), ["/steps/rest/delay/if_past"]),
        (rest({"instant": "2026-05-01T09:00:00Z"}), ["/steps/rest/delay/if_past"]),
        (rest(PAST, if_past="pass"), []),
        (rest({"at": "09:00"}), []),
        (waits(PAST), ["/steps/look/wait/timeout/if_past"]),
        (waits(PAST, if_past="exit"), []),
    ],
)
def test_r60_a_delay_without_if_past_is_a_doubt(make: Any, steps: dict[str, Any], pointers: list[str]) -> None:
    assert [doubt.pointer for doubt in check(parse(make(steps)), Known())] == pointers
