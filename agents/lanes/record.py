"""Inputs as a lane takes them: in which order, and how many of each topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from laudstream import topics

RANK = {topic: rank for rank, topic in enumerate(topics.LANE_INPUTS)}
CONTROL, ROWS, HANDOFFS, DELIVERIES, EVENTS = range(len(topics.LANE_INPUTS))


class Record(Protocol):
    """What is used of aiokafka's ConsumerRecord; `timestamp` is the broker's append time, ms."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def merge(taken: Sequence[Sequence[Record]]) -> list[Record]:
    """One list of inputs in the order in which a lane takes them (A5): by (append time, rank of the topic, offset),
    but control first, whatever its time. `taken` holds one list a topic, by rank."""
    filled = [records for records in taken[CONTROL + 1 :] if records]
    rest = [record for records in filled for record in records]
    if len(filled) > 1:
        rest.sort(key=_order)
    return [*taken[CONTROL], *rest]


def _order(record: Record) -> tuple[int, int, int]:
    return record.timestamp, RANK[record.topic], record.offset


def shares(waiting: Sequence[int], room: int) -> list[int]:
    """How many records of each topic go into a round of `room`: each is sure of an equal share, what one
    leaves over the others take, in the order of rank. Control is taken whole, before all else (A5)."""
    take = [min(waiting[CONTROL], room)]
    room -= take[CONTROL]
    rest = list(waiting[CONTROL + 1 :])
    busy = sum(1 for n in rest if n)
    if not busy:
        return take + [0] * len(rest)
    sure = room // busy
    counts = [min(n, sure) for n in rest]
    left = room - sum(counts)
    for at, n in enumerate(rest):
        more = min(n - counts[at], left)
        counts[at] += more
        left -= more
    return take + counts


def ends(taken: Iterable[tuple[str, Sequence[Record]]]) -> dict[str, int]:
    """Next offset of each topic of which something was taken."""
    return {topic: records[-1].offset + 1 for topic, records in taken if records}
