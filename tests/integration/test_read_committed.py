"""A stock agent beside lanes reads committed records only."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.integration.kit import Shop

pytestmark = pytest.mark.integration

REPO = Path(__file__).parents[2]


async def test_a_stock_agent_beside_lanes_sees_nothing_of_an_aborted_transaction_and_all_of_a_committed_one(
    shop: Shop, tmp_path: Path
) -> None:
    kafka, topic = shop.settings.kafka, shop.name("topic")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, shop.settings.partitions, 1)])
    await admin.close()
    aborted, committed = [f"aborted-{n}".encode() for n in range(20)], [f"committed-{n}".encode() for n in range(20)]
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=shop.name("producer"), acks="all")
    await producer.start()
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.stock_agent", kafka, topic, str(tmp_path), shop.name("group"),
        cwd=REPO, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert agent.stdout is not None
    seen: list[bytes] = []
    try:
        async with asyncio.timeout(60):
            assert await agent.stdout.readline() == b"hub %d\n" % shop.settings.partitions
            for values, commit in ((aborted, False), (committed[:10], True), (aborted, False), (committed[10:], True)):
                await producer.begin_transaction()
                await asyncio.gather(
                    *[
                        await producer.send(topic, value, partition=n % shop.settings.partitions)
                        for n, value in enumerate(values)
                    ]
                )
                await (producer.commit_transaction() if commit else producer.abort_transaction())
            while len(seen) < len(committed):
                line = await agent.stdout.readline()
                assert line, f"the worker ended: {await agent.wait()}"
                if line.startswith(b"agent "):
                    seen.append(line.removeprefix(b"agent ").strip())
    finally:
        await producer.stop()
        if agent.returncode is None:
            agent.terminate()
            seen += [line.removeprefix(b"agent ").strip() for line in (await agent.communicate())[0].splitlines()]
    read = [value for value in seen if value.startswith((b"aborted", b"committed"))]
    assert sorted(read) == sorted(committed)
