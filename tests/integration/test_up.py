"""The whole stack: it comes up healthy, rows flow through it, and its servers may go and come."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from click.testing import CliRunner

from laudstream.cli.doctor import doctor
from laudstream.ids import customer_key, partition_of
from laudstream.local import connector
from laudstream.local.stack import Stack
from laudstream.postgres import connect
from laudstream.records.rows import row
from laudstream.settings import environment
from laudstream.topics import ROWS
from tests.integration.conftest import WaitUntil

pytestmark = pytest.mark.integration


def test_doctor_finds_everything_well(stack: Stack) -> None:
    answer = CliRunner(env=environment(stack.settings)).invoke(doctor, ["--json"])
    findings = msgspec.json.decode(answer.output)
    assert [finding for finding in findings if finding["state"] != "ok"] == []
    assert answer.exit_code == 0


async def test_the_printed_token_opens_the_api_and_the_ui_is_there(stack: Stack, api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/workspace")).json()["id"] == stack.workspace
    assert "<html" in (await api.get("/")).text


async def write_customer(stack: Stack, customer: str, email: str) -> None:
    pool = await connect(stack.settings.worker_database_url, max_size=1)
    try:
        await pool.execute(
            "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, $2, $3)"
            " ON CONFLICT (workspace_id, customer_id) DO UPDATE SET attributes = excluded.attributes",
            stack.workspace,
            customer,
            {"email": email},
        )
    finally:
        await pool.close()


async def emails_in_rows(stack: Stack, customer: str) -> list[str]:
    """Of a customer, in the order of `laudstream.rows`; each must lie in the partition of its key."""
    key = customer_key(stack.workspace, customer).encode()
    consumer = AIOKafkaConsumer(
        ROWS, bootstrap_servers=stack.settings.kafka, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found = []
        for partition, end in ends.items():
            consumer.pause(*(other for other in ends if other != partition))
            consumer.resume(partition)
            while end and await consumer.position(partition) < end:
                for record in (await consumer.getmany(partition, timeout_ms=500)).get(partition, []):
                    if record.key == key:
                        assert record.partition == partition_of(key, len(ends))
                        found.append(row(record.value).attributes["email"])  # type: ignore[union-attr]
        return found
    finally:
        await consumer.stop()


async def test_a_row_arrives_in_the_partition_of_its_customer(stack: Stack, wait_until: WaitUntil) -> None:
    await write_customer(stack, "ada", "ada@example.org")

    async def there() -> bool:
        return (await emails_in_rows(stack, "ada"))[-1:] == ["ada@example.org"]

    await wait_until(there)


@pytest.mark.faults
@pytest.mark.parametrize("part", ["postgres", "connect"])
async def test_rows_flow_again_after_a_server_was_away(stack: Stack, wait_until: WaitUntil, part: str) -> None:
    """Nobody restarts the connector by hand."""
    await stack.part(part).kill()
    await stack.part(part).start()
    await write_customer(stack, f"after-{part}", "late@example.org")

    async def there() -> bool:
        return await emails_in_rows(stack, f"after-{part}") != []

    await wait_until(there, 90)

    async def runs() -> bool:
        return (await connector.state(stack.settings)).running

    await wait_until(runs)
