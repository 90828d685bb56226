"""The time zone of the workspace changes: what goes by it is computed again, once (R11, R31)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from laudstream.journey import alarms

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SLOW = {"settings": {"release_spread": "PT0S"}}
NINE = {"rest": {"delay": {"until": {"at": "09:00"}}, "next": "done"}}
TOKYO = "Asia/Tokyo"  # nine hours ahead, without summer time


def at(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def rezone(w: Any, zone: str, version: int = 1) -> None:
    w.publish({"time_zone": zone}, kind="workspace", id="workspace", version=version)


@pytest.fixture
def resting(world: Any, make: Any) -> Any:
    """Monday, 2026-01-05 10:00 UTC: a run that rests until nine."""

    def made(steps: Any = None, **more: Any) -> Any:
        w = world(make(steps or NINE, **{**SLOW, **more}))
        w.wait(HOUR)
        w.event("go")
        return w

    return made


def test_r31_a_local_time_is_computed_again_by_the_sweep(resting: Any) -> None:
    w = resting()
    assert w.run.wake_at == at("2026-01-06T09:00")
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.touch()
    assert w.run.wake_at == at("2026-01-06T09:00", TOKYO)


def test_r31_an_input_before_the_sweep_does_it_too_and_only_once(resting: Any) -> None:
    w = resting()
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.event("something")
    assert w.run.wake_at == at("2026-01-06T09:00", TOKYO)
    before = w.customer.core
    w.touch()
    assert w.customer.core is before


def test_r31_a_second_change_counts_again(resting: Any) -> None:
    w = resting()
    for version, zone in ((1, TOKYO), (2, "Europe/Vienna")):
        w.wait(MINUTE)
        rezone(w, zone, version)
        w.touch()
        assert w.run.wake_at == at("2026-01-06T09:00", zone)


def test_r31_other_settings_change_nothing(resting: Any) -> None:
    w = resting()
    w.wait(MINUTE)
    w.publish({"holdout": 0}, kind="workspace", id="workspace")
    before = w.customer.core
    w.touch()
    assert w.customer.core is before


def test_r11_what_goes_by_the_customers_or_the_journeys_zone_stays(resting: Any) -> None:
    w = resting(settings={"release_spread": "PT0S", "time_zone": "America/New_York"})
    due = w.run.wake_at
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.touch()
    assert w.run.wake_at == due
    w = resting()
    w.row(email="ann@example.org", timezone="America/New_York")
    due = w.run.wake_at
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.touch()
    assert w.run.wake_at == due == at("2026-01-05T09:00", "America/New_York")


def test_r31_durations_are_not_computed_again(resting: Any) -> None:
    w = resting({"rest": {"delay": {"for": "P1D"}, "next": "done"}})
    due = w.run.wake_at
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.touch()
    assert w.run.wake_at == due


def test_r31_windows_are_computed_again_and_one_that_is_open_now_lets_the_run_pass(resting: Any) -> None:
    window = {"rest": {"window": {"from": "19:00", "to": "20:00"}, "next": "done"}}
    w = resting(window)
    assert w.run.wake_at == at("2026-01-05T19:00")
    w.wait(10 * MINUTE)  # 10:10 UTC is 19:10 in Tokyo
    rezone(w, TOKYO)
    assert w.touch() == ["moved", "ended"]


def test_r31_a_deferred_message_is_asked_about_again(world: Any, make: Any) -> None:
    mail = {"hi": {"message": {"channel": "email", "template": "mail"}, "next": "done"}}
    quiet = {"settings": {"release_spread": "PT0S", "quiet_hours": {"from": "08:00", "to": "20:00"}}}
    w = world(make(mail, **quiet))
    w.event("go")
    assert w.run.status == "deferred"
    w.wait(3 * HOUR)  # 12:00 UTC is 21:00 in Tokyo
    rezone(w, TOKYO)
    assert "SendRequest" in w.touch()


def test_r49_in_a_pause_it_is_done_when_the_journey_goes_on(resting: Any) -> None:
    w = resting()
    w.wait(MINUTE)
    w.control("paused")
    rezone(w, TOKYO)
    w.touch()
    w.control("live")
    w.touch()
    assert w.run.wake_at == at("2026-01-06T09:00", TOKYO)


def test_r31_a_date_comes_at_its_hour_in_the_new_zone(world: Any, make: Any) -> None:
    entry = [{"date": {"of": "customer.renews_on", "at": "09:00"}}]
    w = world(make({"rest": {"delay": {"for": "P1D"}, "next": "done"}}, entry=entry, **SLOW))
    w.row(email="ann@example.org", renews_on="2026-01-08")
    w.touch()
    assert w.customer.core.alarms["j/0"].due == at("2026-01-08T09:00")
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.touch()
    assert w.customer.core.alarms["j/0"].due == at("2026-01-08T09:00", TOKYO)
    w.wait(4 * DAY)
    assert sum(made.kind == "entered" for made in w.decisions()) == 1


def test_a6_a_date_that_fails_in_the_new_zone_is_named_and_the_next_one_goes_on(
    world: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(work: Any, live: Any, key: str) -> None:
        if live.id == "a":
            raise ValueError("broken")
        rezoned(work, live, key)

    rezoned = alarms.rezone
    entry = [{"date": {"of": "customer.renews_on", "at": "09:00"}}]
    rest = {"rest": {"delay": {"for": "P1D"}, "next": "done"}}
    w = world(make(rest, id="a", entry=entry, **SLOW), make(rest, id="b", entry=entry, **SLOW))
    w.row(email="ann@example.org", renews_on="2026-01-08")
    w.wait(MINUTE)
    rezone(w, TOKYO)
    monkeypatch.setattr(alarms, "rezone", fails)
    w.touch()
    made = w.decision("failed")
    assert (made.journey, made.version, made.data) == ("a", 1, {"error": "ValueError: broken"})
    assert w.parked == ["a"]
    alarm = w.customer.core.alarms
    assert (alarm["a/0"].due, alarm["b/0"].due) == (at("2026-01-08T09:00"), at("2026-01-08T09:00", TOKYO))


def test_r31_an_audience_by_the_workspace_comes_at_its_hour_in_the_new_zone_and_no_day_is_lost(
    world: Any, make: Any
) -> None:
    entry = [{"audience": {"every": {"days": 1, "at": "09:00"}}}]
    w = world(make({"rest": {"delay": {"for": "PT1H"}, "next": "done"}}, entry=entry, **SLOW))
    w.now = at("2026-01-05T20:00")  # the next day in Tokyo already
    w.touch()
    entered: list[int] = []
    for _ in range(3):
        w.wait(DAY)
        entered += [made.at for made in w.decisions("entered")]
    rezone(w, TOKYO)
    w.touch()
    for _ in range(3):
        w.wait(DAY)
        entered += [made.at for made in w.decisions("entered")]
    days = [datetime.fromtimestamp(ms / 1000, ZoneInfo("UTC")).date().toordinal() for ms in entered[:3]]
    later = [datetime.fromtimestamp(ms / 1000, ZoneInfo(TOKYO)).date().toordinal() for ms in entered[3:]]
    assert [each - days[0] for each in days + later] == list(range(len(entered)))
    assert all(datetime.fromtimestamp(ms / 1000, ZoneInfo(TOKYO)).hour == 9 for ms in entered[4:])


def test_r31_a_zone_that_was_there_before_the_journeys_asks_for_nothing(world: Any, make: Any) -> None:
    w = world()
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.wait(MINUTE)
    w.publish(make(NINE, **SLOW))
    assert w.catalog.spaces["workspace1"].rezoned_at == 0
    w.event("go")
    assert w.run.wake_at == at("2026-01-06T09:00", TOKYO)


def test_r31_a_run_that_asks_for_its_place_rests_nowhere(world: Any, make: Any) -> None:
    w = world(make(NINE, max_entries=1, **SLOW))
    w.wait(MINUTE)
    rezone(w, TOKYO)
    w.event("go")
    before = w.customer
    w.touch()
    assert w.customer is before, "what is to be done once is done, or there is nothing to do"


def test_r31_a_journey_that_gets_another_zone_arms_its_entries_again(world: Any, make: Any) -> None:
    def body(**settings: Any) -> dict[str, Any]:
        entry = [{"date": {"of": "customer.renews_on", "at": "09:00"}}]
        rest = {"rest": {"delay": {"for": "P1D"}, "next": "done"}}
        return dict(make(rest, entry=entry, settings={"release_spread": "PT0S", **settings}))

    w = world(body())
    w.row(email="ann@example.org", renews_on="2026-01-08")
    w.touch()
    w.wait(MINUTE)
    w.publish(body(time_zone=TOKYO), version=2)
    w.touch()
    assert w.customer.core.alarms["j/0"].due == at("2026-01-08T09:00", TOKYO)
