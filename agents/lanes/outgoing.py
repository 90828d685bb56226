"""A computed round as it goes into Kafka: its new head, its journal record and all that it writes (A1, A13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.lanes import round as rounds
from agents.lanes.ports import Round
from laudstream import topics
from laudstream.ids import partition_of
from laudstream.records import head as heads
from laudstream.records.head import Head, Journal
from tables.layout import HEAD_KEY

Pairs = Sequence[tuple[Any, ...]]


def head_after(
    before: Head, plan: rounds.Plan, result: rounds.Result, moved: Mapping[str, int], topic_ids: dict[str, str]
) -> Head:
    """`moved`: next offset of each input topic of which something was taken."""
    base = dict.fromkeys(topics.LANE_INPUTS, 0)
    return Head(
        before.seq + 1, {**base, **before.positions, **moved}, topic_ids, result.lane_time, plan.clock,
        result.control_seq, result.core_level, result.state_format, before.epoch,
    )  # fmt: skip


def outgoing(
    partition: int, partitions: int, head: Head, plan: rounds.Plan, result: rounds.Result, moved: dict[str, int]
) -> Round:
    """`head`: after the round; `partitions`: of each topic."""
    out = result.out
    writes: dict[str, Pairs] = {
        topics.STATE: [*out.records, *out.kept, (HEAD_KEY, heads.encode(head))],
        topics.JOURNAL: [(b"%d" % head.seq, heads.encode(_journal(head, plan, result, moved)))],
        **out.topics,
    }
    if out.letters:
        writes[topics.DEAD_LETTERS] = out.letters
    handoffs = _by_lane(writes.pop(topics.HANDOFFS, ()), partitions)
    return Round(partition, head.seq, plan.clock, head.positions, moved, writes, handoffs)


def _journal(head: Head, plan: rounds.Plan, result: rounds.Result, moved: dict[str, int]) -> Journal:
    return Journal(
        head.seq, head.lane_time, plan.clock, moved, result.fired, result.swept, result.parked, result.skipped,
        head.core_level, head.epoch, result.out.out_digest(), result.out.state_digest(), head.state_format,
    )  # fmt: skip


def _by_lane(pairs: Pairs, partitions: int) -> dict[int, list[tuple[Any, ...]]]:
    by_partition: dict[int, list[tuple[Any, ...]]] = {}
    for pair in pairs:
        by_partition.setdefault(partition_of(pair[0], partitions), []).append(pair)
    return by_partition
