"""An input as a lane takes it: a Kafka record with the rank of its topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

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


class Input(NamedTuple):
    """Compares by (append time, rank, offset): the order in which a lane takes its inputs (A5)."""

    at: int
    rank: int
    offset: int
    record: Record


def merge(taken: Sequence[Sequence[Record]]) -> list[Input]:
    """One list of inputs in order. `taken` holds one list a topic, by rank; control goes first, whatever its time."""
    control = [Input(r.timestamp, CONTROL, r.offset, r) for r in taken[CONTROL]]
    rest: list[Input] = []
    filled = 0
    for rank in range(CONTROL + 1, len(taken)):
        if taken[rank]:
            filled += 1
            rest += [Input(r.timestamp, rank, r.offset, r) for r in taken[rank]]
    if filled > 1:
        rest.sort(key=_order)
    return control + rest


def _order(item: Input) -> tuple[int, int, int]:
    return item[0], item[1], item[2]


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
