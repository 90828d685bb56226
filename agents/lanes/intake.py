"""What was fetched for a lane and not handled yet, topic by topic, and how far the lane knows its logs."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiokafka.structs import TopicPartition

from agents.lanes.feed import CaughtUp
from agents.lanes.record import EVENTS, HANDOFFS, behind, shares
from laudstream import topics
from laudstream.errors import Invalid
from laudstream.records import codec

Taken = list[list[Any]]
"""Records of each input topic, in the order of LANE_INPUTS."""


class Intake:
    def __init__(self, partition: int, caught_up: CaughtUp) -> None:
        self.tps = tuple(TopicPartition(topic, partition) for topic in topics.LANE_INPUTS)
        self._caught_up = caught_up
        self._rank = {tp: rank for rank, tp in enumerate(self.tps)}
        self._buffers: list[deque[Any]] = [deque() for _ in self.tps]
        self._last_seen = [0] * len(self.tps)  # append time of the last record handled
        self._fed_since = 0
        self._informed = False
        self.size = 0
        """Records in hand."""

    def begin(self, now: int) -> None:
        """Fetches sent from now on (ms) are for us."""
        self._fed_since = now

    def feed(self, tp: TopicPartition, records: Sequence[Any]) -> None:
        self._buffers[self._rank[tp]].extend(records)
        self.size += len(records)

    def wanted(self, room: int) -> tuple[TopicPartition, ...]:
        """Partitions to be fetched from. Where `room` records are in hand: control, and what nothing is in hand of, for
        the others may wait for them (A5, A9)."""
        if self.size < room:
            return self.tps
        return tuple(tp for tp, buffer in zip(self.tps, self._buffers, strict=True) if not buffer or tp is self.tps[0])

    def clear(self) -> None:
        self._informed = False
        for buffer in self._buffers:
            buffer.clear()
        self.size = 0

    def knows_all(self) -> bool:
        """Whether all topics have answered since the lane began to be fed, control to its end: what was published
        before an event, and a row that was changed before it, come first however the fetches were answered (A5)."""
        if not self._informed:
            ended = [self._caught_up.get(tp) >= self._fed_since for tp in self.tps]
            self._informed = ended[0] and all(map(operator.or_, ended, map(bool, self._buffers)))
        return self._informed

    def bound(self) -> int:
        """Every input appended before this instant is in hand or handled (A4)."""
        bounds = []
        for tp, buffer, seen in zip(self.tps, self._buffers, self._last_seen, strict=True):
            bounds.append(buffer[0].timestamp if buffer else max(self._caught_up.get(tp), seen))
        return min(bounds)

    def take(self, room: int, control_seq: int) -> Taken:
        """The next records, at most `room`, of all topics in equal shares."""
        lengths = [len(b) for b in self._buffers]
        if lengths[HANDOFFS]:
            lengths[HANDOFFS] = self._readable(control_seq)
        counts = shares(lengths, room)
        counts = behind(counts, self._buffers, self._events_known(counts[EVENTS]))
        taken = [[b.popleft() for _ in range(n)] for b, n in zip(self._buffers, counts, strict=True)]
        self.size -= sum(counts)
        for rank, records in enumerate(taken):
            if records:
                self._last_seen[rank] = max(self._last_seen[rank], records[-1].timestamp)
        return taken

    def _events_known(self, taken: int) -> int:
        """Once so many more events are taken: every event appended before this instant is handled."""
        events, seen = self._buffers[EVENTS], self._last_seen[EVENTS]
        if taken < len(events):
            return int(events[taken].timestamp)
        return max(self._caught_up.get(self.tps[EVENTS]), events[-1].timestamp if events else seen)

    def put_back(self, taken: Taken) -> None:
        for buffer, records in zip(self._buffers, taken, strict=True):
            buffer.extendleft(reversed(records))
            self.size += len(records)

    def _readable(self, control_seq: int) -> int:
        """Handoffs in hand up to the first one whose sender had read more of control than we have (A9)."""
        buffer = self._buffers[HANDOFFS]
        for at, record in enumerate(buffer):
            try:
                if codec.handoff(record.value).control_seq > control_seq:
                    return at
            except Invalid:
                continue  # will be a dead letter
        return len(buffer)
