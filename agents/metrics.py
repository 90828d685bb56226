"""What workers tell Prometheus: read from their counters when somebody asks, so that a round pays nothing for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from agents.lanes.stats import Sight

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Measures = Callable[[], Iterable[Metric]]

_COUNTERS = {
    "rounds": ("rounds", "Rounds committed."),
    "inputs": ("inputs", "Records handled."),
    "timers": ("timers_fired", "Timers fired."),
    "aborted": ("rounds_aborted", "Rounds whose transaction was aborted; they are done again."),
    "failed": ("runs_parked", "Runs parked by an error."),
    "dead_letters": ("dead_letters", "Records that could not be read."),
    "restored": ("restored_records", "Records of the changelog that were read to restore state."),
    "core_s": ("core_seconds", "Time in the pure part of rounds."),
    "commit_s": ("commit_seconds", "Time from there to the end of the commit."),
}

_GAUGES: dict[str, tuple[str, Callable[[Sight], float]]] = {
    "open": ("1: it is open.", lambda sight: sight.is_open),
    "restoring_records": ("Offsets of the changelog that are left to read.", lambda sight: sight.stats.restoring),
    "behind_seconds": ("Clock minus lane time after a round.", lambda sight: sight.stats.late_ms / 1000),
    "timer_latest_seconds": (
        "How late the first timer of the last round with any was.", lambda sight: sight.stats.timer_late_ms / 1000
    ),
    "records_in_hand": ("Fetched and not handled.", lambda sight: sight.in_hand),
    "open_seconds": ("What opening it last took.", lambda sight: sight.stats.open_s),
    "seq": ("Number of the last round.", lambda sight: sight.seq),
    "store_bytes": ("What the files of its store take.", lambda sight: sight.store_bytes),
}  # fmt: skip


class _Worker(Collector):
    def __init__(self, ready: Callable[[], bool], measures: Measures) -> None:
        self._ready, self._measures = ready, measures

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("laudstream_ready", "1: all that the group gave is open.", float(self._ready()))
        yield from self._measures()


class Metrics:
    """The text of one worker."""

    def __init__(self, ready: Callable[[], bool], measures: Measures) -> None:
        self._registry = CollectorRegistry()
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self._registry)
        self._registry.register(_Worker(ready, measures))

    def text(self) -> bytes:
        return generate_latest(self._registry)


def of_lanes(lanes: Mapping[int, Sight]) -> Iterator[Metric]:
    """By partition."""
    for field, (name, meaning) in _COUNTERS.items():
        counter = CounterMetricFamily(f"laudstream_lane_{name}", meaning, labels=["lane"])
        for lane, sight in lanes.items():
            counter.add_metric([str(lane)], getattr(sight.stats, field))
        yield counter
    for name, (meaning, of) in _GAUGES.items():
        gauge = GaugeMetricFamily(f"laudstream_lane_{name}", meaning, labels=["lane"])
        for lane, sight in lanes.items():
            gauge.add_metric([str(lane)], of(sight))
        yield gauge
    lag = GaugeMetricFamily("laudstream_lane_lag_records", "Not handled yet.", labels=["lane", "topic"])
    late = SummaryMetricFamily(
        "laudstream_lane_timer_late_seconds", "How long after they were due timers were looked at.", labels=["lane"]
    )
    for lane, sight in lanes.items():
        for topic, records in sight.lag.items():
            lag.add_metric([str(lane), topic], records)
        late.add_metric([str(lane)], sight.stats.timers_seen, sight.stats.timers_late_s)
    yield from (lag, late)


def of_worker(transactions: int, fenced: int, rebalances: int) -> Iterator[Metric]:
    yield CounterMetricFamily("laudstream_transactions", "Transactions committed.", value=transactions)
    yield CounterMetricFamily("laudstream_fenced", "Commits refused: another worker has the lane.", value=fenced)
    yield CounterMetricFamily("laudstream_rebalances", "Assignments taken.", value=rebalances)


def of_streams(applied: Mapping[TopicPartition, int]) -> Iterator[Metric]:
    """`applied`: records applied of each partition, since it was taken over."""
    counter = CounterMetricFamily("laudstream_records_applied", "Records applied.", labels=["topic", "partition"])
    for tp, count in applied.items():
        counter.add_metric([tp.topic, str(tp.partition)], count)
    yield counter
