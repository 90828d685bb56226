"""Bodies of definitions, read once per process from `laudstream.definitions` (A9)."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from laudstream import kafka_client, topics
from laudstream.errors import Undecodable
from laudstream.journey.control import body_key
from laudstream.records import codec
from laudstream.settings import Settings

log = structlog.get_logger(__name__)


class Definitions:
    """Reads from the beginning, for ever; `start` returns when all that is there has been read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bodies: dict[str, dict[str, Any]] = {}
        self._arrived = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._complete = asyncio.Event()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        await self._complete.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        """KeyError: not here yet."""
        return self._bodies[body_key(workspace, kind, id, version)]

    async def wait(self, key: str) -> None:
        """Until the body with this key is here; says so once when it takes long."""
        if key in self._bodies:
            return
        async with self._arrived:
            while key not in self._bodies:
                try:
                    await asyncio.wait_for(self._arrived.wait(), 5.0)
                except TimeoutError:
                    log.warning("definition_missing", key=key)

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except (KafkaError, OSError) as error:
                log.warning("definitions_unreadable", error=repr(error))
                await asyncio.sleep(1.0)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            **kafka_client.arguments(self._settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            tp = TopicPartition(topics.DEFINITIONS, 0)
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            end = (await consumer.end_offsets([tp]))[tp]
            while True:
                if not self._complete.is_set() and await consumer.position(tp) >= end:
                    self._complete.set()
                for records in (await consumer.getmany(tp, timeout_ms=200)).values():
                    await self._take(records)
        finally:
            await kafka_client.stop(consumer)

    async def _take(self, records: list[Any]) -> None:
        async with self._arrived:
            for record in records:
                try:
                    self._bodies[record.key.decode()] = codec.definition(record.value)
                except (Undecodable, UnicodeDecodeError, AttributeError) as error:
                    log.error(
                        "definition_unreadable", topic=record.topic, partition=0, offset=record.offset, error=str(error)
                    )
            self._arrived.notify_all()
