"""Audiences on time: once, on a recurrence, by the workspace's or each customer's zone (R23, R32, R36, R49, A10)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.customers.row import Row
from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from laudstream.journey.durations import local
from laudstream.journey.inputs import RowInput, TimerInput
from laudstream.journey.occurrences import Schedule

HOUR, MINUTE, DAY = 3_600_000, 60_000, 86_400_000
EXACT = {"release_spread": "PT0S"}
DAILY = {"every": {"days": 1, "at": "12:00"}}


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def said(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="minutes")[:16]


@pytest.fixture
def present(world: Any, make: Any) -> Any:
    """A customer who was there before the journey was published, and has been looked at since."""

    def made(audience: dict[str, Any], beside: dict[str, Any] | None = None, **fields: Any) -> Any:
        w = world(row=False)
        w.row(**fields.pop("attributes", {"email": "ann@example.org"}))
        w.wait(MINUTE)
        entry = [{"audience": audience, **(beside or {})}]
        steps = fields.pop("steps", {"rest": {"delay": {"for": "PT2H"}, "next": "done"}})
        w.publish(make(steps, entry=entry, **{"settings": EXACT, **fields}))
        w.touch()
        return w

    return made


def entered(w: Any) -> list[str]:
    return [said(made.at) for made in w.decisions("entered")]


@pytest.mark.parametrize(
    ("audience", "zone", "days", "at"),
    [
        ({"at": "2026-01-07T09:00:00+02:00"}, "Asia/Tokyo", 9, ["2026-01-07T07:00"]),
        ({"at": "2026-01-07T09:00"}, "Asia/Tokyo", 9, ["2026-01-07T08:00"]),  # the workspace's time
        ({"at": "2026-01-07T09:00", "zone": "customer"}, "Asia/Tokyo", 9, ["2026-01-07T00:00"]),
        (DAILY, "Asia/Tokyo", 3, ["2026-01-05T11:00", "2026-01-06T11:00", "2026-01-07T11:00"]),
        ({**DAILY, "zone": "customer"}, "Asia/Tokyo", 3, ["2026-01-06T03:00", "2026-01-07T03:00", "2026-01-08T03:00"]),
        ({**DAILY, "after": 2}, "UTC", 9, ["2026-01-05T11:00", "2026-01-06T11:00"]),
        ({**DAILY, "until": "2026-01-07"}, "UTC", 9, ["2026-01-05T11:00", "2026-01-06T11:00", "2026-01-07T11:00"]),
        ({"every": {"days": 3, "at": "08:00"}}, "UTC", 7, ["2026-01-08T07:00", "2026-01-11T07:00"]),
        ({"every": {"days": 3, "at": "08:00"}, "after": 1}, "UTC", 9, ["2026-01-08T07:00"]),  # today's was over
        ({"every": {"days": 2, "at": "08:00", "from": "2026-01-09"}}, "UTC", 7,
         ["2026-01-09T07:00", "2026-01-11T07:00"]),
        ({"every": {"days": 7, "at": "08:00", "from": "2020-01-01"}}, "UTC", 9,
         ["2026-01-07T07:00", "2026-01-14T07:00"]),
        ({"every": {"weeks": 2, "on": ["thursday", "monday"], "at": "12:00"}}, "UTC", 21,
         ["2026-01-05T11:00", "2026-01-08T11:00", "2026-01-19T11:00", "2026-01-22T11:00"]),
        ({"every": {"weeks": 1, "on": ["sunday"], "at": "12:00"}}, "UTC", 8, ["2026-01-11T11:00"]),
        ({"every": {"months": 1, "on": [1, 31], "at": "12:00"}}, "UTC", 60,
         ["2026-01-31T11:00", "2026-02-01T11:00", "2026-02-28T11:00", "2026-03-01T11:00"]),
        ({"every": {"months": 1, "on": [29, 30, 31], "at": "12:00", "from": "2026-02-01"}, "after": 3}, "UTC", 99,
         ["2026-02-28T11:00", "2026-03-29T10:00", "2026-03-30T10:00"]),
        ({"every": {"months": 2, "on": [6], "at": "12:00"}}, "UTC", 70, ["2026-01-06T11:00", "2026-03-06T11:00"]),
    ],
)  # fmt: skip
def test_r36_who_is_there_enters_at_each_occurrence(
    present: Any, audience: dict[str, Any], zone: str, days: int, at: list[str]
) -> None:
    w = present(audience, attributes={"timezone": zone}, settings={**EXACT, "time_zone": "Europe/Berlin"})
    assert w.effects == []
    w.wait(days * DAY)
    assert entered(w) == at
    assert all(made.data.keys() == {"audience", "number"} for made in w.decisions("entered"))


def test_r25_entry_reads_the_number_of_the_occurrence(present: Any) -> None:
    odd = {"split": {"branches": [{"condition": {"entry.number": {"in": [1, 3]}}, "next": "left"}], "else": "done"}}
    w = present(DAILY, steps={"odd": odd})
    w.wait(4 * DAY)
    assert [made.outcome for made in w.decisions("ended")] == ["done", "left", "done", "left"]


def test_r11_an_occurrence_keeps_its_local_time_over_a_change_of_clocks(present: Any) -> None:
    w = present({"every": {"days": 1, "at": "02:30", "from": "2026-03-28"}, "zone": "customer"},
                attributes={"timezone": "Europe/Berlin"})  # fmt: skip
    w.wait(84 * DAY)
    assert entered(w) == ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]


def test_r23_reentry_is_always_for_a_recurrence_and_never_for_one_occurrence(present: Any) -> None:
    w = present({"at": "2026-01-07T09:00:00Z"}, beside=None)
    assert w.catalog.spaces["workspace1"].journeys["j"].versions[1].audience.reentry == "never"
    w = present(DAILY, {"reentry": "never"})
    w.wait(2 * DAY)
    assert (len(entered(w)), [made.reason for made in w.decisions("not_entered")]) == (1, ["reentry"])


def test_r59_only_who_meets_the_condition_then_enters_and_others_are_not_recorded(present: Any) -> None:
    w = present(DAILY, {"where": {"customer.plan": {"equals": "gold"}}})
    w.wait(DAY)
    assert w.effects == []
    w.row(plan="gold")
    w.wait(DAY)
    assert entered(w) == ["2026-01-06T12:00"]


@pytest.mark.parametrize(
    ("of", "old", "new"), [("present", True, False), ("future", False, True), ("both", True, True), (None, True, True)]
)
def test_r36_present_customers_future_ones_or_both(
    present: Any, world: Any, of: str | None, old: bool, new: bool
) -> None:
    said_of = {"of": of} if of else {}
    w = present({**DAILY, **said_of})
    w.wait(DAY)
    assert bool(entered(w)) is old
    w.row(deleted=True)
    w.hand(RowInput(w.cause("laudstream.rows"), Row(2, 50, {}, w.now)))
    w.wait(DAY)
    assert bool(entered(w)) is new


@pytest.mark.parametrize(("of", "old", "new"), [("future", 0, 1), ("both", 1, 1), ("present", 1, 0)])
def test_r36_an_audience_without_a_time_takes_future_customers_when_they_come(
    world: Any, make: Any, of: str, old: int, new: int
) -> None:
    w = world(row=False)
    w.row(email="ann@example.org")
    w.wait(MINUTE)
    w.publish(make({"rest": {"delay": {"for": "PT2H"}, "next": "done"}}, entry=[{"audience": {"of": of}}]))
    w.touch()
    assert len(w.decisions("entered")) == old
    w.wait(MINUTE)
    w.row(deleted=True)
    w.hand(RowInput(w.cause("laudstream.rows"), Row(2, 50, {}, w.now)))
    assert len(w.decisions("entered")) == new


def test_r36_an_occurrence_before_the_publishing_lets_nobody_in(present: Any) -> None:
    w = present({"at": "2026-01-05T09:00:30Z"})
    w.wait(10 * DAY)
    assert w.effects == []


def test_r36_who_is_looked_at_after_the_instant_enters_late(world: Any, make: Any) -> None:
    w = world()
    w.wait(MINUTE)
    entry = [{"audience": {"at": "2026-01-05T10:00:00Z"}}]
    w.publish(make({"rest": {"delay": {"for": "PT2H"}, "next": "done"}}, entry=entry, settings=EXACT))
    w.now = ms("2026-01-05T10:30")
    w.touch()
    w.hand(TimerInput(w.customer.core.wake_at))
    assert entered(w) == ["2026-01-05T10:00"]


@pytest.mark.parametrize(
    ("late", "catch_up", "made_up"), [(30 * MINUTE, None, True), (HOUR, None, True), (HOUR + 1, None, False),
                                      (5 * HOUR, "PT6H", True), (7 * HOUR, "PT6H", False)],
)  # fmt: skip
def test_r36_after_downtime_the_latest_is_made_up_if_it_is_young_and_others_are_missed(
    present: Any, late: int, catch_up: str | None, made_up: bool
) -> None:
    w = present({**DAILY, **({"catch_up": catch_up} if catch_up else {})})
    up = ms("2026-01-09T12:00") + late  # it was down for four days
    while 0 < w.customer.core.wake_at <= up:
        w.now = w.customer.core.wake_at
        w.lag = up - w.now
        w.hand(TimerInput(w.now))
        if not w.decisions("not_entered"):
            break
        missed = w.decision("not_entered")
        assert missed.reason == "missed"
        count = 4 if made_up else 5
        assert missed.data == {
            "occurrences": count, "first": ms("2026-01-05T12:00"), "last": ms(f"2026-01-0{4 + count}T12:00"),
        }  # fmt: skip
    assert entered(w) == (["2026-01-09T12:00"] if made_up else [])
    assert w.customer.core.alarms["j/audience"].due == ms("2026-01-10T12:00")


def test_r59_who_does_not_match_has_not_missed_anything(present: Any) -> None:
    w = present(DAILY, {"where": {"customer.plan": {"equals": "gold"}}})
    w.now = w.customer.core.wake_at
    w.lag = 30 * DAY
    w.hand(TimerInput(w.now))
    assert w.effects == []
    assert w.customer.core.wake_at > w.now + 29 * DAY


def test_r49_an_occurrence_in_a_pause_is_refused_and_not_made_up(present: Any) -> None:
    w = present(DAILY)
    w.control("paused")
    w.wait(DAY)
    assert [made.reason for made in w.decisions("not_entered")] == ["paused"]
    w.control("live")
    assert w.touch() == []
    w.wait(DAY)
    assert entered(w) == ["2026-01-06T12:00"]


def test_r49_a_journey_that_drains_refuses_and_goes_on_counting(present: Any) -> None:
    w = present({**DAILY, "after": 3})
    w.control("draining")
    w.wait(9 * DAY)
    assert [made.reason for made in w.decisions("not_entered")] == ["draining"] * 3


def test_r31_by_the_customers_zone_an_occurrence_moves_with_it_and_comes_once(present: Any) -> None:
    w = present({**DAILY, "zone": "customer"}, attributes={"timezone": "Europe/Berlin"})
    w.wait(DAY)
    assert entered(w) == ["2026-01-05T11:00"]
    w.row(timezone="America/New_York")
    assert w.customer.core.wake_at == ms("2026-01-06T12:00", "America/New_York")
    w.row(timezone="Pacific/Auckland")  # noon of the 6th is over there
    w.wait(0)
    assert entered(w) == [said(w.now)]
    assert w.customer.core.alarms["j/audience"].due == ms("2026-01-07T12:00", "Pacific/Auckland")
    w = present(DAILY, attributes={"timezone": "Europe/Berlin"})
    before = w.customer.core.wake_at
    w.row(timezone="America/New_York")
    assert w.customer.core.wake_at == before


def test_a8_occurrences_are_spread_by_customer_and_stay_in_order(present: Any) -> None:
    w = present(DAILY, settings={})
    w.wait(3 * DAY)
    moved = {made.at % DAY - 12 * HOUR for made in w.decisions("entered")}
    assert len(moved) == 1
    assert 0 < moved.pop() < 10 * MINUTE


def test_r36_two_occurrences_that_one_input_makes_up_are_two_runs(present: Any) -> None:
    w = present({"every": {"days": 1, "at": "12:00"}, "catch_up": "P30D"})
    w.now = ms("2026-01-06T12:30")
    w.lag = -2 * DAY  # the clock of the round says nothing is late
    w.hand(TimerInput(w.customer.core.wake_at))
    made = w.decisions("entered")
    assert ([said(each.at) for each in made], len({each.run for each in made})) == (
        ["2026-01-05T12:00", "2026-01-06T12:00"], 2,
    )  # fmt: skip


def test_r36_a_second_publishing_counts_from_its_own_day(present: Any, make: Any) -> None:
    w = present({**DAILY, "after": 2})
    w.wait(2 * DAY)
    entry = [{"audience": {"every": {"days": 1, "at": "15:00"}, "after": 2}}]
    w.publish(make({"rest": {"delay": {"for": "PT2H"}, "next": "done"}}, entry=entry, settings=EXACT), version=2)
    w.touch()
    w.wait(9 * DAY)
    assert entered(w) == ["2026-01-07T15:00", "2026-01-08T15:00"]


@given(
    st.sampled_from(["days", "weeks", "months"]),
    st.integers(1, 5),
    st.sets(st.integers(0, 6), min_size=1),
    st.dates(date(2020, 1, 1), date(2039, 1, 1)),
    st.integers(-900, 900),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_r36_the_next_occurrence_is_the_first_that_is_not_over(
    unit: str, every: int, on: set[int], start: date, away: int, name: str
) -> None:
    days = tuple(sorted(on if unit == "weeks" else {day + 1 for day in on}))
    schedule = Schedule(unit=unit, every=every, on=() if unit == "days" else days, clock=150, start=start)
    zone = ZoneInfo(name)
    since = ms(datetime.combine(start + timedelta(days=away), datetime.min.time()).isoformat())
    number, found = schedule.following(0, start, since, zone) or (-1, None)
    assert found is not None
    assert found.at >= since
    there = local(found.at, zone)
    assert there.date() >= start
    assert (there.hour, there.minute) in ((2, 30), (3, 0))
    assert unit == "days" or (there.weekday() if unit == "weeks" else there.day) in days
    if number:
        before = schedule.nth(number - 1, start, zone)
        assert before is not None
        assert before.at < since
    following = schedule.nth(number + 1, start, zone)
    assert following is not None
    assert following.at > found.at


@pytest.mark.parametrize(
    ("audience", "pointer"),
    [
        ({"at": "2026-01-05"}, "/at"), ({"at": "soon, but not yet"}, "/at"), ({"at": 5}, "/at"),
        ({"at": "2026-01-05T09:00:00Z", "zone": "customer"}, "/at"),
        ({"at": "2026-01-05T09:00", "until": "2026-02-01"}, "/until"),
        ({"at": "2026-01-05T09:00", "after": 3}, "/after"), ({"at": "2026-01-05T09:00", **DAILY}, "/at"),
        ({"zone": "customer"}, "/zone"), ({"catch_up": "PT1H"}, "/catch_up"),
        ({"of": "past"}, "/of"), ({**DAILY, "catch_up": "1h"}, "/catch_up"), ({**DAILY, "zone": "UTC"}, "/zone"),
        ({**DAILY, "until": "soon"}, "/until"), ({**DAILY, "after": 0}, "/after"), ({"every": {}}, "/every"),
        ({"every": "day"}, "/every"), ({"every": {"days": 1, "weeks": 1, "at": "09:00"}}, "/every"),
        ({"every": {"days": 1}}, "/every/at"), ({"every": {"days": 0, "at": "09:00"}}, "/every/days"),
        ({"every": {"days": 1, "at": "09:00", "on": [1]}}, "/every/on"),
        ({"every": {"weeks": 1, "at": "09:00"}}, "/every/on"),
        ({"every": {"months": 1, "at": "09:00", "on": [32]}}, "/every/on/0"),
        ({"every": {"days": 1, "at": "09:00", "from": "now"}}, "/every/from"),
        ({"every": {"hours": 1, "at": "09:00"}}, "/every/hours"),
    ],
)  # fmt: skip
def test_r60_what_no_audience_can_be_is_refused(
    make: Any, wait_step: Any, audience: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as raised:
        parse(make({"look": wait_step()}, entry=[{"audience": audience}]))
    assert raised.value.problems[0].pointer == "/entry/0/audience" + pointer
    assert all(problem.fix for problem in raised.value.problems)
