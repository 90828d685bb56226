"""The zone of the workspace changes: a sweep computes anew what goes by it, whatever comes in between (A10, R31)."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from agents.lanes import round as rounds
from tests.lanes.kit import LaneKit, waiting

PRESENT = [f"c{n:02}" for n in range(13)]
NINE = {"rest": {"delay": {"until": {"at": "09:00"}}, "next": "out"}, "out": {"exit": {"outcome": "out"}}}
JOURNEY = waiting(start="rest", steps=NINE, settings={"release_spread": "PT0S"})
NOON = round(datetime(2026, 1, 5, 12, tzinfo=ZoneInfo("UTC")).timestamp() * 1000)
DAY = 86_400_000
ZONES = ("Asia/Tokyo", "America/New_York", "UTC")


def resting() -> LaneKit:
    lane = LaneKit()
    lane.slice = 4
    lane.publish(JOURNEY, NOON - 10_000)
    lane.round(NOON - 9_000)
    for who in PRESENT:
        lane.row(who, NOON - 8_000, email=f"{who}@example.org")
        lane.event(who, "purchase", NOON - 7_000)
    lane.round(NOON)
    return lane


def nine(zone: str, after: int) -> int:
    """The first nine o'clock after an instant."""
    there = datetime.fromtimestamp(after / 1000, ZoneInfo(zone)).replace(hour=9, minute=0, second=0, microsecond=0)
    found = round(there.timestamp() * 1000)
    return found if found > after else found + DAY


_STEPS = st.one_of(st.sampled_from(PRESENT), st.sampled_from(["round", "crash", *ZONES]))


@given(st.lists(_STEPS, max_size=30))
def test_r31_everyone_rests_until_the_hour_of_the_last_zone(steps: list[str]) -> None:
    lane = resting()
    now, version, zone, changed = NOON, 0, "UTC", NOON
    for step in steps:
        now += 1_000
        if step == "crash":
            lane.cache.clear()
            lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)
        elif step in ZONES:
            version += 1
            changed, zone = (now, step) if step != zone else (changed, zone)
            lane.publish({"id": "workspace", "time_zone": step}, now, "workspace", version)
            del lane.bodies["workspace1", "workspace", "workspace", version]["id"]
        elif step != "round":
            lane.event(step, "look", now)
        lane.round(now + 1)
    while lane.lane.sweeps:
        now += 1_000
        lane.round(now)
    lane.round(NOON + 2 * DAY)
    ends = [(who, at) for who, outcome, at in lane.ends() if outcome == "out"]
    assert sorted(who for who, _ in ends) == PRESENT
    assert {at for _, at in ends} == {nine(zone, changed)}
