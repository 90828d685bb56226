"""Decisions as a read-committed reader has them, and when."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from laudstream import topics
from laudstream.journey.decision import Decision
from laudstream.settings import Settings


class Reader(ABC):
    """Reads in the background, from the end of the log on."""

    mark = b""
    """What the bytes of a decision must hold, or nobody looks at it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @abstractmethod
    def seen(self, decision: Decision, now: int) -> None:
        """`now`: when it was there, ms."""

    async def start(self) -> None:
        """What is written from now on is seen."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka, isolation_level="read_committed", enable_auto_commit=False,
            max_partition_fetch_bytes=1 << 20, fetch_max_wait_ms=5, check_crcs=False,
        )  # fmt: skip
        await self._consumer.start()
        places = [TopicPartition(topics.DECISIONS, p) for p in range(self._settings.partitions)]
        self._consumer.assign(places)
        for place in places:
            await self._consumer.position(place)
        self._task = asyncio.create_task(self._read())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._consumer.stop()

    async def _read(self) -> None:
        decode, mark = msgspec.json.Decoder(Decision).decode, self.mark
        while True:
            for records in (await self._consumer.getmany(timeout_ms=50, max_records=5000)).values():
                now = time.time_ns() // 1_000_000
                for record in records:
                    if mark in record.value:
                        self.seen(decode(record.value), now)
            await asyncio.sleep(0)
