"""Entries on time in a lane: a sweep arms everyone, and alarms go off in order, over restarts (R3, R30, R33, R36)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lanes.kit import LaneKit, key, waiting

EXACT = {"release_spread": "PT0S"}
DAY = 86_400_000
NOON = DAY // 2
WHO = [f"c{n:02}" for n in range(7)]


def lane_with(entry: dict[str, Any], settings: dict[str, Any]) -> LaneKit:
    lane = LaneKit()
    for number, who in enumerate(WHO):
        lane.row(who, 10, timezone=("UTC", "Asia/Tokyo")[number % 2], day=f"1970-01-0{2 + number % 3}")
    lane.round(50)
    lane.publish(waiting(entry=[entry], settings=settings), 100)
    for bound in range(200, 800, 100):
        lane.round(bound)
    return lane


def entered(lane: LaneKit) -> list[tuple[int, str]]:
    return [(made.at, made.customer) for made in lane.decisions() if made.kind == "entered"]


@pytest.mark.parametrize("dies", [False, True])
def test_r36_everyone_enters_at_their_own_noon_in_the_order_in_which_it_comes(dies: bool) -> None:
    lane = lane_with({"audience": {"every": {"days": 1, "at": "12:00"}, "zone": "customer", "catch_up": "P1D"}}, EXACT)
    assert entered(lane) == []
    if dies:
        lane.cache.clear()
    lane.round(DAY, clock=DAY)
    there, here = WHO[1::2], WHO[::2]
    assert entered(lane) == [(NOON - 9 * 3_600_000, who) for who in there] + [(NOON, who) for who in here]
    lane.round(2 * DAY, clock=2 * DAY)
    assert len(entered(lane)) == 2 * len(WHO)


def test_r33_dates_go_off_in_their_order_a_few_a_round() -> None:
    lane = lane_with({"date": {"of": "customer.day", "at": "12:00"}}, EXACT)
    for _ in range(20):
        lane.round(9 * DAY, clock=9 * DAY, timers=2)
        lane.cache.clear()
    seen = entered(lane)
    assert seen == sorted(seen)
    assert sorted(who for _, who in seen) == WHO


def test_a8_a_release_is_spread_over_customers() -> None:
    lane = lane_with({"audience": {"at": "1970-01-01T12:00"}}, {"release_spread": "PT1H"})
    lane.round(DAY, clock=DAY - NOON + 3_600_000)
    at = [due for due, _ in entered(lane)]
    assert len(set(at)) == len(WHO)
    assert all(NOON <= due < NOON + 3_600_000 for due in at)


def test_r30_an_input_that_stands_in_the_log_before_an_alarm_comes_first() -> None:
    lane = lane_with({"date": {"of": "customer.day", "at": "12:00"}}, EXACT)
    noon = DAY + NOON  # of the 2nd, for c00
    lane.row("c00", noon - 1, revision=2, timezone="UTC", day="1970-01-09")
    lane.row("c03", noon - 9 * 3_600_000 + 1, revision=2, timezone="Asia/Tokyo", day="1970-01-09")
    lane.round(3 * DAY, clock=3 * DAY)
    seen = {who: at for at, who in entered(lane)}
    assert "c00" not in seen  # its date had changed before it came
    assert seen["c03"] == noon - 9 * 3_600_000  # and here after it


@pytest.mark.parametrize("never", ["9999-12-31", "9999-12-31T23:59:59.999Z", 253_402_300_799, "0001-01-01"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_a_date_that_stands_for_never_costs_the_customer_nothing_else(never: Any, zone: str) -> None:
    """There is no day after the last one of the calendar: the row was refused for it, and the timers were gone."""
    lane = lane_with({"date": {"of": "customer.day", "at": "09:00"}}, {})
    lane.event(WHO[0], "purchase", 1_000)
    lane.row(WHO[0], 1_001, revision=2, timezone=zone, day=never, plan="gold")
    lane.round(1_002)
    assert [made.data for made in lane.decisions() if made.kind == "failed"] == []
    lane.event(WHO[0], "paid", 1_003)
    lane.round(1_004)
    customer = lane.cache.get(key(WHO[0]))
    assert customer is not None
    assert customer.attributes["plan"] == "gold"
