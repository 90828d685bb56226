"""Streams handled in batches whose position stands in PostgreSQL, in the handler's own transaction.

Faust gives the partitions; a task per partition takes what was fetched, and the handler writes rows and moves the
position by compare-and-set in one transaction. So a batch is applied once whatever dies, and a frozen worker
that thaws changes nothing: its position has moved (A23). Kafka's own offsets are not used.

What the partitions of a topic have in hand while a transaction is under way goes into the next one together (a group
commit): a transaction and its statements cost about the same for one partition as for all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka.structs import TopicPartition

from agents.lanes.feed import Feed
from agents.lanes.hub import GroupSource
from laudstream.errors import Broken, LaudstreamError
from laudstream.local.logs import Logs
from laudstream.settings import Settings

log = structlog.get_logger(__name__)

RangeOf = Callable[[TopicPartition], Awaitable[tuple[int, int]]]
"""Offsets of the first record of a partition's log and behind its last one."""
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


class Step(NamedTuple):
    """A batch, and where the position of its partition stands before it."""

    batch: Batch
    expected: int | None


class BatchHandler(Protocol):
    @property
    def topics(self) -> tuple[str, ...]: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def position(self, topic: str, partition: int) -> int | None:
        """Stored next offset; None: from the beginning."""

    async def apply(self, steps: Sequence[Step]) -> None:
        """Steps of different partitions of one topic, in one transaction: move each position from `expected` to
        next_offset, and write. Raises PositionMoved if one of them is not where it was expected; nothing is done."""


class Group:
    """Steps of one topic on their way to its handler: what waits is applied together, one transaction at a time."""

    def __init__(self, handler: BatchHandler) -> None:
        self._handler = handler
        self._waiting: deque[tuple[Step, asyncio.Future[None]]] = deque()
        self.task: asyncio.Task[None] | None = None
        """Runs while there is something to apply."""

    async def apply(self, step: Step) -> None:
        """Returns when it is applied. Raises what the handler raises for this step alone.

        A caller that is cancelled takes back a step that still waits; one that is under way comes to its end.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, done))
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while some := self._take():
            try:
                await self._handler.apply([step for step, _ in some])
            except (OSError, TimeoutError) as error:  # the server is away, for each of them
                _fail(some, error)
            except Exception as error:
                if len(some) == 1:
                    _fail(some, error)
                else:
                    await self._apart(some)
            else:
                for _, done in some:
                    if not done.done():
                        done.set_result(None)

    async def _apart(self, some: Sequence[tuple[Step, asyncio.Future[None]]]) -> None:
        """Each for itself: what hinders one partition must not hinder the others."""
        for one in some:
            step, done = one
            try:
                await self._handler.apply([step])
            except Exception as error:
                _fail([one], error)
            else:
                if not done.done():
                    done.set_result(None)

    def _take(self) -> list[tuple[Step, asyncio.Future[None]]]:
        """What waits, up to about MAX_BATCH records."""
        some: list[tuple[Step, asyncio.Future[None]]] = []
        records = 0
        while self._waiting and records < MAX_BATCH:
            step, done = self._waiting.popleft()
            if not done.done():
                some.append((step, done))
                records += len(step.batch.records)
        return some


def _fail(some: Iterable[tuple[Step, asyncio.Future[None]]], error: Exception) -> None:
    for _, done in some:
        if not done.done():
            done.set_exception(error)


class BatchReader:
    """One partition of one handler."""

    def __init__(self, tp: TopicPartition, handler: BatchHandler, group: Group, feed: Feed, range_of: RangeOf) -> None:
        self.tp, self.tps = tp, (tp,)
        self._range_of = range_of
        self._handler, self._group, self._feed = handler, group, feed
        self.accepting = False
        self._buffer: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._expected: int | None = None
        self._begin = 0
        """Where the log begins, as far as we had to ask."""
        self._lost = False
        self.applied = 0

    @property
    def wanted(self) -> tuple[TopicPartition, ...]:
        return self.tps if len(self._buffer) < 2 * MAX_BATCH else ()

    def seeks(self) -> dict[TopicPartition, int]:
        return {self.tp: self._place}

    def feed(self, tp: TopicPartition, records: list[Any]) -> None:
        self._buffer.extend(records)
        self._arrived.set()

    @property
    def _place(self) -> int:
        return max(self._expected or 0, self._begin)

    def lost(self, tp: TopicPartition, position: int) -> None:
        self._feed.remove(self)
        self._lost = True
        self._arrived.set()

    async def run(self) -> None:
        """Until cancelled. Trouble of any kind is retried; a batch is never skipped while Kafka has it."""
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
        tp = self.tp
        self._expected = await self._handler.position(tp.topic, tp.partition)
        self._buffer.clear()
        self._lost = False
        self._feed.add(self)
        while True:
            while not self._buffer:
                if self._lost:
                    return await self._find()
                self._arrived.clear()
                await self._arrived.wait()
            records = [self._buffer.popleft() for _ in range(min(MAX_BATCH, len(self._buffer)))]
            batch = Batch(tp.topic, tp.partition, records, records[-1].offset + 1)
            await self._group.apply(Step(batch, self._expected))
            self._expected = batch.next_offset
            self.applied += len(records)

    async def _find(self) -> None:
        """A position that the log does not have: what expired is gone, and what comes after it is read. Raises Broken
        for one behind the end: what there is may have been applied, so it is not for us to go back."""
        tp, place = self.tp, self._place
        begin, end = await self._range_of(tp)
        if place > end:
            raise Broken(f"{tp.topic}/{tp.partition} ends at {end}, and {place} is next: was it made anew?")
        if place < begin:
            log.error("stream_records_expired", topic=tp.topic, partition=tp.partition, offset=place, begin=begin)
            self._begin = begin


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
        self._settings = settings
        self._deadline_s = settings.close_deadline_s
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self._groups: dict[str, Group] = {}
        self.readers: dict[TopicPartition, BatchReader] = {}
        self._assigned = self._stopped = False

    async def assign(self, tps: Iterable[TopicPartition]) -> None:
        if self._stopped:
            return
        self._feed.start()
        self._assigned = True
        for tp in tps:
            if tp.topic in self.topics:
                handler = self._handler_of(tp.topic)
                group = self._groups.setdefault(tp.topic, Group(handler))
                reader = self.readers[tp] = BatchReader(tp, handler, group, self._feed, self._range)
                self._tasks[tp] = asyncio.create_task(reader.run())

    async def _range(self, tp: TopicPartition) -> tuple[int, int]:
        async with Logs(self._settings) as logs:
            return await logs.range(tp.topic, tp.partition)

    async def revoke(self) -> None:
        """What is being applied comes to its end. A transaction that takes too long is cut off: PostgreSQL rolls it
        back, and the next owner applies it again."""
        self._assigned = False
        tasks, self._tasks = list(self._tasks.values()), {}
        self.readers.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._deadline_s)
        applying = [group.task for group in self._groups.values() if group.task is not None]
        self._groups.clear()
        if applying:
            _, late = await asyncio.wait(applying, timeout=self._deadline_s)
            for task in late:
                task.cancel()

    async def stop(self) -> None:
        self._stopped = True
        await self.revoke()
        self._feed.stop()

    def ready(self) -> bool:
        return self._assigned and all(reader.accepting for reader in self.readers.values())
