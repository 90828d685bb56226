"""Deliveries on their way to Kafka: at least once, in no transaction (an open one would hold up all lanes)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Protocol

import structlog

from agents.sending.claims import Claims
from laudstream import topics
from laudstream.ids import key_of
from laudstream.messages.delivery import Delivery
from laudstream.records import codec

MOST = 500  # deliveries in one go
LINGER_S = 0.02  # a delivery waits so long for others
MARK_S = 0.25  # one that is published, until PostgreSQL hears of it: nobody waits for that
_log = structlog.get_logger()


class Producer(Protocol):
    """What is used of aiokafka's idempotent producer."""

    async def send(self, topic: str, value: bytes, key: bytes) -> Awaitable[object]: ...


class Publisher:
    """Publishes what is put in, then marks it so in PostgreSQL. Tries again until it is done."""

    def __init__(self, producer: Producer, claims: Claims, now: Callable[[], datetime]) -> None:
        self._producer = producer
        self._claims = claims
        self._now = now
        self._todo: dict[str, Delivery] = {}
        self._sent: dict[str, Delivery] = {}
        """In Kafka, and PostgreSQL does not know it yet."""
        self._wake, self._wake_marker = asyncio.Event(), asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()

    def __len__(self) -> int:
        return len(self._todo) + len(self._sent)

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """Deliveries with an id that is already on its way are not added again."""
        for delivery in deliveries:
            if delivery.id not in self._sent:
                self._todo.setdefault(delivery.id, delivery)
        if self._todo:
            self.idle.clear()
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._publish())
            loops.create_task(self._mark())

    async def _publish(self) -> None:
        pause = 0.1
        while True:
            await self._wake.wait()
            await asyncio.sleep(LINGER_S)
            some = list(self._todo.values())[:MOST]
            try:
                sent = [await self._send(delivery) for delivery in some]
                await asyncio.gather(*sent)
            except Exception as error:
                _log.warning("send.publish_failed", error=str(error) or type(error).__name__, deliveries=len(some))
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)
                continue
            pause = 0.1
            for delivery in some:
                self._sent[delivery.id] = self._todo.pop(delivery.id)
            self._wake_marker.set()
            if not self._todo:
                self._wake.clear()

    async def _mark(self) -> None:
        while True:
            await self._wake_marker.wait()
            await asyncio.sleep(MARK_S)
            some = list(self._sent.values())
            try:
                await self._claims.published(some, self._now())
            except Exception as error:
                _log.warning("send.not_marked", error=str(error) or type(error).__name__, deliveries=len(some))
                continue
            for delivery in some:
                del self._sent[delivery.id]
            if not self._sent:
                self._wake_marker.clear()
            if not len(self):
                self.idle.set()

    async def _send(self, delivery: Delivery) -> Awaitable[object]:
        key = key_of(delivery.workspace, delivery.customer).encode()
        return await self._producer.send(topics.DELIVERIES, value=codec.encode(delivery), key=key)
