"""Time: timers, durations and local time (R3, R11, R30, R32, A4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.journey.durations import instant, local, parse
from laudstream.journey.inputs import TimerInput

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, MINUTE = 3_600_000, 60_000


def ms(text: str, zone: Any = UTC) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def test_r3_a_timer_never_fires_early(world: Any, make: Any) -> None:
    w = world(make({"rest": {"delay": {"for": "PT1H"}, "next": "done"}}))
    w.event("go")
    due = w.customer.core.wake_at
    assert due == w.now + HOUR
    w.now = due - 1
    before = w.customer
    assert w.hand(TimerInput(due)).customer is before
    w.now = due
    w.hand(TimerInput(due))
    assert w.decision("ended").at == due


def test_r3_timers_fire_in_the_order_in_which_they_are_due(world: Any, make: Any) -> None:
    def rest(id: str, length: str) -> Any:
        return make(
            {"rest": {"delay": {"for": length}, "next": "more"}, "more": {"delay": {"for": "PT50M"}, "next": "done"}},
            id=id,
        )

    w = world(rest("a", "PT3H"), rest("b", "PT1H"), rest("c", "PT2H"))
    w.event("go")
    w.now += 9 * HOUR
    w.hand(TimerInput(w.customer.core.wake_at))
    left = [(made.journey, made.step) for made in w.decisions("moved")]
    assert left == [("b", "rest"), ("b", "more"), ("c", "rest"), ("c", "more"), ("a", "rest"), ("a", "more")]
    assert [made.at for made in w.decisions("moved")] == sorted(made.at for made in w.decisions("moved"))


def test_r30_after_downtime_a_second_delay_counts_from_when_the_first_was_due(world: Any, make: Any) -> None:
    steps = {"rest": {"delay": {"for": "PT1H"}, "next": "look"},
             "look": {"wait": {"branches": [{"event": {"name": "buy"}, "next": "done"}],
                               "timeout": {"after": "PT1H", "next": "late"}}}}  # fmt: skip
    w = world(make(steps))
    w.event("go")
    start = w.now
    w.now = start + HOUR + 30 * MINUTE  # the lane was down; first what was due before the next input
    w.hand(TimerInput(start + HOUR))
    assert (w.at, w.run.arrived_at, w.run.wake_at) == ("look", start + HOUR, start + 2 * HOUR)
    w.event("buy")
    assert w.decision("ended").outcome == "done"


def test_a4_what_follows_a_message_counts_from_the_clock_of_the_round(world: Any, make: Any, wait_step: Any) -> None:
    steps = {"mail": {"message": {"channel": "email", "template": "mail"}, "next": "look"}, "look": wait_step()}
    w = world(make(steps))
    w.lag = 5 * HOUR  # the event stood in the log for five hours
    w.event("go")
    assert w.sends()[0].requested_at == w.now + 5 * HOUR
    assert w.run.wake_at == w.now + 6 * HOUR


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-01-31T10:00", "P1M", "2026-02-28T10:00"),
        ("2024-02-29T10:00", "P1Y", "2025-02-28T10:00"),
        ("2026-03-28T10:00", "P1D", "2026-03-29T10:00"),  # 23 hours: summer time begins
        ("2026-10-24T10:00", "P1W", "2026-10-31T10:00"),
        ("2026-03-28T02:30", "P1D", "2026-03-29T03:00"),  # 02:30 does not exist
        ("2026-10-24T02:30", "P1D", "2026-10-25T02:30"),  # exists twice: the first
        ("2026-03-28T20:00", "PT12H", "2026-03-29T09:00"),  # exact hours
        ("2026-01-01T00:00", "P1DT36H", "2026-01-03T12:00"),
    ],
)
def test_r32_days_and_up_are_calendar_units_and_hours_are_exact(start: str, length: str, end: str) -> None:
    assert parse(length).add(ms(start, BERLIN), BERLIN) == ms(end, BERLIN)


def test_r32_a_delay_of_days_keeps_the_customers_local_time(world: Any, make: Any) -> None:
    w = world(make({"rest": {"delay": {"for": "P1D"}, "next": "done"}}))
    w.row(timezone="Europe/Berlin")
    w.now = ms("2026-03-28T10:00", BERLIN)
    w.event("go")
    assert w.customer.core.wake_at == ms("2026-03-29T10:00", BERLIN)


def test_r11_without_a_time_zone_of_the_customer_the_journeys_holds_then_the_workspaces(world: Any, make: Any) -> None:
    def rest(id: str, **fields: Any) -> Any:
        return make({"rest": {"delay": {"for": "P1D"}, "next": "done"}}, id=id, **fields)

    w = world(rest("own", settings={"time_zone": "Europe/Berlin"}), rest("none"))
    w.publish({"time_zone": "America/New_York"}, kind="workspace", id="workspace1")
    w.row(timezone="Mars/Olympus")
    w.now = ms("2026-03-07T20:00")  # summer time begins on 8 March in New York
    w.event("go")
    due = {run.journey: run.wake_at for run in w.customer.core.runs}
    assert due == {"own": w.now + 24 * HOUR, "none": w.now + 23 * HOUR}


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "P1H", "PT1D", "P-1D", "PT1.5H", "P1DT", "P101Y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse(text)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1)), st.sampled_from(["Europe/Berlin", "America/New_York",
       "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]))  # fmt: skip
def test_r11_every_local_time_is_an_instant_at_or_just_after_it(at: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    at = at.replace(microsecond=0)
    found = local(instant(at, zone), zone)
    assert found >= at
    if found != at:  # in a gap: the instant before it has not reached `at` yet
        assert local(instant(at, zone) - 1, zone) < at
