"""Load for the lane scenarios: topics made anew, a journey published, events put into the log by hand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import murmur2

from laudstream import kafka_admin, topics
from laudstream.settings import Settings

WORKSPACE = "benchmark1"

COUNTING = {
    "id": "counting",
    "name": "Count the events of a customer",
    "entry": [{"event": {"name": "arrived"}}],
    "start": "look",
    "steps": {
        "look": {
            "wait": {
                "branches": [{"event": {"name": "seen"}, "count": 1000, "next": "done"}],
                "timeout": {"after": "P30D", "next": "done"},
            }
        },
        "done": {"exit": {"outcome": "counted"}},
    },
}
"""Each customer's first event (`arrived`) starts a run; every other (`seen`) is counted in its state: a journey with
the logic of `table[key] += 1`."""


async def make_topics(settings: Settings) -> None:
    """All topics, empty, with settings.partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        ours = [name for name in await admin.list_topics() if name.startswith("laudstream")]
        if ours:
            await admin.delete_topics(ours)
        while any(name.startswith("laudstream") for name in await admin.list_topics()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    await kafka_admin.apply_topics(settings)


async def publish(settings: Settings, body: dict[str, Any], seq: int = 1) -> None:
    """As the control agent does: the body once, its status in every partition, in one transaction."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, transactional_id="benchmark-control")
    await producer.start()
    try:
        async with producer.transaction():
            key = f"{WORKSPACE}:journey:{body['id']}:1".encode()
            await producer.send(topics.DEFINITIONS, json.dumps(body).encode(), key, partition=0)
            control = {
                "seq": seq,
                "workspace": WORKSPACE,
                "kind": "journey",
                "id": body["id"],
                "version": 1,
                "status": "live",
            }
            for partition in range(settings.partitions):
                await producer.send(
                    topics.CONTROL, json.dumps(control).encode(), str(seq).encode(), partition=partition
                )
    finally:
        await producer.stop()


async def fill(settings: Settings, count: int, customers: int, per_s: int = 0, begin: int = 0) -> None:
    """Events `begin` to `count`, about 180 bytes each, in turn for each of `customers`; at a fixed rate or at once."""
    now = time.time_ns() // 1_000_000

    def event(n: int) -> dict[str, Any]:
        properties = {"page": "/a/page/of/the/shop", "amount": n % 120, "currency": "EUR", "note": "x" * 40}
        name = "arrived" if n < customers else "seen"
        return {
            "id": f"m{n}",
            "type": "track",
            "name": name,
            "timestamp": now,
            "received": now,
            "properties": properties,
        }

    await _put(settings, topics.EVENTS, count, customers, event, per_s, begin)


async def rows(settings: Settings, customers: int) -> None:
    """A row of each customer, as Debezium puts it into the log."""

    def row(n: int) -> dict[str, Any]:
        attributes = msgspec.json.encode({"email": f"c{n}@shop.example", "plan": "gold" if n % 3 else "free"}).decode()
        return {"__table": "customers", "__deleted": "false", "born": n + 1, "revision": n + 1, "created_ms": 1,
                "attributes": attributes, "writes": 0}  # fmt: skip

    await _put(settings, topics.ROWS, customers, customers, row)


async def _put(
    settings: Settings, topic: str, count: int, customers: int, record: Callable[[int], Any], per_s: int = 0,
    begin: int = 0,
) -> None:  # fmt: skip
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, max_batch_size=900_000, max_request_size=2_000_000)
    await producer.start()
    encode = msgspec.json.Encoder().encode
    batches: dict[int, Any] = {}
    sent: list[Any] = []
    places = [place(n % customers, settings.partitions) for n in range(begin, min(count, begin + customers))]
    slice, began = per_s // 50, time.monotonic()
    try:
        for n in range(begin, count):
            if slice and n % slice == 0:
                for ready, batch in batches.items():
                    sent.append(await producer.send_batch(batch, topic, partition=ready))
                batches.clear()
                await asyncio.sleep(max(0.0, began + (n - begin) / per_s - time.monotonic()))
            key, partition = places[(n - begin) % customers]
            value = encode(record(n))
            batch = batches.get(partition) or batches.setdefault(partition, producer.create_batch())
            if batch.append(key=key, value=value, timestamp=None) is None:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = batches[partition] = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        for partition, batch in batches.items():
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def place(n: int, partitions: int) -> tuple[bytes, int]:
    """Key and partition of customer `n`."""
    key = f"{WORKSPACE}:c{n}".encode()
    return key, (murmur2(key) & 0x7FFFFFFF) % partitions
