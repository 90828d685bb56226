"""`laudstream upgrade` on the stack: journey workers tell what they know, and a stack of one release has nothing to do
(A14). What raises a stack is tested by `make upgrade`."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from click.testing import CliRunner, Result

from laudstream import kafka_admin, topics
from laudstream.cli.main import cli
from laudstream.local import raising
from laudstream.records import levels
from laudstream.settings import environment
from tests.integration.kit import WORKERS, Shop, wait_until

pytestmark = pytest.mark.integration


async def _run(shop: Shop, *words: str) -> Result:
    return await asyncio.to_thread(CliRunner(env=environment(shop.settings)).invoke, cli, ["upgrade", *words])


async def test_workers_tell_what_they_know_and_there_is_nothing_to_do(shop: Shop) -> None:
    async def shared() -> bool:
        workers = (await raising.look(shop.settings)).workers
        return len(workers) == len(WORKERS) and all(worker.lanes for worker in workers)

    await wait_until(shared, 30, "both workers have lanes")
    standing = await raising.look(shop.settings)
    assert {worker.knows for worker in standing.workers} == {levels.newest()}
    group = await kafka_admin.group(shop.settings, shop.settings.app_id, topics.EVENTS)
    said = [msgspec.json.decode(member.user_data)[levels.TOLD] for member in group.members]
    assert said == [levels.newest()._asdict()] * len(WORKERS)
    assert sorted(standing.owners()) == [*range(shop.settings.partitions)]
    found = msgspec.json.decode((await _run(shop, "status", "--json")).output)
    assert [lane["lane"] for lane in found["lanes"]] == [*range(shop.settings.partitions)]
    for _ in range(2):
        said = await _run(shop, "finish", "--yes")
        assert (said.exit_code, said.output.startswith("nothing to do: ")) == (0, True), said.output
    sql = "SELECT count(*) FROM control_outbox WHERE kind = 'level'"
    assert await shop.pool.fetchval(sql) == 0
