"""Reads decisions as they come, and keeps when it saw them: how long the system takes to come back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from types import TracebackType
from typing import NamedTuple, Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from laudstream import kafka_client, topics
from laudstream.cli.stream import Numbered, Stream
from laudstream.records import codec
from tests.chaos.load import PATIENCE_S
from tests.integration.kit import Shop, wait_until

log = structlog.get_logger(__name__)

PROBE_S = 120.0
"""A probe that is not decided within it is stuck."""


class Outage(NamedTuple):
    """When a fault began and ended, by time.monotonic."""

    began: float
    ended: float


def recovery(outage: Outage, decided: float, others: list[Outage]) -> float:
    """Seconds until what was posted after an outage was decided, counted from the end of the last of the outages that
    reached into that time; what was still away at the end did not matter."""
    reached = (other.ended for other in others if other.began < decided and outage.ended < other.ended <= decided)
    return decided - max(reached, default=outage.ended)


class Watch:
    """Committed decisions of one shop's customers since it began."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._next: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.ended_at: dict[tuple[str, str], float] = {}
        """(customer, journey) → when the end of its first run there was seen."""
        self.refused: set[tuple[str, str]] = set()
        """(customer, journey) of entries that were not taken."""
        self.kinds: Counter[str] = Counter()
        self._probes = 0

    async def __aenter__(self) -> Self:
        places = [TopicPartition(topics.DECISIONS, p) for p in range(self._shop.settings.partitions)]
        ends = await self._shop.logs.ends(topics.DECISIONS)
        self._next = {place: ends[place.partition] for place in places}
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        """For ever; a consumer that fails is followed by a new one."""
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._shop.settings.kafka,
                isolation_level="read_committed",
                enable_auto_commit=False,
                fetch_max_wait_ms=50,
            )
            try:
                await consumer.start()
                consumer.assign(list(self._next))
                for place, offset in self._next.items():
                    consumer.seek(place, offset)
                while True:
                    await self._take(consumer)
            except KafkaError as error:
                log.info("watch_begins_anew", error=repr(error))
                await asyncio.sleep(0.2)
            finally:
                await kafka_client.stop(consumer)

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        for place, records in (await consumer.getmany(timeout_ms=200)).items():
            now = time.monotonic()
            self._next[place] = records[-1].offset + 1
            for record in records:
                decision = codec.decision(record.value)
                if decision.customer.startswith(self._shop.prefix):
                    self.kinds[decision.kind] += 1
                    if decision.kind == "ended":
                        self.ended_at.setdefault((decision.customer, decision.journey), now)
                    elif decision.kind == "not_entered":
                        self.refused.add((decision.customer, decision.journey))

    async def probe(self, journey: str) -> float:
        """Post an event to a new customer in every partition; returns when the last of them was decided."""
        self._probes += 1
        customers = self._everywhere(f"probe{self._probes}")
        items = [{"type": "track", "userId": who, "event": journey, "messageId": f"{who}/probe"} for who in customers]
        await Stream(self._shop.settings, patience_s=PATIENCE_S).send(Numbered(n, item) for n, item in enumerate(items))
        wanted = [(who, journey) for who in customers]
        what = f"probe {self._probes} is decided in every partition"
        await wait_until(lambda: all(key in self.ended_at for key in wanted), PROBE_S, what)
        return max(self.ended_at[key] for key in wanted)

    def _everywhere(self, word: str) -> list[str]:
        """A customer for each partition."""
        found: dict[int, str] = {}
        number = 0
        while len(found) < self._shop.settings.partitions:
            who = self._shop.name(f"{word}-{number}")
            found.setdefault(self._shop.partition(who), who)
            number += 1
        return list(found.values())
