"""Windows: when they are open, and the step (R3, R11, R14, R31, R49)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from laudstream.journey.durations import local
from laudstream.journey.until import next_clock
from laudstream.journey.windows import EVERY_DAY, WEEKDAYS, Window, first_opening, opening
from tests.journey.hours import MON_TO_FRI, NIGHT, NINE, SIX, SIX_AM, TEN_PM, exact, step
from tests.journey.times import CLOCK, DAY, EVERY_ZONE, HOUR, MINUTE, ms, somewhere

# When a window is open


@pytest.mark.parametrize(
    ("window", "zone", "at", "opens", "closes"),
    [
        (Window(MON_TO_FRI, NINE, SIX), "Europe/Berlin", "2026-01-05T08:59", "2026-01-05T09:00", "2026-01-05T18:00"),
        (Window(MON_TO_FRI, NINE, SIX), "Europe/Berlin", "2026-01-05T09:00", "2026-01-05T09:00", "2026-01-05T18:00"),
        (Window(MON_TO_FRI, NINE, SIX), "Europe/Berlin", "2026-01-05T18:00", "2026-01-06T09:00", "2026-01-06T18:00"),
        (Window(MON_TO_FRI, NINE, SIX), "Europe/Berlin", "2026-01-09T18:00", "2026-01-12T09:00", "2026-01-12T18:00"),
        # overnight, and it belongs to Friday
        (Window(frozenset({4}), TEN_PM, SIX_AM), "UTC", "2026-01-10T03:00", "2026-01-09T22:00", "2026-01-10T06:00"),
        (Window(frozenset({5}), TEN_PM, SIX_AM), "UTC", "2026-01-10T03:00", "2026-01-10T22:00", "2026-01-11T06:00"),
        (Window(frozenset({6})), "UTC", "2026-01-05T00:00", "2026-01-11T00:00", "2026-01-12T00:00"),
        # nights on which the clock changes
        (NIGHT, "Europe/Berlin", "2026-03-29T03:30", "2026-03-28T22:00", "2026-03-29T06:00"),
        (NIGHT, "Europe/Berlin", "2026-10-25T04:30", "2026-10-24T22:00", "2026-10-25T06:00"),
        (Window(EVERY_DAY, 90, 150), "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:30", "2026-03-29T03:00"),
        (Window(EVERY_DAY, 150, 240), "America/New_York", "2026-03-08T01:00", "2026-03-08T03:00", "2026-03-08T04:00"),
        (Window(EVERY_DAY, 120, 180), "Europe/Berlin", "2026-03-29T01:00", "2026-03-30T02:00", "2026-03-30T03:00"),
        (Window(EVERY_DAY, 90, 135), "Australia/Lord_Howe", "2026-10-04T01:00", "2026-10-04T01:30", "2026-10-04T02:30"),
        (Window(frozenset({4}), NINE, SIX), "Pacific/Apia", "2011-12-29T10:00", "2012-01-06T09:00", "2012-01-06T18:00"),
        (Window(frozenset({4}), TEN_PM, SIX_AM), "Pacific/Apia", "2011-12-29T10:00", "2011-12-31T00:00",
         "2011-12-31T06:00"),  # the Friday does not exist, its night does
        (Window(EVERY_DAY, NINE, SIX), "UTC", "2028-02-28T19:00", "2028-02-29T09:00", "2028-02-29T18:00"),
    ],
)  # fmt: skip
def test_r11_r31_a_window_opens_and_closes_by_local_time(
    window: Window, zone: str, at: str, opens: str, closes: str
) -> None:
    assert opening(window, ms(at, zone), ZoneInfo(zone)) == (ms(opens, zone), ms(closes, zone))


def test_r31_a_window_between_two_instants_is_open_once() -> None:
    window = Window(starts_at=1000, ends_at=2000)
    zone = ZoneInfo("UTC")
    assert [opening(window, at, zone) for at in (0, 1000, 1999)] == [(1000, 2000)] * 3
    assert opening(window, 2000, zone) is None


def test_r37_of_several_windows_the_one_that_is_open_longest_or_opens_first_counts() -> None:
    early, late, once = Window(EVERY_DAY, 480, 720), Window(EVERY_DAY, 660, 900), Window(starts_at=1, ends_at=2)
    zone = ZoneInfo("UTC")
    day = ms("2026-01-05T00:00")
    assert first_opening((early, late, once), day, zone) == (day + 8 * HOUR, day + 12 * HOUR)
    assert first_opening((early, late), day + 11 * HOUR, zone) == (day + 11 * HOUR, day + 15 * HOUR)
    assert first_opening((once,), day, zone) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    somewhere(),
    CLOCK,
    CLOCK,
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_r31_no_window_lets_anything_pass_outside_of_it_in_any_zone(
    there_and_then: tuple[str, datetime], start: int, end: int, days: frozenset[int]
) -> None:
    if start == end:
        return
    name, at = there_and_then
    window, zone = Window(days, start, end), ZoneInfo(name)
    now = ms(at.isoformat())
    found = opening(window, now, zone)
    assert found is not None
    opens, closes = found
    assert opens < closes
    assert now < closes
    assert closes - opens <= DAY + HOUR
    # what the wall clock says of the first and the last moment: inside, on a day on which it opens
    for moment in (max(now, opens), closes - 1):
        there = local(moment, zone)
        minute = there.hour * 60 + there.minute
        day = there.weekday() if start < end or minute >= start else (there.weekday() - 1) % 7
        twice = local(moment - HOUR, zone).hour == there.hour or local(moment - HOUR // 2, zone).hour > there.hour
        inside = start <= minute < end if start < end else (minute >= start or minute < end)
        assert (inside and day in days) or twice  # an hour that exists twice belongs to what was open in its first


# The step


def test_r31_a_run_passes_an_open_window_at_once_and_waits_for_a_closed_one(world: Any, make: Any) -> None:
    body = make(step(weekday=["monday", "tuesday"], from_="09:00", to="18:00"), entry=[
        {"event": {"name": "go"}, "reentry": "always"}], **exact())  # fmt: skip
    w = world(body)  # it is Monday, nine
    w.event("go")
    assert w.decision("ended").outcome == "done"
    w.wait(9 * HOUR)
    w.event("go")
    assert w.run.wake_at == ms("2026-01-06T09:00")
    w.wait(15 * HOUR)
    assert w.decision("ended").at == ms("2026-01-06T09:00")


def test_r31_a_window_is_computed_again_when_the_zone_changes(world: Any, make: Any) -> None:
    w = world(make(step(from_="12:00", to="14:00"), **exact()))
    w.event("go")
    assert w.run.wake_at == ms("2026-01-05T12:00")
    w.row(timezone="America/New_York")
    assert w.run.wake_at == ms("2026-01-05T12:00", "America/New_York")
    w.row(timezone="Asia/Kolkata")  # half past two there: tomorrow
    assert w.run.wake_at == ms("2026-01-06T12:00", "Asia/Kolkata")
    w.row(timezone="Asia/Karachi")  # two o'clock
    w.row(timezone="Asia/Dubai")  # one o'clock: it is open
    assert w.decision("ended").at == w.now


def test_r49_a_window_that_closed_in_a_pause_is_waited_for_again(world: Any, make: Any) -> None:
    w = world(make(step(from_="12:00", to="14:00"), **exact()))
    w.event("go")
    w.control("paused")
    w.wait(8 * HOUR)
    w.control("live")
    w.touch()
    w.wait(MINUTE)
    assert (w.at, w.run.wake_at) == ("hours", ms("2026-01-06T12:00"))


@pytest.mark.parametrize(
    ("if_past", "reason", "outcome"), [(None, "", "done"), ("pass", "", "done"), ("exit", "if_past", "")]
)
def test_r31_a_window_that_never_opens_again(
    world: Any, make: Any, if_past: str | None, reason: str, outcome: str
) -> None:
    beside = {"if_past": if_past} if if_past else {}
    w = world(make(step(starts_at="2026-01-01T00:00:00Z", ends_at="2026-01-05T09:00:00Z", **beside)))
    w.event("go")
    assert (w.decision("ended").reason, w.decision("ended").outcome) == (reason, outcome)


def test_r14_a_window_does_not_break_a_cycle(make: Any) -> None:
    steps = {
        "hours": {"window": {"from": "09:00", "to": "18:00"}, "next": "split"},
        "split": {
            "split": {"branches": [{"condition": {"customer.x": {"exists": True}}, "next": "done"}], "else": "hours"}
        },
    }
    with pytest.raises(Invalid, match="cycle"):
        parse(make(steps))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    somewhere(),
    CLOCK,
    CLOCK,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from([*EVERY_ZONE, "Mars/Olympus", None]),
    st.sampled_from(["PT0S", "PT10M", "P1D"]),
)
def test_r3_r31_runs_pass_windows_and_local_times_when_it_is_time_there_also_after_a_change_of_zone(
    world: Any,
    make: Any,
    there_and_then: tuple[str, datetime],
    start: int,
    end: int,
    days: frozenset[int],
    name: str | None,
    spread: str,
) -> None:
    if start == end:
        return
    other, at = there_and_then

    def clock(minutes: int) -> str:
        return f"{minutes // 60:02}:{minutes % 60:02}"

    weekdays = [WEEKDAYS[day] for day in sorted(days)]
    said = {"release_spread": spread}
    window = {"weekday": weekdays, "from": clock(start), "to": clock(end)}
    until = {"weekday": weekdays, "at": clock(start)}
    w = world(
        make({"hours": {"window": window, "next": "done"}}, id="window", settings=said),
        make({"rest": {"delay": {"until": until}, "next": "done"}}, id="until", settings=said),
        start=ms(at.isoformat()),
    )
    w.row(timezone=name)
    w.event("go")
    passed = {made.journey for made in w.decisions("moved")}
    w.row(timezone=other)
    passed |= {made.journey for made in w.decisions("moved")}  # a window that is open already
    assert "until" not in passed
    w.wait(20 * DAY)
    zone = ZoneInfo(other)
    for made in w.decisions("moved"):
        passed.add(made.journey)
        if made.journey == "window":
            opens, closes = opening(Window(days, start, end), made.at, zone) or (0, 0)
            assert opens <= made.at < closes
            continue
        last = next_clock(start, days, made.at - 15 * DAY, zone)
        while (following := next_clock(start, days, last, zone)) <= made.at:
            last = following
        assert last <= made.at  # R3: not early
        assert local(made.at, zone).date() == local(last, zone).date()
        assert made.at - last <= {"PT0S": 0, "PT10M": 10 * MINUTE, "P1D": DAY}[spread]
    assert passed == {"window", "until"}
