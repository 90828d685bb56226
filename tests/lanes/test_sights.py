"""What a lane tells of itself, as Prometheus reads it."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.lanes import round as rounds
from agents.lanes.stats import LaneStats, Sight
from agents.metrics import Metrics, of_lanes
from tests.lanes.kit import LaneKit, waiting

AT = 1_000_000
HOUR = 3_600_000


class Watched(LaneKit):
    """The kit, with the counters of a lane."""

    def __init__(self) -> None:
        super().__init__()
        self.stats = LaneStats()

    def run(self, taken: list[list[Any]], plan: rounds.Plan) -> rounds.Result:
        result = super().run(taken, plan)
        self.stats.round_done(plan, result, 0.25, 0.5)
        return result


@pytest.fixture
def lane() -> Watched:
    kit = Watched()
    kit.publish(waiting(), at=AT)
    for number, customer in enumerate("abc"):
        kit.event(customer, "purchase", at=AT + number * 1000)
    kit.round(bound=AT + 3000)
    return kit


def samples(sight: Sight) -> dict[str, float]:
    text = Metrics(lambda: True, lambda: of_lanes({7: sight})).text().decode()
    families = text_string_to_metric_families(text)
    found = [sample for family in families for sample in family.samples if sample.labels.get("lane") == "7"]
    return {
        sample.name.removeprefix("laudstream_lane_") + sample.labels.get("topic", ""): sample.value for sample in found
    }


def test_r30_how_late_timers_fire_is_a_metric(lane: Watched) -> None:
    assert "timer_late_seconds_count" in samples(Sight(lane.stats, True))
    due = lane.store.due(1 << 50, 9).hints[0][0]
    lane.round(bound=due + 5000, clock=due + 6000)
    found = samples(Sight(lane.stats, True))
    assert found["timers_fired_total"] == found["timer_late_seconds_count"] == 3
    assert found["timer_late_seconds_sum"] == 6 + 5 + 4
    assert found["timer_latest_seconds"] == 6


def test_a_round_without_timers_leaves_their_lateness_as_it_was(lane: Watched) -> None:
    due = lane.store.due(1 << 50, 9).hints[0][0]
    lane.round(bound=due + 1, clock=due + 2)
    lane.event("d", "purchase", at=due + 10)
    lane.round(bound=due + 20)
    found = samples(Sight(lane.stats, True))
    assert (found["timer_late_seconds_count"], found["timer_latest_seconds"]) == (1, 0.002)
    assert (found["rounds_total"], found["inputs_total"], found["core_seconds_total"]) == (3, 5, 0.75)


def test_lag_store_and_what_is_left_to_restore_are_metrics() -> None:
    found = samples(Sight(LaneStats(restoring=12), False))
    assert (found["open"], found["restoring_records"]) == (0, 12)
    found = samples(Sight(LaneStats(), True, 5, 2, {"laudstream.events": 9, "laudstream.rows": 0}, 4096))
    assert (found["open"], found["seq"], found["records_in_hand"], found["store_bytes"]) == (1, 5, 2, 4096)
    assert (found["lag_recordslaudstream.events"], found["lag_recordslaudstream.rows"]) == (9, 0)
