"""Timeouts until an instant, and instants that are computed again (R6, R31, R49)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laudstream.journey.durations import instant
from tests.journey.times import DAY, EVERY_ZONE, EXACT, MINUTE, ms, rest, waits


def test_r31_a_timeout_until_a_date(world: Any, make: Any) -> None:
    w = world(make(waits({"date": "customer.renews_on"}), **EXACT))
    w.row(renews_on="2026-02-01")
    w.event("go")
    assert w.run.wake_at == ms("2026-02-01T00:00")
    w.event("buy")
    w.row(renews_on="2026-02-03")
    assert (w.run.wake_at, w.run.progress) == (ms("2026-02-03T00:00"), (1,))  # what was counted stays
    w.wait(30 * DAY)
    assert (w.decision("moved").branch, w.decision("ended").outcome) == ("timeout", "late")


def test_r31_a_timeout_that_is_past_goes_on_at_once_and_one_without_a_date_may_hold(world: Any, make: Any) -> None:
    w = world(make(waits({"date": "customer.renews_on"}, if_missing="hold")))
    w.event("go")
    assert (w.at, w.run.wake_at) == ("look", 0)
    w.row(renews_on="2026-01-01")
    assert [made.branch for made in w.decisions("moved")] == ["timeout"]


# Computed again


def test_r31_a_changed_value_moves_the_instant_and_a_duration_stays(world: Any, make: Any) -> None:
    w = world(make(rest({"date": "customer.renews_on"}), id="date", **EXACT),
              make({"rest": {"delay": {"for": "P3D"}, "next": "done"}}, id="length"))  # fmt: skip
    w.row(renews_on="2026-02-01")
    w.event("go")
    start = w.now
    w.row(renews_on="2026-02-05", timezone="Asia/Tokyo", other=1)
    due = {run.journey: run.wake_at for run in w.customer.core.runs}
    assert due == {"date": ms("2026-02-05T00:00", "Asia/Tokyo"), "length": start + 3 * DAY}


def test_r31_a_value_that_is_past_now_and_one_that_went_are_dealt_with_at_once(world: Any, make: Any) -> None:
    w = world(make(rest({"date": "customer.renews_on"}, if_past="exit")))
    w.row(renews_on="2026-02-01")
    w.event("go")
    w.row(renews_on="2026-01-01")
    assert w.decision("ended").reason == "if_past"
    w = world(make(rest({"date": "customer.renews_on"})))
    w.row(renews_on="2026-02-01")
    w.event("go")
    w.row()
    assert w.decision("ended").reason == "if_missing"


def test_r6_an_exit_by_the_same_change_comes_first(world: Any, make: Any) -> None:
    exits = [{"condition": {"customer.renews_on": {"equals": "2026-01-01"}}, "outcome": "off"}]
    w = world(make(rest({"date": "customer.renews_on"}), exit=exits))
    w.row(renews_on="2026-02-01")
    w.event("go")
    w.row(renews_on="2026-01-01")
    assert w.kinds() == ["ended"]
    assert w.decision("ended").outcome == "off"


def test_r31_a_row_inside_an_identify_computes_again_too(world: Any, make: Any) -> None:
    from laudstream.customers.row import Row

    w = world(make(rest({"date": "customer.renews_on"}), **EXACT))
    w.row(renews_on="2026-02-01")
    w.event("go")
    w.event("", row=Row(1, 900, {"renews_on": "2026-03-01"}, w.now))
    assert w.run.wake_at == ms("2026-03-01T00:00")


def test_r49_in_a_pause_a_change_waits_for_the_resume(world: Any, make: Any) -> None:
    w = world(make(rest({"date": "customer.renews_on"}), **EXACT))
    w.row(renews_on="2026-02-01")
    w.event("go")
    w.control("paused")
    w.row(renews_on="2026-01-01")
    assert (w.effects, w.at) == ([], "rest")
    w.row(renews_on="2026-03-01")
    w.control("live")
    w.touch()
    assert (w.run.wake_at, w.run.held) == (ms("2026-03-01T00:00"), None)


def test_r49_a_branch_satisfied_in_a_pause_beats_an_instant_that_changed(world: Any, make: Any) -> None:
    w = world(make(waits({"date": "customer.renews_on"})))
    w.row(renews_on="2026-02-01")
    w.event("go")
    w.event("buy")
    w.control("paused")
    w.row(renews_on="2026-01-01")
    w.event("buy")
    w.control("live")
    w.touch()
    assert [made.branch for made in w.decisions("moved")] == ["buy"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dates(datetime(2020, 1, 1).date(), datetime(2040, 1, 1).date()),
    st.sampled_from([*EVERY_ZONE, "Mars/Olympus", None]),
    st.sampled_from(EVERY_ZONE),
    st.sampled_from([None, "00:00", "02:30", "23:59"]),
)
def test_r31_computing_again_after_a_change_of_zone_equals_computing_afresh(
    world: Any, make: Any, day: Any, before: str | None, after: str, clock: str | None
) -> None:
    until = {"date": "customer.day", **({"at": clock} if clock else {})}
    moved, fresh = (world(make(rest(until)), start=ms("2019-12-01T00:00")) for _ in range(2))
    moved.row(day=day.isoformat(), timezone=before)
    moved.event("go")
    moved.row(day=day.isoformat(), timezone=after)
    fresh.row(day=day.isoformat(), timezone=after)
    fresh.event("go")
    assert moved.run.wake_at == fresh.run.wake_at
    exact = instant(datetime.combine(day, datetime.min.time()), ZoneInfo(after))
    assert clock is not None or 0 <= fresh.run.wake_at - exact <= 10 * MINUTE
