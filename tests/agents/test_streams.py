"""What partitions of a topic have in hand goes into one transaction, and each answers for itself (A23)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from agents.lanes.feed import CaughtUp, Feed
from agents.streams import MAX_BATCH, Batch, BatchReader, Group, PositionMoved, Step
from tests.integration.kit import wait_until

TP = TopicPartition("t", 0)


class Handler:
    """Writes down what it is given; steps of partitions in `bad` fail, and all others with them."""

    topics = ("t",)

    def __init__(self, bad: Sequence[int] = (), error: Exception | None = None) -> None:
        self.bad, self.error = bad, error or PositionMoved("moved")
        self.asked: list[list[int]] = []
        self.applied: list[int] = []
        self.under_way, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def position(self, topic: str, partition: int) -> int | None:
        return None

    async def apply(self, steps: Sequence[Step]) -> None:
        partitions = [step.batch.partition for step in steps]
        self.asked.append(partitions)
        self.under_way.set()
        await self.gate.wait()
        if any(partition in self.bad for partition in partitions):
            raise self.error
        self.applied += partitions


def step(partition: int, records: int = 1) -> Step:
    return Step(Batch("t", partition, [SimpleNamespace(offset=n) for n in range(records)], records), None)


async def outcomes(group: Group, *partitions: int) -> list[str]:
    answers = await asyncio.gather(*(group.apply(step(p)) for p in partitions), return_exceptions=True)
    return [str(answer) for answer in answers]


async def test_what_comes_in_while_a_transaction_runs_is_applied_together_by_the_next() -> None:
    handler = Handler()
    handler.gate.clear()
    group = Group(handler)
    first = asyncio.create_task(group.apply(step(0)))
    await handler.under_way.wait()
    rest = [asyncio.create_task(group.apply(step(p))) for p in (1, 2, 3)]
    await asyncio.sleep(0)
    handler.gate.set()
    await asyncio.gather(first, *rest)
    assert handler.asked == [[0], [1, 2, 3]]


async def test_one_partition_that_has_moved_hinders_no_other() -> None:
    handler = Handler(bad=[2])
    assert await outcomes(Group(handler), 1, 2, 3) == ["None", "moved", "None"]
    assert handler.applied == [1, 3]


async def test_a_server_that_is_away_is_asked_once_for_all() -> None:
    handler = Handler(bad=[1], error=OSError("away"))
    assert await outcomes(Group(handler), 1, 2, 3) == ["away"] * 3
    assert handler.asked == [[1, 2, 3]]


async def test_a_transaction_takes_no_more_steps_once_it_has_a_batch_full_of_records() -> None:
    handler = Handler()
    group = Group(handler)
    await asyncio.gather(*(group.apply(step(p, MAX_BATCH)) for p in (1, 2)), group.apply(step(3)))
    assert handler.asked == [[1], [2], [3]]


async def test_who_is_cut_off_takes_back_what_waits_and_lets_what_runs_come_to_its_end() -> None:
    handler = Handler()
    handler.gate.clear()
    group = Group(handler)
    running = asyncio.create_task(group.apply(step(0)))
    await handler.under_way.wait()
    waiting = asyncio.create_task(group.apply(step(1)))
    await asyncio.sleep(0)
    for task in (running, waiting):
        task.cancel()
    await asyncio.wait([running, waiting])
    handler.gate.set()
    assert group.task is not None
    await group.task
    assert handler.applied == [0]


async def test_a_group_goes_on_after_an_error() -> None:
    handler = Handler(bad=[1])
    group = Group(handler)
    with pytest.raises(PositionMoved):
        await group.apply(step(1))
    await group.apply(step(2))
    assert handler.applied == [2]


class Log:
    """A consumer of one partition whose log begins and ends somewhere, as aiokafka behaves without a reset."""

    def __init__(self, begin: int, end: int) -> None:
        self.begin, self.end, self.at, self.fetches = begin, end, 0, 0
        self.caught_up = CaughtUp()

    async def range(self, tp: TopicPartition) -> tuple[int, int]:
        return self.begin, self.end

    async def seek_and_fetch(
        self, seeks: dict[TopicPartition, int], wanted: Iterable[TopicPartition], timeout: float, limit: int
    ) -> dict[TopicPartition, list[Any]]:
        self.fetches += 1
        self.at = seeks.get(TP, self.at)
        await asyncio.sleep(0)
        if TP not in [*wanted]:
            return {}
        if not self.begin <= self.at <= self.end:
            raise OffsetOutOfRangeError({TP: self.at})
        found = [SimpleNamespace(offset=offset) for offset in range(self.at, self.end)]
        self.at = self.end
        return {TP: found} if found else {}


class Stored(Handler):
    """Keeps its position, as PostgreSQL does."""

    def __init__(self, at: int | None) -> None:
        super().__init__()
        self.at, self.offsets = at, list[int]()

    async def position(self, topic: str, partition: int) -> int | None:
        return self.at

    async def apply(self, steps: Sequence[Step]) -> None:
        for step in steps:
            assert step.expected == self.at
            self.at = step.batch.next_offset
            self.offsets += [record.offset for record in step.batch.records]


@asynccontextmanager
async def reading(log: Log, handler: Stored) -> AsyncIterator[BatchReader]:
    async def crash(error: BaseException) -> None:
        raise error

    feed = Feed(log, crash, 10)
    reader = BatchReader(TP, handler, Group(handler), feed, log.range)
    feed.start()
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        feed.stop()


@pytest.mark.parametrize("stored", [None, 3])
async def test_a_stream_whose_next_records_have_expired_goes_on_with_what_there_is_and_says_so(
    stored: int | None,
) -> None:
    """It stood still for ever: a sender of a channel that was started first after a week, or again after one."""
    log, handler = Log(begin=50, end=55), Stored(stored)
    with capture_logs() as said:
        async with reading(log, handler):
            await wait_until(lambda: handler.at == 55, 5)
    assert handler.offsets == [50, 51, 52, 53, 54]
    lost = [(line["offset"], line["begin"]) for line in said if line["event"] == "stream_records_expired"]
    assert lost == [(stored or 0, 50)]


async def test_a_stream_whose_position_kafka_does_not_have_yet_waits_and_asks_seldom() -> None:
    """What is there may have been applied: to begin anew would count it twice."""
    log, handler = Log(begin=0, end=5), Stored(7)
    with capture_logs() as said:
        async with reading(log, handler):
            await wait_until(lambda: any(line["event"] == "batch_failed" for line in said), 5)
            asked = log.fetches
            log.end = 9
            await wait_until(lambda: handler.at == 9, 5)
    assert handler.offsets == [7, 8]
    assert asked < 5
