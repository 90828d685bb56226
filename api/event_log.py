"""`laudstream.events`, as the API writes it: acknowledged by all replicas, each batch once.

Events of all requests that come in while a produce request is under way share the next batch of their
partition, and one future (a group commit): an event costs an append, not a task. aiokafka's idempotent producer
repeats a batch until the brokers have it, so a partition has one batch under way at a time; what waits is bounded.
A batch whose time is up is answered 503 although it may still arrive: a repeat with the same messageIds is safe (R2).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import lru_cache

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from laudstream import kafka_client
from laudstream.errors import Broken, Refused, Unavailable
from laudstream.ids import customer_key, partition_of
from laudstream.settings import Settings
from laudstream.topics import EVENTS

log = structlog.get_logger()

BATCH_BYTES = 256 << 10
BACKLOG = 256
"""Batches that wait for Kafka (64 MB), but at least 4 a partition; beyond them nothing more is taken."""
STOP_S = 5.0
KNOWN_KEYS = 100_000

Failure = Unavailable | None

_AGAIN = "nothing is lost by sending it again with the same messageId"


class Lot:
    """A batch that requests share. `settled` becomes None when all replicas have it, else what went wrong."""

    __slots__ = ("builder", "settled", "timer")

    def __init__(self, builder: BatchBuilder, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        self.builder = builder
        self.settled: asyncio.Future[Failure] = loop.create_future()
        late = Unavailable(f"Kafka did not acknowledge within {timeout_s:g} s; {_AGAIN}")
        self.timer = loop.call_later(timeout_s, self.settle, late)

    def settle(self, failure: Failure) -> None:
        self.timer.cancel()
        if not self.settled.done():
            self.settled.set_result(failure)


class EventLog:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._lots: dict[int, deque[Lot]] = {p: deque() for p in range(settings.partitions)}
        self._pumps: dict[int, asyncio.Task[None]] = {}
        self._renewal = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._backlog = 0
        self._most = max(BACKLOG, 4 * settings.partitions)
        self.place = lru_cache(KNOWN_KEYS)(self._place)
        """(Kafka key, partition) of (workspace, customer); raises Invalid for a customer id that is none."""

    def _place(self, workspace: str, customer: str) -> tuple[bytes, int]:
        key = customer_key(workspace, customer).encode()
        return key, partition_of(key, self._settings.partitions)

    async def start(self) -> None:
        """Raises Unavailable without Kafka, Refused where it does not let us in, Broken if the topic's partitions are
        not those of the settings."""
        self._producer = await self._connected()
        found = len(await self._producer.partitions_for(EVENTS))
        if found != self._settings.partitions:
            await self._producer.stop()
            raise Broken(f"{EVENTS} has {found} partitions, the settings say {self._settings.partitions}")

    async def stop(self) -> None:
        """Waits for what is under way, at most `STOP_S` each."""
        for tasks in (set(self._pumps.values()), self._closing):
            if tasks:
                await asyncio.wait(tasks, timeout=STOP_S)
            for task in tasks:
                task.cancel()
        producer = self._producer
        if producer is not None:
            closing = asyncio.create_task(producer.stop())
            await asyncio.wait([closing], timeout=STOP_S)
            closing.cancel()

    async def answers(self) -> None:
        """Raises Unavailable unless Kafka answers now."""
        try:
            assert self._producer is not None
            await self._producer.client.fetch_all_metadata()
        except KafkaError as error:
            raise Unavailable(f"Kafka does not answer ({type(error).__name__})") from error

    def append(self, key: bytes, partition: int, value: bytes, at: int) -> asyncio.Future[Failure]:
        """Takes one record (at: ms); the future is for `settle`. Raises Unavailable if too much waits for Kafka."""
        lots = self._lots[partition]
        if not lots or lots[-1].builder.append(timestamp=at, key=key, value=value) is None:
            if self._backlog >= self._most or self._producer is None:
                raise Unavailable(f"too many events wait for Kafka; {_AGAIN}")
            lots.append(Lot(self._producer.create_batch(), self._settings.ack_timeout_s))
            lots[-1].builder.append(timestamp=at, key=key, value=value)
            self._backlog += 1
            if partition not in self._pumps:
                self._pumps[partition] = asyncio.create_task(self._pump(partition))
        return lots[-1].settled

    @staticmethod
    async def settle(futures: Iterable[asyncio.Future[Failure]]) -> None:
        """Returns when all replicas have what was appended. Raises Unavailable."""
        for future in futures:
            failure = future.result() if future.done() else await asyncio.shield(future)
            if failure is not None:
                raise Unavailable(str(failure))

    async def _pump(self, partition: int) -> None:
        """Sends the lots of a partition one after another, until none is left."""
        lots = self._lots[partition]
        try:
            while lots:
                lot = lots.popleft()
                lot.builder.close()
                if not lot.settled.done():  # else its clients were told that it failed
                    await self._send(lot, partition)
                self._backlog -= 1
        finally:
            del self._pumps[partition]

    async def _send(self, lot: Lot, partition: int) -> None:
        producer = self._producer
        assert producer is not None
        try:
            await (await producer.send_batch(lot.builder, EVENTS, partition=partition))
        except Exception as error:  # whatever it is, those who wait are told, and the pump goes on
            log.error("events_not_produced", topic=EVENTS, partition=partition, error=repr(error))
            lot.settle(Unavailable(f"Kafka refused the batch ({type(error).__name__}); {_AGAIN}"))
            await self._renew(producer)
        else:
            lot.settle(None)

    async def _renew(self, failed: AIOKafkaProducer) -> None:
        """A new producer for one whose sequence numbers are broken; tries until Kafka answers."""
        async with self._renewal:
            while self._producer is failed:
                try:
                    self._producer = await self._connected()
                except (Unavailable, Refused) as error:
                    log.warning("kafka_unavailable", error=str(error))
                    await asyncio.sleep(1.0)
                else:
                    self._retire(failed)

    def _retire(self, producer: AIOKafkaProducer) -> None:
        """Closes a producer beside the work: it may still hold batches of other partitions, and they get their time."""
        closing = asyncio.create_task(producer.stop())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **kafka_client.arguments(self._settings),
            client_id="laudstream-api",
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(self._settings.ack_timeout_s * 1000),
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise await kafka_client.no_way_in(self._settings, error) from error
        return producer
