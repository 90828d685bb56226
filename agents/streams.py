"""Streams handled in batches whose position stands in PostgreSQL, in the handler's own transaction.

Faust gives the partitions; a task per partition takes what was fetched, and the handler writes rows and moves the
position by compare-and-set in one transaction. So a batch is applied once whatever dies, and a frozen worker
that thaws changes nothing: its position has moved (A23). Kafka's own offsets are not used.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka.structs import TopicPartition

from agents.lanes.feed import Feed
from agents.lanes.hub import GroupSource
from laudstream.errors import LaudstreamError
from laudstream.settings import Settings

log = structlog.get_logger(__name__)

MAX_BATCH = 2000
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Batch(NamedTuple):
    topic: str
    partition: int
    records: list[Any]
    """aiokafka ConsumerRecords in order; never empty."""
    next_offset: int


class PositionMoved(LaudstreamError):
    """Somebody else has applied this batch, or a part of it."""


class BatchHandler(Protocol):
    @property
    def topics(self) -> tuple[str, ...]: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def position(self, topic: str, partition: int) -> int | None:
        """Stored next offset; None: from the beginning."""

    async def apply(self, batch: Batch, expected: int | None) -> None:
        """One transaction: move the position from `expected` to batch.next_offset, else raise PositionMoved; write."""


class BatchReader:
    """One partition of one handler."""

    def __init__(self, tp: TopicPartition, handler: BatchHandler, feed: Feed) -> None:
        self.tp, self.tps = tp, (tp,)
        self._handler, self._feed = handler, feed
        self.accepting = False
        self._buffer: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._expected: int | None = None
        self.applied = 0

    @property
    def hungry(self) -> bool:
        return len(self._buffer) < 2 * MAX_BATCH

    def seeks(self) -> dict[TopicPartition, int]:
        return {self.tp: self._expected or 0}

    def feed(self, tp: TopicPartition, records: list[Any]) -> None:
        self._buffer.extend(records)
        self._arrived.set()

    def lost(self, tp: TopicPartition, position: int) -> None:
        if self._expected is None:  # the first read of a log whose beginning was deleted by age
            self._expected = position + 1
        log.error("stream_position_lost", topic=tp.topic, partition=tp.partition, offset=position)

    async def run(self) -> None:
        """Until cancelled. Trouble of any kind is retried; a batch is never skipped."""
        tries = 0
        while True:
            try:
                await self._follow()
            except PositionMoved:
                log.info("stream_position_moved", topic=self.tp.topic, partition=self.tp.partition)
                tries = 0
            except Exception as error:
                pause = _BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)]
                tries += 1
                log.warning(
                    "batch_failed", topic=self.tp.topic, partition=self.tp.partition, offset=self._expected,
                    tries=tries, error=repr(error),
                )  # fmt: skip
                await asyncio.sleep(pause)
            finally:
                self._feed.remove(self)

    async def _follow(self) -> None:
        handler, tp = self._handler, self.tp
        self._expected = await handler.position(tp.topic, tp.partition)
        self._buffer.clear()
        self._feed.add(self)
        while True:
            while not self._buffer:
                self._arrived.clear()
                await self._arrived.wait()
            records = [self._buffer.popleft() for _ in range(min(MAX_BATCH, len(self._buffer)))]
            batch = Batch(tp.topic, tp.partition, records, records[-1].offset + 1)
            await handler.apply(batch, self._expected)
            self._expected = batch.next_offset
            self.applied += len(records)


class BatchHub:
    """Readers of all partitions of all handlers of one worker."""

    def __init__(
        self,
        settings: Settings,
        source: GroupSource,
        crash: Callable[[BaseException], Awaitable[None]],
        topics: Iterable[str],
        handler_of: Callable[[str], BatchHandler],
    ) -> None:
        self.topics = frozenset(topics)
        self._handler_of = handler_of
        self._feed = Feed(source, crash, MAX_BATCH)
        self._deadline_s = settings.close_deadline_s
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self.readers: dict[TopicPartition, BatchReader] = {}
        self._assigned = False

    async def assign(self, tps: Iterable[TopicPartition]) -> None:
        self._feed.start()
        self._assigned = True
        for tp in tps:
            if tp.topic in self.topics:
                reader = self.readers[tp] = BatchReader(tp, self._handler_of(tp.topic), self._feed)
                self._tasks[tp] = asyncio.create_task(reader.run())

    async def revoke(self) -> None:
        """A batch that is cut off is rolled back by PostgreSQL and applied again by the next owner."""
        self._assigned = False
        tasks, self._tasks = list(self._tasks.values()), {}
        self.readers.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._deadline_s)

    async def stop(self) -> None:
        await self.revoke()
        self._feed.stop()

    def ready(self) -> bool:
        return self._assigned and all(reader.accepting for reader in self.readers.values())
