"""What workers tell Prometheus: read from their counters when somebody asks, so that a round pays nothing for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.lanes.stats import LaneStats

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


def of_lanes(lanes: Mapping[int, tuple[LaneStats, int, int]]) -> Iterator[Metric]:
    """`lanes`: partition -> (counters, records in hand, last round)."""
    for field, (name, meaning) in _COUNTERS.items():
        counter = CounterMetricFamily(f"laudstream_lane_{name}", meaning, labels=["lane"])
        for lane, (stats, _, _) in lanes.items():
            counter.add_metric([str(lane)], getattr(stats, field))
        yield counter
    late = GaugeMetricFamily("laudstream_lane_behind_seconds", "Clock minus lane time after a round.", labels=["lane"])
    in_hand = GaugeMetricFamily("laudstream_lane_records_in_hand", "Fetched and not handled.", labels=["lane"])
    opened = GaugeMetricFamily("laudstream_lane_open_seconds", "What opening it last took.", labels=["lane"])
    seq = GaugeMetricFamily("laudstream_lane_seq", "Number of the last round.", labels=["lane"])
    for lane, (stats, waiting, number) in lanes.items():
        label = [str(lane)]
        late.add_metric(label, stats.late_ms / 1000)
        in_hand.add_metric(label, waiting)
        opened.add_metric(label, stats.open_s)
        seq.add_metric(label, number)
    yield from (late, in_hand, opened, seq)


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
