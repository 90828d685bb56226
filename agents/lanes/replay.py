"""Replay: run a lane's rounds again from its journal and its input topics, and compare every digest (A13).

Nothing is written: the store is in memory, or a scratch copy of a checkpoint, and what comes out is only compared.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, nullcontext
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.definitions import Definitions
from agents.lanes import round as rounds
from agents.lanes.ports import Bodies
from agents.lanes.record import merge
from laudstream import kafka_client, topics
from laudstream.errors import Broken
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import Customer
from laudstream.records import levels
from laudstream.records.head import Head, Journal, decode_journal
from laudstream.settings import Settings
from tables import checkpoints
from tables.cache import Cache
from tables.memory import MemoryStore
from tables.store import LaneStore

NO_LIMIT = 1 << 40
CACHE_BYTES = 256 << 20
EARLIER_MS = 3_600_000
"""How far the clocks of a worker and of a broker may differ: the journal is looked through from there."""


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
    """Rounds of one partition, one after another, on a store in memory or on a copy of a checkpoint."""

    def __init__(
        self,
        partition: int,
        definitions: Bodies,
        begin: int = 1,
        cache_bytes: int = CACHE_BYTES,
        store: LaneStore | None = None,
    ) -> None:
        """`begin`: the first round that is compared. `cache_bytes` 0: customers are decoded anew in each round.
        `store`: what the rounds go on from; None: they begin with the first."""
        self.store: MemoryStore | LaneStore = store or MemoryStore()
        self.lane = rounds.Lane(partition, Head(), Catalog(), ())
        if store is not None:
            self.lane = rounds.read_lane(partition, store.head, store, definitions.body)
        self.result = ReplayResult(partition)
        self._begin = begin
        self._cache: Cache[Customer] = Cache(cache_bytes)
        self._bodies = definitions

    def step(self, entry: Journal, taken: list[list[Any]]) -> rounds.Result:
        """Run the round that `entry` describes on the records that it took.

        Raises Broken for a round of a newer release."""
        inputs = merge(taken)
        levels.check(self.lane.partition, levels.of(entry))
        before = msgspec.structs.replace(
            self.lane.head, core_level=entry.core_level, state_format=entry.state_format, epoch=entry.epoch
        )
        plan = rounds.Plan(inputs, entry.lane_time, entry.clock, NO_LIMIT, entry.fired, entry.swept)
        result = rounds.run(self.lane._replace(head=before), plan, self.store, self._cache, self._bodies.body)
        self._report(entry, result, len(inputs))
        rounds.keep(self._cache, result)
        head = msgspec.structs.replace(
            before, seq=entry.seq, lane_time=result.lane_time, clock=entry.clock, control_seq=result.control_seq
        )
        out = result.out
        if isinstance(self.store, MemoryStore):
            self.store.write([*out.records, *out.kept])
        else:
            self.store.write(
                out.records, result.hints, result.done, kept=out.kept, head=head, position=0, now=entry.clock
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
            "levels": (levels.of(entry), levels.Levels(result.core_level, result.state_format)),
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
            **kafka_client.arguments(settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=50,
        )
        self._buffer: deque[Any] = deque()

    async def start(self, offset: int | None = None, since: int = 0) -> int:
        """To be read from `offset`, or from the first record appended at `since` (ms), or from the beginning. Returns
        the end of the log now."""
        await self._consumer.start()
        self._consumer.assign([self._tp])
        if since:
            found = (await self._consumer.offsets_for_times({self._tp: since}))[self._tp]
            offset = found.offset if found is not None else None
        if offset is None:
            await self._consumer.seek_to_beginning(self._tp)
        else:
            self._consumer.seek(self._tp, offset)
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


async def read_rounds(
    settings: Settings, partition: int, after: Head | None = None
) -> AsyncGenerator[tuple[Journal, list[list[Any]]]]:
    """The rounds of a partition up to the end of its journal now: each with the records that it took, one list a
    topic. `after`: they begin with the round that follows this head; None: with the first. Raises Broken if that one
    is not in the journal. Close it, also after an error."""
    journal = _Log(settings, topics.JOURNAL, partition)
    inputs = {topic: _Log(settings, topic, partition) for topic in topics.LANE_INPUTS}
    done = after.seq if after is not None else 0
    try:
        end = await journal.start(since=after.clock - EARLIER_MS if after is not None else 0)
        for topic, log in inputs.items():
            await log.start(after.positions.get(topic, 0) if after is not None else None)
        while (record := await journal.next(end)) is not None:
            entry = decode_journal(record.value)
            if entry.seq <= done:
                continue
            if entry.seq != done + 1:
                raise Broken(
                    f"the journal of partition {partition} goes on with round {entry.seq}, not {done + 1}: "
                    "the rounds before have expired; begin from a checkpoint (--from)"
                )
            done = entry.seq
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
    """Run one partition to the end of its journal now, and compare from round `begin` on. The rounds begin from the
    newest checkpoint before `begin`, or without one with the first round. Raises Broken as `read_rounds`."""
    began = time.monotonic()
    checkpoint = checkpoints.before(settings.data_path, partition, begin)
    with checkpoints.scratch(checkpoint) if checkpoint is not None else nullcontext() as store:
        replay = Replay(partition, definitions, begin, store=store)
        async with aclosing(read_rounds(settings, partition, store.head if store is not None else None)) as found:
            async for entry, taken in found:
                replay.step(entry, taken)
                if on_round is not None:
                    on_round(replay.result)
    replay.result.seconds = time.monotonic() - began
    return replay.result


async def _taken(inputs: Mapping[str, _Log], ends: Mapping[str, int]) -> list[list[Any]]:
    return [await log.take(ends[topic]) if topic in ends else [] for topic, log in inputs.items()]
