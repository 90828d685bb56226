"""Entries at a date of the customer (R21, R23, R31 to R33, R49, R59)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.customers.row import Row
from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from laudstream.journey.inputs import RowInput, TimerInput
from laudstream.journey.occurrences import Dates
from laudstream.journey.until import Offset

HOUR, MINUTE, DAY = 3_600_000, 60_000, 86_400_000
EXACT = {"release_spread": "PT0S"}


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def said(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="minutes")[:16]


def dated(beside: dict[str, Any] | None = None, **date: Any) -> list[dict[str, Any]]:
    return [{"date": {"of": "customer.renews_on", **date}, **(beside or {})}]


@pytest.fixture
def looked(world: Any, make: Any, wait_step: Any) -> Any:
    """A customer with attributes, who was there before the journey was published and has been looked at since."""

    def made(attributes: dict[str, Any], *entry: dict[str, Any], **fields: Any) -> Any:
        w = world(row=False)
        w.row(**attributes)
        w.wait(MINUTE)
        steps = {"look": wait_step(after="P1D")}
        w.publish(make(steps, entry=list(entry), **{"settings": EXACT, **fields}))
        w.touch()
        return w

    return made


def entered(w: Any) -> list[str]:
    return [said(made.at) for made in w.decisions("entered")]


def test_r33_a_date_fires_once_at_its_time(looked: Any) -> None:
    w = looked({"renews_on": "2026-02-01", "timezone": "Europe/Berlin"}, *dated(offset="-P3D", at="09:00"))
    assert w.customer.core.wake_at == ms("2026-01-29T09:00", "Europe/Berlin")
    w.wait(w.customer.core.wake_at - w.now - 1)
    assert w.effects == []  # R3
    w.wait(1)
    made = w.decision("entered")
    assert (made.at, made.data) == (w.now, {"date": "2026-02-01"})
    w.wait(400 * DAY)
    assert entered(w) == []
    w.row(renews_on="2026-02-01", other=1)
    assert w.customer.core.wake_at == 0


def test_r25_entry_reads_the_date(looked: Any) -> None:
    w = looked({"renews_on": "2026-02-01"}, *dated({"where": {"entry.date": {"equals": "2026-02-01"}}}))
    w.wait(40 * DAY)
    assert entered(w) == ["2026-02-01T00:00"]


def test_r59_a_date_whose_condition_does_not_hold_is_refused(looked: Any) -> None:
    w = looked({"renews_on": "2026-02-01"}, *dated({"where": {"customer.plan": {"equals": "gold"}}}))
    w.wait(40 * DAY)
    made = w.decision("not_entered")
    assert (made.reason, made.data, said(made.at)) == ("condition", {"customer.plan": None}, "2026-02-01T00:00")


@pytest.mark.parametrize("value", ["2026-01-01", "soon", None])
def test_r33_a_value_that_is_past_or_none_fires_nothing(looked: Any, value: Any) -> None:
    w = looked({"renews_on": value}, *dated())
    assert (w.effects, w.customer.core.wake_at) == ([], 0)
    w.wait(400 * DAY)
    assert w.effects == []


def test_r33_a_changed_value_arms_again_and_ends_the_run(looked: Any) -> None:
    w = looked({"renews_on": "2026-02-01"}, *dated(), *dated({"reentry": "always"}, offset="P10D"))
    w.row(renews_on="2026-03-01")
    assert w.effects == []
    w.wait(54 * DAY + 16 * HOUR)
    assert entered(w) == ["2026-03-01T00:00"]
    w.row(renews_on="2026-04-01")
    made = w.decision("ended")
    assert (made.reason, made.data) == ("date_changed", {"date": "2026-03-01"})
    w.wait(60 * DAY)
    assert entered(w) == ["2026-04-11T00:00"]  # the other entry: reentry is never (R23)
    assert [made.reason for made in w.decisions("not_entered")] == ["reentry"]


def test_r33_keep_lets_the_run_go_on_and_runs_that_events_started_stay(looked: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated(keep=True))
    w.wait(5 * DAY)
    assert w.at == "look"
    w.row(renews_on="2026-03-01")
    assert (w.effects, w.at) == ([], "look")
    w = looked({"renews_on": "2026-02-01"}, *dated(), {"event": {"name": "go"}})
    w.event("go")
    w.row(renews_on="2026-03-01")
    assert (w.effects, w.at) == ([], "look")


def test_r33_a_value_that_goes_disarms(looked: Any) -> None:
    w = looked({"renews_on": "2026-02-01"}, *dated())
    w.row(email="ann@example.org")
    assert (w.customer.core.wake_at, w.customer.core.alarms) == (0, {})


def test_r6_an_exit_by_the_same_change_comes_before_date_changed(looked: Any) -> None:
    leaves = [{"condition": {"customer.off": {"equals": True}}, "outcome": "off"}]
    w = looked({"renews_on": "2026-01-10"}, *dated(), exit=leaves)
    w.wait(5 * DAY)
    w.row(renews_on="2026-03-01", off=True)
    assert w.decision("ended").outcome == "off"


def test_r33_who_comes_after_the_publishing_is_armed_too(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=dated(), settings=EXACT), row=False)
    w.wait(HOUR)
    w.hand(RowInput(w.cause("laudstream.rows"), Row(1, 1, {"renews_on": "2026-02-01"}, w.now)))
    assert w.customer.core.wake_at == ms("2026-02-01T00:00")
    w.touch()
    assert w.effects == []


def test_r33_a_row_of_before_that_comes_late_fires_late_and_never_twice(world: Any, make: Any, wait_step: Any) -> None:
    w = world(row=False)
    w.wait(HOUR)
    w.publish(make({"look": wait_step()}, entry=dated(at="12:00"), settings=EXACT))
    w.wait(5 * HOUR)
    w.row(renews_on="2026-01-05")  # made at nine, noon is over
    assert w.customer.core.wake_at == ms("2026-01-05T12:00")
    w.hand(TimerInput(w.customer.core.wake_at))
    assert entered(w) == ["2026-01-05T12:00"]
    w.touch()
    assert w.customer.core.alarms["j/0"].due == 0


def test_r33_every_year_comes_each_year_and_reentry_is_always(looked: Any) -> None:
    w = looked({"renews_on": "2024-02-29"}, *dated(every="year", at="08:00"))
    w.wait(4 * 366 * DAY)
    assert entered(w) == ["2026-02-28T08:00", "2027-02-28T08:00", "2028-02-29T08:00", "2029-02-28T08:00"]
    assert [made.data["number"] for made in w.decisions("entered")] == [2, 3, 4, 5]


def test_r33_every_month_has_the_31st_again(looked: Any) -> None:
    w = looked({"renews_on": "2025-10-31"}, *dated(every="month"))
    w.wait(150 * DAY)
    assert entered(w) == [
        "2026-01-31T00:00", "2026-02-28T00:00", "2026-03-31T00:00", "2026-04-30T00:00", "2026-05-31T00:00",
    ]  # fmt: skip


def test_r33_a_recurring_date_does_not_come_before_itself(looked: Any) -> None:
    w = looked({"renews_on": "2027-05-01"}, *dated(every="year"))
    w.wait(900 * DAY)
    assert entered(w) == ["2027-05-01T00:00", "2028-05-01T00:00"]


def test_r31_a_change_of_zone_moves_the_date_and_what_is_over_there_comes_now(looked: Any) -> None:
    w = looked({"renews_on": "2026-01-06", "timezone": "America/New_York"}, *dated(at="09:00"))
    assert w.customer.core.wake_at == ms("2026-01-06T09:00", "America/New_York")
    w.row(renews_on="2026-01-06", timezone="Europe/Berlin")
    assert w.customer.core.wake_at == ms("2026-01-06T09:00", "Europe/Berlin")
    w.wait(8 * HOUR)
    w.row(renews_on="2026-01-06", timezone="Pacific/Kiritimati")
    assert w.customer.core.wake_at == ms("2026-01-06T09:00", "Pacific/Kiritimati")
    w.row(renews_on="2026-01-06", timezone="Europe/Berlin")
    w.wait(3 * HOUR)
    w.row(renews_on="2026-01-06", timezone="Pacific/Kiritimati")
    w.wait(0)
    assert entered(w) == [said(w.now)]


def test_r21_at_one_instant_runs_go_before_entries_and_entries_by_priority(
    world: Any, make: Any, wait_step: Any
) -> None:
    def dates(id: str, priority: int) -> Any:
        return make({"look": wait_step()}, id=id, entry=dated(at="10:00"), settings={**EXACT, "priority": priority})

    w = world(
        make({"rest": {"delay": {"for": "PT1H"}, "next": "done"}}, id="z"), dates("b", 5), dates("c", 1), dates("a", 5)
    )
    w.row(renews_on="2026-01-05")
    w.event("go")
    w.now += 2 * HOUR
    w.hand(TimerInput(w.customer.core.wake_at))
    assert [made.journey for made in w.decisions() if made.kind in ("ended", "entered")][:4] == ["z", "c", "a", "b"]


def test_r30_after_downtime_dates_and_timers_go_in_the_order_in_which_they_were_due(looked: Any) -> None:
    w = looked({"renews_on": "2025-12-07"}, *dated({"while_active": "restart"}, every="month"))
    w.now += 100 * DAY
    w.hand(TimerInput(w.customer.core.wake_at))
    seen = [(made.kind, said(made.at)) for made in w.decisions() if made.kind in ("entered", "ended")]
    days = (("entered", "07"), ("ended", "08"))
    assert seen == [(kind, f"2026-0{month}-{day}T00:00") for month in (1, 2, 3, 4) for kind, day in days]
    ids = [made.run for made in w.decisions("entered")]
    assert len(set(ids)) == 4


def test_r49_a_date_in_a_pause_is_refused_and_not_made_up(looked: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated(every="month"))
    w.control("paused")
    w.wait(10 * DAY)
    made = w.decision("not_entered")
    assert (made.reason, said(made.at)) == ("paused", "2026-01-10T00:00")
    w.row(renews_on="2026-01-10", x=1)
    w.control("live")
    w.touch()
    assert w.effects == []
    w.wait(30 * DAY)
    assert entered(w) == ["2026-02-10T00:00"]


def test_r49_a_changed_date_ends_its_run_in_a_pause_too(looked: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated())
    w.wait(5 * DAY)
    w.control("paused")
    w.row(renews_on="2026-02-10")
    assert w.decision("ended").reason == "date_changed"


@pytest.mark.parametrize(("status", "reasons"), [("draining", ["draining"]), ("stopped", [])])
def test_r7_a_journey_that_drains_or_stopped_lets_nobody_in(looked: Any, status: str, reasons: list[str]) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated())
    w.control(status)
    w.touch()
    w.wait(30 * DAY)
    assert [made.reason for made in w.decisions("not_entered")] == reasons


def test_r7_a_journey_that_drained_and_is_live_again_arms_who_came_meanwhile(looked: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated())
    w.control("draining")
    w.row(deleted=True)
    w.wait(MINUTE)
    w.hand(RowInput(w.cause("laudstream.rows"), Row(2, 50, {"renews_on": "2026-01-20"}, w.now)))
    assert w.customer.core.alarms == {}
    w.control("live")
    w.touch()
    w.wait(30 * DAY)
    assert entered(w) == ["2026-01-20T00:00"]


def test_r33_a_new_version_does_not_fire_a_value_twice(looked: Any, make: Any, wait_step: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated())
    w.wait(5 * DAY)
    again = make({"look": wait_step()}, entry=dated({"reentry": "always"}, offset="P5D"), settings=EXACT)
    w.publish(again, version=2)
    w.touch()
    w.wait(30 * DAY)
    assert entered(w) == []
    w.row(renews_on="2026-03-01")
    w.wait(60 * DAY)
    assert entered(w) == ["2026-03-06T00:00"]


def test_r33_a_new_version_without_the_date_lets_nobody_in(looked: Any, make: Any, wait_step: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated())
    w.publish(make({"look": wait_step()}), version=2)
    w.touch()
    w.wait(30 * DAY)
    assert (w.effects, w.customer.core.alarms) == ([], {})


def test_r15_another_life_of_the_customer_is_armed_by_its_own_date(looked: Any) -> None:
    w = looked({"renews_on": "2026-02-01"}, *dated())
    w.row(deleted=True)
    assert (w.customer.core.alarms, w.customer.core.wake_at > w.now + 6 * DAY) == ({}, True)
    w.row(born=2, renews_on="2026-03-01")
    w.wait(80 * DAY)
    assert entered(w) == ["2026-03-01T00:00"]


def test_r18_a_date_asks_for_a_place_like_everyone(looked: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated(), max_entries=3)
    w.wait(10 * DAY)
    assert w.kinds() == ["Ask"]


def test_a8_dates_at_a_local_time_are_spread_and_stay_on_their_day(looked: Any) -> None:
    w = looked({"renews_on": "2026-01-10"}, *dated(at="23:59"), *dated(at="10:00"), settings={"release_spread": "PT3H"})
    late, early = (w.customer.core.alarms[f"j/{index}"].due for index in (0, 1))
    assert ms("2026-01-10T23:59") <= late < ms("2026-01-10T23:59:30")
    assert ms("2026-01-10T10:00") < early < ms("2026-01-10T13:00")


def test_a6_an_entry_that_fails_rings_once(looked: Any, monkeypatch: Any) -> None:
    from laudstream.journey import entries

    def fails(*args: Any) -> None:
        raise RuntimeError("no")

    w = looked({"renews_on": "2026-01-10"}, *dated(every="month"))
    monkeypatch.setattr(entries, "enter_date", fails)
    w.wait(6 * DAY)
    assert (w.decision("failed").reason, w.parked, w.customer.core.wake_at) == ("failed", ["j"], 0)


@given(
    st.dates(datetime(1970, 1, 2).date(), datetime(2039, 1, 1).date()),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    st.sampled_from(["year", "month"]),
    st.integers(-400, 400),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_r33_the_next_occurrence_is_the_first_that_is_not_over(
    day: Any, at: datetime, every: str, offset: int, name: str
) -> None:
    from laudstream.journey.durations import parse as duration

    zone, since = ZoneInfo(name), ms(at.isoformat(timespec="seconds"))
    moved = Offset(duration(f"P{abs(offset)}D"), 1 if offset > 0 else -1) if offset else None
    dates = Dates(moved, 540, every)
    number, found = dates.following(day.isoformat(), 0, since, zone) or (-1, None)
    assert found is not None
    assert found.at >= since
    if number:
        before = dates.nth(day.isoformat(), number - 1, zone)
        assert before is not None
        assert before.at < since


@pytest.mark.parametrize("every", ["year", "month"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("length", ["P50Y", "P90Y", "P20000D", "PT400000H"])
def test_r33_the_next_occurrence_is_found_however_far_an_offset_moves_it(length: str, sign: int, every: str) -> None:
    from laudstream.journey.durations import parse as duration

    dates, since = Dates(Offset(duration(length), sign), None, every), ms("2026-01-05T09:00:00")
    number, found = dates.following("1930-01-10", 0, since, UTC) or (-1, None)
    assert found is not None
    assert found.at >= since
    before = dates.nth("1930-01-10", number - 1, UTC) if number else None
    assert before is None or before.at < since


@pytest.mark.parametrize(
    ("date", "pointer"),
    [({"of": "entry.x"}, "/of"), ({}, "/of"), ({"of": "customer."}, "/of"),
     ({"of": "customer.x", "every": "week"}, "/every"),
     ({"of": "customer.x", "keep": 1}, "/keep"), ({"of": "customer.x", "at": "9"}, "/at"),
     ({"of": "customer.x", "offset": "P"}, "/offset"), ({"of": "customer.x", "on": 1}, "/on"),
     ({"of": "customer.x", "offset": "PT1H", "at": "09:00"}, "/offset")],
)  # fmt: skip
def test_r60_what_is_no_date_entry_is_refused(make: Any, wait_step: Any, date: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse(make({"look": wait_step()}, entry=[{"date": date}]))
    assert [problem.pointer for problem in raised.value.problems] == ["/entry/0/date" + pointer]
    assert all(problem.fix for problem in raised.value.problems)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "value", ["9999-12-31", "9999-12-31T20:00", "9999-12-31T20:00Z", "0001-01-01", "0001-01-01T01:00Z"]
)  # fmt: skip
@pytest.mark.parametrize("every", [{}, {"every": "year"}, {"every": "month", "offset": "P1D"}])
def test_r33_a_date_at_an_end_of_the_calendar_hurts_nothing(
    value: str, zone: str, every: dict[str, Any], world: Any, make: Any, wait_step: Any
) -> None:
    """9999-12-31 stands in many databases for `never`."""
    until = {"delay": {"until": {"date": "customer.renews_on", "at": "09:00"}}, "next": "done"}
    w = world(make({"look": wait_step()}, entry=dated(at="09:00", **every)), make({"hold": until}, id="holds"))
    w.wait(MINUTE)
    w.row(renews_on=value, timezone=zone)
    w.event("go")
    assert w.decisions("failed") == []
    assert w.customer.attributes["renews_on"] == value
    w.row(renews_on=value, timezone="Europe/Berlin")
    assert w.customer.attributes["timezone"] == "Europe/Berlin"
