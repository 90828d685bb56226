"""The hours of messages: windows, quiet hours and what is put off (R11, R31, R37 to R40, A8)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.journey.hours import exact, mail, step
from tests.journey.times import DAY, HOUR, MINUTE, ms


def test_r37_a_message_outside_its_window_is_put_off_to_the_next_opening(world: Any, make: Any) -> None:
    afternoon = {"weekday": "monday", "from": "14:00", "to": "15:00"}
    w = world(make(mail(windows=[{"from": "10:00", "to": "11:00"}, afternoon]), **exact()))
    w.event("go")
    made = w.decision("message")
    assert (made.reason, made.data["gates"]["windows"], made.data["gates"]["quiet_hours"]) == (
        "window",
        "window",
        "pass",
    )
    assert made.data["deferred_until"] == ms("2026-01-05T10:00")
    w.wait(HOUR)
    (request,) = w.sends()
    assert request.send_before == ms("2026-01-05T11:00")  # R40
    assert list(w.decision("message").data["gates"])[-3:] == ["quiet_hours", "windows", "caps"]


def test_r11_r31_the_hours_of_a_message_are_those_of_the_customer(world: Any, make: Any) -> None:
    w = world(make(mail(windows=[{"from": "09:00", "to": "18:00"}]), **exact()), row=False)
    w.row(email="ann@example.org", timezone="Asia/Tokyo")
    w.event("go")  # 18:00 there
    assert w.decision("message").data["deferred_until"] == ms("2026-01-06T09:00", "Asia/Tokyo")


def test_r38_a_steps_windows_beat_the_journeys(world: Any, make: Any) -> None:
    steps = {**mail(windows=[{"weekday": "monday"}]), "hi2": mail()["hi"]}
    steps["hi"]["next"] = "hi2"
    w = world(make(steps, **exact(windows=[{"weekday": "tuesday"}])))
    w.event("go")
    assert len(w.sends()) == 1
    assert (w.at, w.run.wake_at) == ("hi2", ms("2026-01-06T00:00"))


def test_r39_a_message_waits_for_an_instant_that_quiet_hours_and_windows_both_allow(world: Any, make: Any) -> None:
    quiet = {"from": "18:00", "to": "10:00"}
    w = world(make(mail(windows=[{"weekday": ["wednesday"], "to": "12:00"}]), **exact(quiet_hours=quiet)))
    w.event("go")
    made = w.decision("message")
    assert (made.reason, made.data["gates"]["windows"]) == ("quiet_hours", "window")
    assert made.data["deferred_until"] == ms("2026-01-07T10:00")
    w.wait(3 * DAY)
    assert w.sends()[0].send_before == ms("2026-01-07T12:00")


def test_r37_a_window_that_never_opens_again_refuses_for_good(world: Any, make: Any) -> None:
    once = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-05T09:00:00Z"}
    w = world(make(mail(windows=[once])))
    w.event("go")
    assert w.decision("message").reason == "window"
    assert w.decision("moved").data == {"reason": "window"}


@pytest.mark.parametrize(
    ("journey", "own", "hours", "cap"),
    [
        (None, None, True, False), (True, None, True, True), (False, None, False, False),
        ({"quiet_hours": False}, None, False, False), ({"caps": True}, None, True, True),
        (False, True, True, True), (True, False, False, False), ({"caps": True}, {"quiet_hours": False}, False, True),
    ],
)  # fmt: skip
def test_r38_what_is_put_off_is_said_by_the_step_then_by_the_journey(
    world: Any, make: Any, journey: Any, own: Any, hours: bool, cap: bool
) -> None:
    def sends(id: str, **said: Any) -> Any:
        if journey is not None:
            said["defer"] = journey
        return make(mail(**({"defer": own} if own is not None else {})), id=id, settings=said)

    w = world(sends("hours", windows=[{"from": "10:00", "to": "11:00"}]),
              sends("quiet", quiet_hours={"from": "08:00", "to": "10:00"}),
              sends("cap", caps=[{"limit": 1, "per": "P1D"}]),
              make(mail(), id="first", settings={"priority": 1}))  # fmt: skip
    w.event("go")
    put_off = {made.journey: "deferred_until" in made.data for made in w.decisions("message") if made.reason}
    assert put_off == {"hours": hours, "quiet": hours, "cap": cap}


def test_r39_after_defer_at_most_a_message_is_expired(world: Any, make: Any) -> None:
    w = world(make(mail(windows=[{"weekday": "friday"}]), settings={"defer_at_most": "P2D"}))
    w.event("go")
    start = w.now
    assert w.decision("message").data["deferred_until"] == start + 2 * DAY
    w.wait(2 * DAY)
    assert w.decision("message").reason == "expired"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.sampled_from(["PT0S", "PT10M", "PT3H", "P1D", None]),
    st.sampled_from([None, "PT0S", "PT1H"]),
    st.integers(1, 100),
    st.integers(1, 40),
)
def test_r39_releases_move_alike_and_never_past_a_window_an_expiry_or_defer_at_most(
    world: Any, make: Any, own: str | None, shared: str | None, length: int, customer: int
) -> None:
    from laudstream.journey.codec import empty

    window = {"from": "12:00", "to": f"{12 + length // 60:02}:{length % 60:02}"}
    said = {"release_spread": own} if own else {}
    late = [{"from": "12:00"}]
    w = world(
        make(mail(windows=[window]), id="a", settings=said),
        make(step(from_=window["from"], to=window["to"]), id="b", settings=said),
        make(mail(windows=late, expires_after="PT3H20M"), id="c", settings=said),
        make(mail(windows=late), id="d", settings={**said, "defer_at_most": "PT3H20M"}),
        row=False,
    )
    w.customer = empty("workspace1", f"c{customer}")
    if shared:
        w.publish({"release_spread": shared}, kind="workspace", id="workspace1")
    w.row(email="x@example.org")
    w.event("go")
    noon = ms("2026-01-05T12:00")
    moved = {run.journey: run.wake_at - noon for run in w.customer.core.runs}
    most = {"PT0S": 0, "PT10M": 10, "PT3H": 180, "P1D": 1440, "PT1H": 60}[own or shared or "PT10M"] * MINUTE
    assert moved["a"] == moved["b"]
    assert moved["c"] == moved["d"]
    assert all(0 <= each <= most for each in moved.values())
    assert moved["a"] <= length * MINUTE // 2
    assert moved["c"] <= 10 * MINUTE
