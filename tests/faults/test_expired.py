"""A stream whose next records have expired: a worker that was away for longer than its topic keeps them (A23)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from laudstream import kafka_admin, topics
from laudstream.local.stack import Stack
from laudstream.postgres import connect
from tests.faults.small import produce, small_stack
from tests.integration.kit import wait_until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    """Kafka, PostgreSQL and a projector with one partition."""
    with small_stack("projector") as running:
        yield running


async def _sent(stack: Stack, count: int) -> None:
    """Records that nobody can read."""
    await produce(stack, topics.WRITES, [b"no json"] * count)


async def test_it_goes_on_with_what_there_is_and_says_what_it_missed(small: Stack) -> None:
    projector = small.part("projector")
    pool = await connect(small.settings.worker_dsn, max_size=1)

    async def seen(*offsets: int) -> bool:
        rows = await pool.fetch("SELECT record_offset FROM dead_letters WHERE topic = $1 ORDER BY 1", topics.WRITES)
        return [row["record_offset"] for row in rows] == [*offsets]

    try:
        await _sent(small, 2)
        await wait_until(lambda: seen(0, 1), 60, "they are read")
        await projector.stop()
        await _sent(small, 3)
        async with kafka_admin.admin(small.settings) as admin:
            await admin.delete_records({TopicPartition(topics.WRITES, 0): RecordsToDelete(before_offset=4)})
        await projector.start()
        await wait_until(lambda: seen(0, 1, 4), 60, "it goes on")
    finally:
        await pool.close()
    (line,) = [line for line in projector.log.read_text().splitlines() if "stream_records_expired" in line]
    assert '"offset": 2' in line or "offset=2" in line
    assert '"begin": 4' in line or "begin=4" in line
