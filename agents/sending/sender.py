"""A sender of one channel: send requests in, messages out, deliveries back (A20–A22).

`Sender` handles the batches of `laudstream.send.<channel>.now` and `.bulk`. `apply` only claims: one transaction moves
the position and writes the claims. Handing over is the pump's, which is why nothing remote blocks a stream: a
stream stops only when as many claims wait in memory as there is room for.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog
from aiokafka import AIOKafkaProducer

from agents.sending.claims import Claims, Letter, Move
from agents.sending.clock import ServerClock
from agents.sending.ports import Connection
from agents.sending.publisher import Publisher
from agents.sending.pump import Pump
from agents.sending.requests import read
from agents.streams import Step
from laudstream import kafka_client
from laudstream.channels.verdict import Verdict
from laudstream.messages.request import SendRequest
from laudstream.postgres import connect
from laudstream.postgres.pool import BY_INDEX
from laudstream.settings import Settings
from laudstream.topics import send_topic

ROOM = 2_000  # claims of each class in memory
_log = structlog.get_logger()


def topics_of(channel: str) -> tuple[str, str]:
    return send_topic(channel, bulk=False), send_topic(channel, bulk=True)


class Sender(ABC):
    """A BatchHandler. One per channel and process; any number of processes."""

    channel: ClassVar[str]
    topics: ClassVar[tuple[str, str]]

    def __init__(
        self, settings: Settings, connections: int, timeout_s: float, now: Callable[[], datetime] | None
    ) -> None:
        """`connections`: messages on the wire at a time; `timeout_s`: the longest that one is there, half of it.
        `now`: None for PostgreSQL's time."""
        self.settings = settings
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._clock = ServerClock()
        self._now = now or self._clock
        self._count, self._timeout_s = connections, timeout_s
        self._one_claims = {topic: asyncio.Lock() for topic in self.topics}

    @abstractmethod
    def prepare(self, request: SendRequest) -> Any:
        """The message of a request. Raises Invalid if it can never be sent, NotYet if it cannot be made now."""

    @abstractmethod
    async def connect(self) -> Connection:
        """Raises Unavailable."""

    @abstractmethod
    def judge(self, answer: Any) -> Verdict:
        """What an answer means."""

    @property
    @abstractmethod
    def target(self) -> str:
        """Where messages go, for the log."""

    async def start(self) -> None:
        """Opens PostgreSQL and Kafka; connections are opened as needed. Raises Unavailable."""
        settings = self.settings
        self._pool = await connect(settings.worker_dsn, max_size=6, application="laudstream sender", planner=BY_INDEX)
        await self._clock.ask(self._pool)
        self._producer = AIOKafkaProducer(
            **kafka_client.arguments(settings), enable_idempotence=True, acks="all", linger_ms=5, max_batch_size=1 << 17
        )
        await self._producer.start()
        lease = timedelta(seconds=2 * self._timeout_s + 20)
        self._claims = Claims(self._pool, self.channel, self.owner, lease)
        self._publisher = Publisher(self._producer, self._claims, self._now)
        self.pump = Pump(
            self._claims, self._publisher, self.prepare, self.connect, self.judge, self._now,
            connections=self._count, timeout_s=self._timeout_s, room=ROOM,
        )  # fmt: skip
        self._publishing = asyncio.create_task(self._publisher.run())
        self._following = asyncio.create_task(self._clock.follow(self._pool))
        await self.pump.start()
        _log.info("send.started", channel=self.channel, owner=self.owner, to=self.target)

    async def stop(self) -> None:
        """Ends what is on the wire, publishes what is known, gives back the rest."""
        await self.pump.stop(self.settings.close_deadline_s)
        try:
            await asyncio.wait_for(self._publisher.idle.wait(), self.settings.close_deadline_s)
        except TimeoutError:
            _log.warning("send.unpublished", deliveries=len(self._publisher))  # the next sender publishes them
        for task in (self._publishing, self._following):
            task.cancel()
        await asyncio.gather(self._publishing, self._following, return_exceptions=True)
        await self._producer.stop()
        await self._pool.close()

    async def position(self, topic: str, partition: int) -> int | None:
        return await self._claims.position(topic, partition)

    async def apply(self, steps: Sequence[Step]) -> None:
        """Claims the requests of some batches of one topic. Waits while the pump is behind. Raises PositionMoved."""
        topic = steps[0].batch.topic
        async with self._one_claims[topic]:
            await self.pump.waiting.wait_for_room(bulk=topic == self.topics[1])
            # What is cut off in a rebalance is claimed to the end, or its claims would wait for their lease.
            await asyncio.shield(self._claim(steps))

    async def _claim(self, steps: Sequence[Step]) -> None:
        requests: list[SendRequest] = []
        letters: list[Letter] = []
        for batch, _ in steps:
            found, unreadable = read(batch, self.channel)
            requests += found
            letters += unreadable
        moves = [Move(batch.topic, batch.partition, expected, batch.next_offset) for batch, expected in steps]
        claimed, refused = await self._claims.claim(requests, self._now(), moves, letters)
        self.pump.put(claimed)
        self._publisher.put(refused)
