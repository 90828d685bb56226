"""Looking into the topics of a real Kafka from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from laudstream import topics
from laudstream.local.logs import Logs
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.records.head import HEAD_KEY, Head, encode
from laudstream.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    """Of a Kafka with our topics."""
    async with Stack(tmp_path / "data", ports=Ports.above(free_base()), parts=("topics",)) as stack:
        yield stack.settings


async def commit(producer: AIOKafkaProducer, seq: int, position: int, others: int, *, abort: bool = False) -> None:
    """A round of lane 3: state records, then the head, in one transaction."""
    await producer.begin_transaction()
    for n in range(others):
        await producer.send(topics.STATE, b"state", f"customer-{n}".encode(), partition=3)
    head = Head(seq=seq, positions={topics.EVENTS: position})
    await producer.send(topics.STATE, encode(head), HEAD_KEY, partition=3)
    await producer.flush()
    await (producer.abort_transaction() if abort else producer.commit_transaction())


async def seq_becomes(logs: Logs, seq: int) -> None:
    """The broker ends a transaction a moment after it has said so."""
    async with asyncio.timeout(10):
        head = None
        while head is None or head.seq != seq:
            head = (await logs.heads()).get(3)


async def test_where_lanes_stand_and_what_topics_hold(settings: Settings) -> None:
    async with Logs(settings) as logs:
        assert await logs.heads() == {}
        assert await logs.lag(topics.EVENTS) == 0
        async with AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all") as producer:
            for n in range(10):
                await producer.send_and_wait(topics.EVENTS, f"{n}".encode(), b"k", partition=3)
        assert await logs.lag(topics.EVENTS) == 10
        assert not await logs.handled(topics.EVENTS, {3: 10})
        async with AIOKafkaProducer(
            bootstrap_servers=settings.kafka, transactional_id="logs-test", enable_idempotence=True
        ) as producer:
            await commit(producer, 1, 4, others=0)
            await seq_becomes(logs, 1)
            await commit(producer, 2, 6, others=3000)  # the head is far from the beginning
            await seq_becomes(logs, 2)
            await commit(producer, 3, 10, others=400, abort=True)  # looked for behind an aborted round
            await seq_becomes(logs, 2)
            assert await logs.lag(topics.EVENTS) == 4
            await commit(producer, 3, 10, others=1)
            await seq_becomes(logs, 3)
        assert await logs.handled(topics.EVENTS, {3: 10})
        assert await logs.lag(topics.EVENTS) == 0
        assert [record.value async for record in logs.records([topics.EVENTS])] == [f"{n}".encode() for n in range(10)]
        state = [record async for record in logs.records([topics.STATE])]
        assert len(state) == 1 + 3001 + 2
        assert [record async for record in logs.records([topics.JOURNAL])] == []


async def test_records_waits_for_what_is_not_committed_yet(settings: Settings) -> None:
    async with (
        Logs(settings) as logs,
        AIOKafkaProducer(
            bootstrap_servers=settings.kafka, transactional_id="open", enable_idempotence=True
        ) as producer,
    ):
        await producer.begin_transaction()
        await producer.send_and_wait(topics.DECISIONS, b"decided", partition=3)
        found = logs.records([topics.DECISIONS])
        first = asyncio.create_task(anext(found))
        async with asyncio.timeout(10):
            while not first.done() and not logs.reading:  # noqa: ASYNC110
                await asyncio.sleep(0)
        await producer.commit_transaction()
        assert (await first).value == b"decided"
        assert [record async for record in found] == []
