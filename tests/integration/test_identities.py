"""What Debezium makes of a merge, on real servers without workers (A16, A18)."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from laudstream.customers.row import Alias, Consent, Row
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.postgres import connect, queries, tenancy
from laudstream.postgres.workspaces import create_workspace
from laudstream.records import rows
from laudstream.topics import ROWS
from tests.conftest import PORT_BASE

pytestmark = pytest.mark.integration

SQL = queries("identities")
WORKSPACE = "mergers1"


@pytest.fixture(scope="module")
def captured() -> Iterator[Stack]:
    """PostgreSQL, Kafka and Connect with the connector."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-cdc-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    base = int(os.environ.get(PORT_BASE, 0)) + 50 if os.environ.get(PORT_BASE) else free_base()
    stack = Stack(folder / "data", ports=Ports.above(base), parts=("connector",))
    try:
        asyncio.run(stack.start())
        yield stack
    finally:
        asyncio.run(stack.stop())
        shutil.rmtree(folder, ignore_errors=True)


async def _merge(pool: Any, source: str, target: str) -> None:
    async with tenancy.workspace(pool, WORKSPACE) as connection:
        row = await connection.fetchrow(SQL["merge"], WORKSPACE, source, target, "asked")
    assert row["outcome"] == "merged"


async def test_a18_lanes_hear_of_a_merge_before_the_row_goes_and_of_no_row_that_never_was(captured: Stack) -> None:
    owner = await connect(captured.settings.database_url, max_size=1)
    api = await connect(captured.settings.api_dsn, max_size=1)
    try:
        await create_workspace(owner, WORKSPACE, "A shop")
        await owner.execute(
            """INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, 'ann', '{"plan": "gold"}')""",
            WORKSPACE,
        )
        await owner.execute(
            """INSERT INTO consents (workspace_id, customer_id, customer_key, channel, status)
            VALUES ($1, 'ann', $1 || ':ann', 'email', 'unsubscribed')""",
            WORKSPACE,
        )
        await _merge(api, "visitor", "ann")
        await _merge(api, "ann", "bob")
        await owner.execute("DELETE FROM customers WHERE workspace_id = $1 AND customer_id = 'bob'", WORKSPACE)
        found = await _read(captured, _all_gone)
    finally:
        await owner.close()
        await api.close()
    visitor = found["visitor"]
    assert [type(row) for row in visitor] == [Alias] * 3
    assert [(row.root, row.deleted) for row in visitor] == [("ann", False), ("bob", False), ("bob", True)]
    assert (visitor[0].born, visitor[0].number < visitor[1].number) == (0, True)
    ann = found["ann"]
    order = [(type(row), row.deleted) for row in ann]
    assert order[:4] == [(Row, False), (Consent, False), (Row, False), (Alias, False)]
    assert set(order[4:6]) == {(Row, True), (Consent, True)}
    assert order[6:] == [(Alias, True)]
    alias = next(row for row in ann if isinstance(row, Alias))
    assert (alias.root, alias.born) == ("bob", ann[0].born)
    bob = found["bob"]
    assert [row.attributes for row in bob if isinstance(row, Row) and not row.deleted] == [{}, {"plan": "gold"}]
    assert [row.status for row in bob if isinstance(row, Consent) and not row.deleted] == ["unsubscribed"]
    assert all(row.revision > alias.number for row in bob if not row.deleted)


def _all_gone(found: dict[str, list[Any]]) -> bool:
    """The aliases, and the root with its consent."""
    gone = {"visitor": {Alias}, "ann": {Alias, Row, Consent}, "bob": {Row, Consent}}
    return all(kinds <= {type(row) for row in found.get(id, ()) if row.deleted} for id, kinds in gone.items())


async def _read(stack: Stack, enough: Callable[[dict[str, list[Any]]], bool]) -> dict[str, list[Any]]:
    """Rows of each customer as lanes get them."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.settings.kafka, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    found: dict[str, list[Any]] = {}
    try:
        consumer.assign([TopicPartition(ROWS, p) for p in range(stack.settings.partitions)])
        async with asyncio.timeout(60):
            while not enough(found):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        found.setdefault(record.key.decode().partition(":")[2], []).append(rows.row(record.value))
    finally:
        await consumer.stop()
    return found
