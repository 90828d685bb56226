"""What operators do with records that no lane could read: `laudstream dead-letters`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from laudstream import topics
from laudstream.cli.lanes import look
from laudstream.settings import environment
from tests.integration.kit import Shop, wait_until

pytestmark = pytest.mark.integration

HEADERS = [("traceparent", b"00-1"), ("raw", b"\xff")]


async def command(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "laudstream", "dead-letters", *arguments]
    env = environment(shop.settings)
    return await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, env=env, check=False)


async def listed(shop: Shop, *arguments: str) -> list[dict[str, Any]]:
    said = await command(shop, "list", "--json", *arguments)
    assert said.returncode == 0, said.stderr
    return list(msgspec.json.decode(said.stdout))


async def mine(shop: Shop, customer: str, count: int) -> list[dict[str, Any]]:
    """This customer's letters, the oldest first, as soon as there are so many."""

    async def there() -> list[dict[str, Any]]:
        found = [one for one in await listed(shop) if one["key"] == shop.key(customer).decode()]
        return found if len(found) == count else []

    found: list[dict[str, Any]] = await wait_until(there, what=f"{count} letters of {customer}")
    return found


async def broken(shop: Shop, customer: str, value: bytes) -> int:
    """Puts a record into `laudstream.events`; returns its offset."""
    async with AIOKafkaProducer(bootstrap_servers=shop.settings.kafka, acks="all") as producer:
        place = shop.partition(customer)
        sent = await producer.send_and_wait(topics.EVENTS, value, shop.key(customer), place, headers=HEADERS)
    return int(sent.offset)


async def projected(shop: Shop, partition: int) -> set[int]:
    sql = "SELECT record_offset FROM dead_letters WHERE topic = $1 AND partition = $2"
    return {row["record_offset"] for row in await shop.pool.fetch(sql, topics.EVENTS, partition)}


async def test_a_letter_is_listed_shown_retried_and_dropped(shop: Shop) -> None:
    ann, place = shop.name("ann"), shop.partition(shop.name("ann"))
    before = (await look(shop.settings))[place][-2]
    offset = await broken(shop, ann, b'{"id": "no event", "n": [1, 2]}')
    (one,) = await mine(shop, ann, 1)
    assert one["id"].startswith(f"{place}-")
    assert (one["lane"], one["topic"], one["offset"], one["state"]) == (place, topics.EVENTS, offset, "waiting")
    assert one["error"]
    assert (await look(shop.settings))[place][-2] == before + 1
    await wait_until(lambda: _holds(shop, place, offset), what="the letter in the table")
    assert one in await listed(shop, "--topic", "events", "--error", one["error"][:10].upper(), "--state", "waiting")
    assert one not in await listed(shop, "--topic", "rows")
    said = await command(shop, "list")
    assert one["id"] in said.stdout

    shown = msgspec.json.decode((await command(shop, "show", one["id"], "--json")).stdout)
    assert (shown["value"], shown["whole"]) == ({"id": "no event", "n": [1, 2]}, True)
    assert shown["headers"] == {"traceparent": "00-1", "raw": "\\xff"}
    assert "… (31 bytes in all)" in (await command(shop, "show", one["id"], "--limit", "9")).stdout

    said = await command(shop, "retry", one["id"])
    assert said.returncode == 0, said.stderr
    first, second = await mine(shop, ann, 2)
    assert (first["id"], first["state"], second["state"]) == (one["id"], "retried", "waiting")
    again = [record for record in await shop.records(topics.EVENTS) if record.key == shop.key(ann)]
    assert [(record.value, list(record.headers)) for record in again] == [(again[0].value, HEADERS)] * 2
    assert (await look(shop.settings))[place][-2] == before + 1

    said = await command(shop, "drop", second["id"])
    assert said.returncode == 0, said.stderr
    assert [letter["state"] for letter in await mine(shop, ann, 2)] == ["retried", "dropped"]
    assert (await look(shop.settings))[place][-2] == before

    async def forgotten() -> bool:
        return not {offset, second["offset"]} & await projected(shop, place)

    await wait_until(forgotten, what="neither letter is in the table")
    for settled in (first["id"], second["id"]):
        said = await command(shop, "retry", settled)
        assert (said.returncode, "already" in said.stderr) == (1, True)
    assert len([r for r in await shop.records(topics.EVENTS) if r.key == shop.key(ann)]) == 2


async def _holds(shop: Shop, partition: int, offset: int) -> bool:
    return offset in await projected(shop, partition)


async def test_wrong_ids_are_named_and_change_nothing(shop: Shop) -> None:
    for arguments, code, word in (
        (("show", "0-999999"), 1, "no dead letter 0-999999"),
        (("retry", "first"), 1, "<lane>-<offset>"),
        (("drop",), 2, "--all"),
        (("drop", "0-1", "--all"), 2, "--all"),
    ):
        said = await command(shop, *arguments)
        assert (said.returncode, word in said.stderr) == (code, True), said.stderr
