"""Replay: run a lane's rounds again from its journal and its input topics, and compare every digest (A13).

Nothing is written: the store is in memory, and what comes out is only compared.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.definitions import Definitions
from agents.lanes import round as rounds
from agents.lanes.lane import Bodies
from agents.lanes.record import merge
from laudstream import kafka_client, topics
from laudstream.errors import Broken
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import Customer
from laudstream.records.head import Head, Journal, decode_journal
from laudstream.settings import Settings
from tables.cache import Cache
from tables.memory import MemoryStore

NO_LIMIT = 1 << 40
CACHE_BYTES = 256 << 20


class ReplayResult(msgspec.Struct):
    """What was compared, and how it came out."""

    partition: int
    skipped: int = 0
    """Rounds before the first one that was asked for: run, but not compared."""
    rounds: int = 0
    inputs: int = 0
    timers: int = 0
    decisions: int = 0
    mismatches: int = 0
    first: str = ""
    """What differed first; empty if nothing did."""
    seconds: float = 0.0


class Replay:
    """Rounds of one partition, one after another, on a store in memory."""

    def __init__(self, partition: int, definitions: Bodies, begin: int = 1, cache_bytes: int = CACHE_BYTES) -> None:
        """`begin`: the first round that is compared. `cache_bytes` 0: customers are decoded anew in each round."""
        self.store = MemoryStore()
        self.lane = rounds.Lane(partition, Head(), Catalog(), ())
        self.result = ReplayResult(partition)
        self._begin = begin
        self._cache: Cache[Customer] = Cache(cache_bytes)
        self._bodies = definitions

    def step(self, entry: Journal, taken: list[list[Any]]) -> rounds.Result:
        """Run the round that `entry` describes on the records that it took."""
        inputs = merge(taken)
        before = msgspec.structs.replace(self.lane.head, core_level=entry.core_level, epoch=entry.epoch)
        plan = rounds.Plan(inputs, entry.lane_time, entry.clock, NO_LIMIT, entry.fired)
        result = rounds.run(self.lane._replace(head=before), plan, self.store, self._cache, self._bodies.body)
        self._report(entry, result, len(inputs))
        self.store.write(result.out.records)
        rounds.keep(self._cache, result)
        head = msgspec.structs.replace(
            before, seq=entry.seq, lane_time=result.lane_time, clock=entry.clock, control_seq=result.control_seq
        )
        self.lane = rounds.Lane(self.lane.partition, head, result.catalog, result.sweeps)
        return result

    def _report(self, entry: Journal, result: rounds.Result, inputs: int) -> None:
        done = self.result
        if entry.seq < self._begin:
            done.skipped += 1
            return
        self._compare(entry, result)
        done.rounds += 1
        done.inputs += inputs
        done.timers += result.fired
        done.decisions += len(result.out.topics.get(topics.DECISIONS, ()))

    def _compare(self, entry: Journal, result: rounds.Result) -> None:
        found = {
            "seq": (entry.seq, self.lane.head.seq + 1),
            "lane_time": (entry.lane_time, result.lane_time),
            "timers fired": (entry.fired, result.fired),
            "decisions and sends": (entry.out_digest, result.out.out_digest()),
            "state": (entry.state_digest, result.out.state_digest()),
        }
        different = [f"{name}: journal {a!r}, replay {b!r}" for name, (a, b) in found.items() if a != b]
        if different:
            self.result.mismatches += 1
            self.result.first = self.result.first or f"round {entry.seq}: {'; '.join(different)}"


class _Log:
    """Records of one topic of the partition, taken up to an offset."""

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        self._tp = TopicPartition(topic, partition)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=50,
        )
        self._buffer: deque[Any] = deque()

    async def start(self) -> int:
        """Returns the end of the log now."""
        await self._consumer.start()
        self._consumer.assign([self._tp])
        await self._consumer.seek_to_beginning(self._tp)
        end: int = (await self._consumer.end_offsets([self._tp]))[self._tp]
        return end

    async def stop(self) -> None:
        await kafka_client.stop(self._consumer)

    async def take(self, end: int) -> list[Any]:
        """All records before offset `end`."""
        taken: list[Any] = []
        while True:
            while self._buffer and self._buffer[0].offset < end:
                taken.append(self._buffer.popleft())
            if (
                self._buffer
                or (taken and taken[-1].offset == end - 1)
                or await self._consumer.position(self._tp) >= end
            ):
                return taken
            for records in (await self._consumer.getmany(self._tp, timeout_ms=200)).values():
                self._buffer.extend(records)

    async def next(self, end: int) -> Any | None:
        """The next record, or None at the end."""
        while not self._buffer:
            if await self._consumer.position(self._tp) >= end:
                return None
            for records in (await self._consumer.getmany(self._tp, timeout_ms=200)).values():
                self._buffer.extend(records)
        return self._buffer.popleft()


async def read_rounds(settings: Settings, partition: int) -> AsyncGenerator[tuple[Journal, list[list[Any]]]]:
    """The rounds of a partition up to the end of its journal now: each with the records that it took, one list a
    topic. Raises Broken if the journal does not begin at 1. Close it, also after an error."""
    journal = _Log(settings, topics.JOURNAL, partition)
    inputs = {topic: _Log(settings, topic, partition) for topic in topics.LANE_INPUTS}
    seq = 0
    try:
        end = await journal.start()
        for log in inputs.values():
            await log.start()
        while (record := await journal.next(end)) is not None:
            entry = decode_journal(record.value)
            if not seq and entry.seq != 1:
                raise Broken(
                    f"journal of partition {partition} begins with round {entry.seq}; its beginning has expired"
                )
            seq = entry.seq
            yield entry, await _taken(inputs, entry.ends)
    finally:
        await journal.stop()
        for log in inputs.values():
            await log.stop()


async def replay_partition(
    settings: Settings,
    partition: int,
    definitions: Definitions,
    on_round: Callable[[ReplayResult], None] | None = None,
    begin: int = 1,
) -> ReplayResult:
    """Run one partition from the beginning of its journal to its end now, and compare from round `begin` on. There are
    no checkpoints: what a round begins from is known only by running all before it. Raises Broken as `read_rounds`."""
    began = time.monotonic()
    replay = Replay(partition, definitions, begin)
    async with aclosing(read_rounds(settings, partition)) as found:
        async for entry, taken in found:
            replay.step(entry, taken)
            if on_round is not None:
                on_round(replay.result)
    replay.result.seconds = time.monotonic() - began
    return replay.result


async def _taken(inputs: Mapping[str, _Log], ends: Mapping[str, int]) -> list[list[Any]]:
    return [await log.take(ends[topic]) if topic in ends else [] for topic, log in inputs.items()]
