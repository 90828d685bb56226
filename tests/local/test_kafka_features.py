"""A cluster that keeps transactions in the older way is refused, and how to raise it is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.client import AIOKafkaClient
from structlog.testing import capture_logs

from laudstream import away, kafka_features
from laudstream.cli.checks import examine
from laudstream.errors import Refused
from laudstream.kafka_encoding import I16, I32, NO_TAGS, Call, Reader, array, text
from laudstream.local.stack import Stack
from laudstream.settings import Settings

UPGRADE, DOWNGRADE = 1, 2


def update(feature: str, level: int, way: int) -> Call:
    """UpdateFeatures v2. Answer: (code, message)."""

    def read(r: Reader) -> tuple[int, str]:
        r.i32()
        return r.i16(), r.text()

    entry = text(feature) + I16.pack(level) + bytes([way]) + NO_TAGS
    return Call(57, 2, I32.pack(30_000) + array([entry]) + b"\0" + NO_TAGS, read)


async def _set(settings: Settings, level: int, way: int) -> None:
    client = AIOKafkaClient(bootstrap_servers=settings.kafka)
    await client.bootstrap()
    try:
        code, message = await client.send(client.get_random_node(), update(kafka_features.TRANSACTIONS, level, way))
        assert not code, message
    finally:
        await client.close()


@pytest.fixture
def older(servers: Stack) -> Iterator[Settings]:
    """Of a Kafka whose transactions are of version 1."""
    asyncio.run(_set(servers.settings, 1, DOWNGRADE))
    yield servers.settings
    asyncio.run(_set(servers.settings, kafka_features.AT_LEAST, UPGRADE))


async def test_a_cluster_of_today_is_good_enough(servers: Stack) -> None:
    levels = await kafka_features.finalized(servers.settings)
    assert levels[kafka_features.TRANSACTIONS] == kafka_features.AT_LEAST
    assert levels["metadata.version"] > 20  # a feature that stands in the same answer
    await kafka_features.check(servers.settings)


@pytest.mark.parametrize("role", kafka_features.WRITERS)
async def test_who_writes_in_transactions_does_not_start_on_an_older_one_and_the_log_says_what_to_do(
    older: Settings, role: str
) -> None:
    with capture_logs() as logs, pytest.raises(Refused, match=r"has transaction\.version 1, and lanes need 2"):
        await away.servers(older, role=role)
    assert logs[-1]["event"] == "kafka_refuses"
    assert "--feature transaction.version=2" in logs[-1]["fix"]


async def test_who_writes_in_none_does(older: Settings) -> None:
    await away.servers(older, role="senders")


async def test_doctor_says_so_too(older: Settings) -> None:
    found = {finding.name: finding for finding in await examine(older)}
    assert found["kafka"].state == "wrong"
    assert "transaction.version 1" in found["kafka"].said
    assert f"--bootstrap-server {older.kafka} upgrade" in found["kafka"].fix
