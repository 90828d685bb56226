"""Customers who are in the middle of a journey, put into the changelog in bulk.

Each lane is played by the pure round, with events whose append times are chosen here, and its state records and its
last head go to `laudstream.state`: what a worker finds there is what one before it would have left. Decisions and
journals of these rounds are not written, so a replay from the beginning is not possible.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

from agents.lanes import round as rounds
from agents.lanes.outgoing import head_after
from benchmarks import load
from laudstream import topics
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import Customer
from laudstream.records.head import HEAD_KEY, encode, new_head
from laudstream.settings import Settings
from tables.cache import Cache
from tables.memory import MemoryStore

ROUND = 4_000
FLIGHT = 64
"""Batches under way at most."""


class Stretch(NamedTuple):
    """Customers whose first events came evenly from `begin` to before `end`, epoch ms."""

    customers: int
    begin: int
    end: int


class _Given(NamedTuple):
    """A record, as the consumer hands it over."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def instants(stretches: Sequence[Stretch]) -> Iterator[int]:
    """Of the first event of customers 0, 1, …, epoch ms."""
    for count, begin, end in stretches:
        for n in range(count):
            yield begin + n * (end - begin) // count


async def stand(settings: Settings, body: dict[str, Any], stretches: Sequence[Stretch]) -> None:
    """All have done `arrived`, in an order that grows; the journey's publishing stands first in the log of control.
    Every core takes a share of the lanes."""
    cores = min(os.cpu_count() or 1, settings.partitions)
    shares = [range(core, settings.partitions, cores) for core in range(cores)]
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, _play, settings, body, stretches, share) for share in shares))


def _play(settings: Settings, body: dict[str, Any], stretches: Sequence[Stretch], lanes: range) -> None:
    asyncio.run(_lanes(settings, body, stretches, lanes))


async def _lanes(settings: Settings, body: dict[str, Any], stretches: Sequence[Stretch], lanes: range) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, max_batch_size=900_000, max_request_size=2_000_000)
    await producer.start()
    try:
        players = {lane: _Player(producer, lane, body, stretches[0].begin - 1) for lane in lanes}
        for n, at in enumerate(instants(stretches)):
            key, partition = load.place(n, settings.partitions)
            player = players.get(partition)
            if player is not None and player.take(n, key, at) == ROUND:
                await player.round()
        for player in players.values():
            await player.end()
    finally:
        await producer.stop()


class _Player:
    """One lane, whose customers have one event each: nothing has to be found again."""

    def __init__(self, producer: AIOKafkaProducer, lane: int, body: dict[str, Any], published: int) -> None:
        self._producer, self._lane, self._body = producer, rounds.Lane(lane, new_head(), Catalog(), ()), body
        self._store, self._cache = MemoryStore(), Cache[Customer](1)
        control = {"seq": 1, "workspace": load.WORKSPACE, "kind": "journey", "id": body["id"], "version": 1,
                   "status": "live"}  # fmt: skip
        self._inputs = [_Given(topics.CONTROL, 0, published, b"1", msgspec.json.encode(control))]
        self._flight: set[asyncio.Future[Any]] = set()
        self._batch = producer.create_batch()

    def take(self, n: int, key: bytes, at: int) -> int:
        """How many are in hand."""
        event = {"id": f"m{n}", "type": "track", "name": "arrived", "timestamp": at, "received": at}
        self._inputs.append(_Given(topics.EVENTS, n, at, key, msgspec.json.encode(event)))
        return len(self._inputs)

    async def round(self) -> None:
        last = self._inputs[-1].timestamp
        plan = rounds.Plan(self._inputs, last, last, 0, 0, 0)
        result = rounds.run(self._lane, plan, self._store, self._cache, lambda *_: self._body)
        moved = {topics.CONTROL: 1}
        self._lane = rounds.Lane(
            self._lane.partition, head_after(self._lane.head, plan, result, moved, {}), result.catalog, result.sweeps
        )
        self._inputs = []
        for key, value in (*result.out.records, *result.out.kept):
            await self._put(key, value)

    async def end(self) -> None:
        if self._inputs:
            await self.round()
        await self._put(HEAD_KEY, encode(self._lane.head))
        await self._send()
        await asyncio.gather(*self._flight)

    async def _put(self, key: bytes, value: bytes | None) -> None:
        if self._batch.append(key=key, value=value, timestamp=None) is None:
            await self._send()
            self._batch.append(key=key, value=value, timestamp=None)

    async def _send(self) -> None:
        self._flight.add(await self._producer.send_batch(self._batch, topics.STATE, partition=self._lane.partition))
        self._batch = self._producer.create_batch()
        if len(self._flight) >= FLIGHT:
            done, self._flight = await asyncio.wait(self._flight, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
