"""A stack of few parts with one partition, and records straight into its topics."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer

from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings

SETTINGS = Settings(partitions=1, session_timeout_s=6, heartbeat_s=1)


@contextmanager
def small_stack(*parts: str) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="laudstream-small-") as folder:
        running = Stack(Path(folder) / "data", ports=Ports.above(free_base()), parts=parts, settings=SETTINGS)
        try:
            asyncio.run(running.start())
            yield running
        finally:
            asyncio.run(running.stop())


async def produce(stack: Stack, topic: str, values: Iterable[bytes]) -> None:
    """One record each, of one customer."""
    producer = AIOKafkaProducer(bootstrap_servers=stack.settings.kafka)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"workspace1:ann", partition=0)
    finally:
        await producer.stop()
