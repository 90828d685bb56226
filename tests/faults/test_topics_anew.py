"""A topic that loses records before they were handled, and one that is deleted and made anew (A3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from click.testing import CliRunner

from laudstream import kafka_admin, topics
from laudstream.cli.main import cli
from laudstream.local.logs import Logs
from laudstream.local.stack import Stack
from laudstream.settings import environment
from tests.faults.small import produce, small_stack
from tests.integration.kit import wait_until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    """Kafka and a journey worker with one lane."""
    with small_stack("journeys") as running:
        yield running


async def _sent(stack: Stack, count: int) -> None:
    look = b'{"id": "m%d", "type": "track", "name": "look", "timestamp": 1, "received": 1}'
    await produce(stack, topics.EVENTS, [look % n for n in range(count)])


async def _handled(stack: Stack) -> None:
    async with Logs(stack.settings) as logs:
        ends = await logs.ends(topics.EVENTS)

        async def done() -> bool:
            return await logs.handled(topics.EVENTS, ends)

        await wait_until(done, 30, f"events up to {ends}")


async def _skipped(stack: Stack) -> str:
    """As soon as the group has noticed that its members are gone."""

    def said() -> str:
        answer = CliRunner(env=environment(stack.settings)).invoke(cli, ["lanes", "skip", "0"])
        return "" if "journey workers run" in repr(answer.exception) else answer.output + repr(answer.exception)

    return str(await wait_until(lambda: asyncio.to_thread(said), 30, "the group has no members"))


async def _closed(stack: Stack) -> str:
    """Starts the worker, which cannot open its lane; stopped again, returns what it said."""
    worker = stack.part("journeys")
    starting = asyncio.create_task(worker.start())
    await wait_until(lambda: "lane_closed" in worker.log.read_text(), 60, "the lane is closed")
    (port,) = worker.server.ports.values()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        codes = [(await client.get(path)).status_code for path in ("/livez", "/readyz")]
    assert codes == [200, 503], "it lives, and a restart would open nothing"
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await worker.stop()
    return worker.log.read_text()


async def test_records_deleted_before_they_were_handled_close_the_lane_until_they_are_skipped(small: Stack) -> None:
    worker = small.part("journeys")
    await _sent(small, 5)
    await _handled(small)
    assert "nothing to skip" in await _skipped_while(small)
    await _sent(small, 5)
    async with kafka_admin.admin(small.settings) as admin:
        await admin.delete_records({TopicPartition(topics.EVENTS, 0): RecordsToDelete(before_offset=8)})
    said = await _closed(small)
    assert f"position 5 is outside the log of {topics.EVENTS}" in said
    assert "laudstream lanes skip 0" in said
    assert f"{topics.EVENTS} from 5 to 8: 3 records expired or were deleted" in await _skipped(small)
    await worker.start()
    await _handled(small)


async def _skipped_while(stack: Stack) -> str:
    """Refused while a worker runs; stopped then."""
    answer = CliRunner(env=environment(stack.settings))
    running = await asyncio.to_thread(answer.invoke, cli, ["lanes", "skip", "0"])
    assert "journey workers run" in repr(running.exception)
    await stack.part("journeys").stop()
    return await _skipped(stack)


async def test_a_topic_made_anew_ends_the_worker_and_closes_the_lane_until_it_is_skipped(small: Stack) -> None:
    worker = small.part("journeys")
    await _sent(small, 3)
    await _handled(small)
    async with kafka_admin.admin(small.settings) as admin:
        await admin.delete_topics([topics.EVENTS])

    async def made() -> bool:
        try:
            await kafka_admin.apply_topics(small.settings)
        except Exception:
            return False
        return True

    await wait_until(made, 30, "the topic is made anew")
    await _sent(small, 30)  # more than the lane had handled: no position outside the log shows it
    await wait_until(lambda: not worker.alive, 40, "the worker ends")
    assert "topics_made_anew" in worker.log.read_text()
    said = await _closed(small)
    assert f"{topics.EVENTS} was made anew since round" in said
    assert "laudstream lanes skip 0" in said
    assert f"{topics.EVENTS} from" in (skipped := await _skipped(small))
    assert "to 0: the topic was made anew" in skipped
    await worker.start()
    await _handled(small)
