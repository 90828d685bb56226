"""Windows: the step, and the hours of messages (R11, R31, R37 to R40, A8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laudstream.errors import Invalid
from laudstream.journey.catalog import Catalog
from laudstream.journey.definition import Known, check, parse
from laudstream.journey.durations import local
from laudstream.journey.until import next_clock
from laudstream.journey.windows import EVERY_DAY, WEEKDAYS, Window, first_opening, opening

HOUR, MINUTE, DAY = 3_600_000, 60_000, 86_400_000
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC")
MON_TO_FRI = frozenset(range(5))
NINE, SIX, TEN_PM, SIX_AM = 540, 1080, 1320, 360
NIGHT = Window(EVERY_DAY, TEN_PM, SIX_AM)


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def step(**window: Any) -> dict[str, Any]:
    return {"hours": {"window": {name.rstrip("_"): value for name, value in window.items()}, "next": "done"}}


def exact(**settings: Any) -> dict[str, Any]:
    return {"settings": {"release_spread": "PT0S", **settings}}


def mail(**message: Any) -> dict[str, Any]:
    return {"hi": {"message": {"channel": "email", "template": "mail", **message}, "next": "done"}}


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
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from(ZONES),
)
def test_r31_no_window_lets_anything_pass_outside_of_it_in_any_zone(
    at: datetime, start: int, end: int, days: frozenset[int], name: str
) -> None:
    if start == end:
        return
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
    st.datetimes(datetime(2020, 1, 2), datetime(2040, 1, 1)),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from([*ZONES, "Mars/Olympus", None]),
    st.sampled_from(["PT0S", "PT10M", "P1D"]),
    st.sampled_from(ZONES),
)
def test_r3_r31_runs_pass_windows_and_local_times_when_it_is_time_there_also_after_a_change_of_zone(
    world: Any, make: Any, at: datetime, start: int, end: int, days: frozenset[int], name: str, spread: str, other: str
) -> None:
    if start == end:
        return

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


# Messages


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


# The workspace


def test_r38_a_journeys_quiet_hours_beat_the_workspaces_and_caps_of_both_hold(world: Any, make: Any) -> None:
    morning = {"from": "08:00", "to": "10:00"}
    evening = {"from": "20:00", "to": "22:00"}
    w = world(make(mail(), id="plain", **exact()), make(mail(), id="own", **exact(quiet_hours=evening)),
              make(mail(), id="never", **exact(quiet_hours="none")))  # fmt: skip
    w.publish({"quiet_hours": morning}, kind="workspace", id="workspace1")
    w.event("go")
    assert {request.journey for request in w.sends()} == {"own", "never"}
    assert (w.run.journey, w.run.wake_at) == ("plain", ms("2026-01-05T10:00"))
    one, two = ([{"limit": limit, "per": "day"}] for limit in (1, 2))
    for shared, own, sent in ((one, two, ["a"]), (two, one, ["a", "c"]), (two, two, ["a", "b"])):
        w = world(make(mail(), id="a", settings={"caps": two, "priority": 1}),
                  make(mail(), id="b", settings={"caps": own, "priority": 2}),
                  make(mail(), id="c", settings={"priority": 3}))  # fmt: skip
        w.publish({"caps": shared}, kind="workspace", id="workspace1")
        w.event("go")
        assert [request.journey for request in w.sends()] == sent


def test_r11_workspaces_say_their_zone(world: Any, make: Any) -> None:
    w = world(make(step(from_="12:00", to="13:00"), **exact()))
    w.publish({"time_zone": "Asia/Tokyo"}, kind="workspace", id="workspace1")
    w.event("go")
    assert w.run.wake_at == ms("2026-01-06T12:00", "Asia/Tokyo")


# Definitions


@pytest.mark.parametrize(
    ("window", "pointer", "word"),
    [
        ({}, "", "when it is open"),
        ({"from": "9"}, "/from", "local time"),
        ({"from": "09:00", "to": "09:00"}, "", "same time"),
        ({"weekday": []}, "/weekday", "list"),
        ({"weekday": "someday"}, "/weekday", "cannot be"),
        ({"starts_at": "2026-01-01T00:00:00Z"}, "/ends_at", "offset from UTC"),
        ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "/ends_at", "before"),
        ({"from": "09:00", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}, "/from", "unknown"),
    ],
)
def test_r60_what_is_no_window_is_refused(make: Any, window: dict[str, Any], pointer: str, word: str) -> None:
    bodies = (make({"hours": {"window": window, "next": "done"}}), make(mail(windows=[window])),
              make(mail(), settings={"windows": [window]}))  # fmt: skip
    for body, place in zip(
        bodies, ("/steps/hours/window", "/steps/hi/message/windows/0", "/settings/windows/0"), strict=True
    ):
        with pytest.raises(Invalid) as raised:
            parse(body)
        (problem,) = raised.value.problems
        assert problem.pointer == place + pointer
        assert word in problem.message
        assert problem.fix


@pytest.mark.parametrize(
    ("said", "pointer"),
    [({"defer": 1}, "/defer"), ({"defer": {"caps": 1}}, "/defer/caps"), ({"defer": {"hours": True}}, "/defer/hours"),
     ({"defer_at_most": "P0D"}, "/defer_at_most"), ({"release_spread": "P2D"}, "/release_spread"),
     ({"release_spread": "P1M"}, "/release_spread"), ({"windows": []}, "/windows"),
     ({"quiet_hours": "never"}, "/quiet_hours")],
)  # fmt: skip
def test_r60_what_settings_cannot_say_is_refused(make: Any, said: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse(make(mail(), settings=said))
    assert raised.value.problems[0].pointer == "/settings" + pointer


def test_r60_a_weekly_window_is_never_past_and_a_transactional_message_has_none(make: Any) -> None:
    for steps, pointer in (
        (step(from_="09:00", if_past="exit"), "/steps/hours/window/if_past"),
        (mail(windows=[{"from": "09:00"}], **{"class": "transactional"}), "/steps/hi/message/windows"),
    ):
        with pytest.raises(Invalid) as raised:
            parse(make(steps))
        assert [problem.pointer for problem in raised.value.problems] == [pointer]
    body = step(starts_at="2026-01-01T00:00:00Z", ends_at="2026-01-02T00:00:00Z")
    assert [doubt.pointer for doubt in check(parse(make(body)), Known())] == ["/steps/hours/window/if_past"]


def test_r60_a_workspace_that_says_what_is_not_known_is_refused() -> None:
    from laudstream.journey.control import Control

    for body in (
        {"zone": "UTC"},
        {"time_zone": "Mars/Olympus"},
        {"caps": [{"limit": 0, "per": "day"}]},
        {"release_spread": 5},
    ):
        with pytest.raises(Invalid):
            Catalog().apply(
                Control(1, "workspace1", "workspace", "workspace1", 1, "live"), 0, lambda *_, body=body: body
            )
