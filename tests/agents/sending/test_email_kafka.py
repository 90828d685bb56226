"""The sender worker's handler on a real Kafka: batches in, deliveries out."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer

from agents.email import EmailSender
from agents.streams import Batch, PositionMoved, Step
from laudstream import kafka_admin, topics
from laudstream.records import codec
from laudstream.settings import Settings


class Record(NamedTuple):
    value: bytes
    offset: int
    key: bytes = b""


class Templates:
    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return {"subject": "Hi {{ message.id }}", "html": "<p>Hi</p>"}


@pytest.mark.integration
async def test_batches_of_requests_become_mails_and_deliveries_in_kafka(
    kafka: Any, dsn: str, shop: Any, mail_server: Any, until: Any
) -> None:
    settings = Settings(
        kafka=kafka.address, worker_database_url=dsn, smtp_url=f"smtp://127.0.0.1:{mail_server.port}",
        send_connections=4, send_timeout_s=5.0,
    )  # fmt: skip
    await kafka_admin.apply_topics(settings)
    sender = EmailSender(settings, Templates())
    await sender.start()
    now = int(time.time() * 1000)
    requests = [shop.request(now) for _ in range(20)] + [shop.request(now - 10**8)]
    try:
        topic = sender.topics[1]
        before = await sender.position(topic, 900)
        batch = Batch(topic, 900, [Record(codec.encode(one), at) for at, one in enumerate(requests)], 21)
        await sender.apply([Step(batch, before)])
        with pytest.raises(PositionMoved):
            await sender.apply([Step(batch, before)])
        assert await sender.position(topic, 900) == 21
        await until(lambda: len(mail_server.mails) == 20)

        async def published() -> bool:
            return all(row["published_at"] for row in (await shop.rows()).values())

        await until(published)
    finally:
        await sender.stop()
    assert {row["state"] for row in (await shop.rows()).values()} == {"sent", "refused"}

    consumer = AIOKafkaConsumer(topics.DELIVERIES, bootstrap_servers=kafka.address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found = {}
        async with asyncio.timeout(20):
            while len(found) < 21:
                record = await consumer.getone()
                delivery = codec.delivery(record.value)
                if delivery.workspace == shop.id:
                    found[delivery.send_id] = delivery
                    assert record.key.decode() == f"{shop.id}:{delivery.customer}"
    finally:
        await consumer.stop()
    assert sorted((one.kind, one.reason) for one in found.values()) == [("refused", "expired")] + [("sent", "")] * 20
