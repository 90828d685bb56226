"""Inputs as a lane takes them: in which order, and how many of each topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
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


def behind(counts: Sequence[int], waiting: Sequence[Sequence[Record]], known: int) -> list[int]:
    """Of what `shares` gives the topics, that which was not appended after `known`, up to when all events are in hand
    or handled: a newer row or delivery would take lane time past events that are still to come (A4). Events themselves
    wait for nobody (A5). Something is taken if there are events."""
    kept = [
        n if rank in (CONTROL, EVENTS) or not n or records[n - 1].timestamp <= known else _until(records, n, known)
        for rank, (n, records) in enumerate(zip(counts, waiting, strict=True))
    ]
    if not any(kept):
        kept[EVENTS] = min(len(waiting[EVENTS]), sum(counts))
    return kept


def _until(records: Iterable[Record], most: int, known: int) -> int:
    return sum(record.timestamp <= known for record in islice(records, most))


def ends(taken: Iterable[tuple[str, Sequence[Record]]]) -> dict[str, int]:
    """Next offset of each topic of which something was taken."""
    return {topic: records[-1].offset + 1 for topic, records in taken if records}
