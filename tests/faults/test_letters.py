"""Records that a faulty worker could not read are handled exactly once after the fix."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from laudstream import topics
from laudstream.records import codec
from laudstream.records.letters import RETRYING, Mark
from tests.integration import poison
from tests.integration.kit import WORKERS, Shop, exactly_once, leave
from tests.integration.test_dead_letters import command, mine

pytestmark = pytest.mark.faults

REPO = Path(__file__).parents[2]


async def test_after_the_fix_each_retried_letter_is_handled_once_though_a_retry_died_halfway(shop: Shop) -> None:
    buy, ann, bob, cid = shop.name("buy"), shop.name("ann"), shop.name("bob"), shop.name("cid")
    again = [{"event": {"name": buy}, "reentry": "always"}]
    await shop.publish(buy, {"done": leave("done")}, entry=again)
    await _unread(shop, buy, (ann, bob, cid))
    assert not await shop.decisions(buy)
    letters = {who: (await mine(shop, who, 1))[0] for who in (ann, bob, cid)}
    poison.UNREAD |= {(topics.EVENTS, one["partition"], one["offset"]) for one in letters.values()}

    await _died(shop, bob, letters[bob]["id"], written=True)
    await _died(shop, cid, letters[cid]["id"], written=False)
    assert [(await mine(shop, who, 1))[0]["state"] for who in (bob, cid)] == ["retrying"] * 2
    said = await command(shop, "retry", *(one["id"] for one in letters.values()))
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("written again") == 2
    assert f"{letters[bob]['id']}: it had been written already" in said.stdout
    await shop.handled()
    found = await shop.decisions(buy)
    exactly_once(found)
    assert sorted((d.customer, d.kind) for d in found) == sorted(
        (who, k) for who in letters for k in ("entered", "ended")
    )
    for who in letters:
        assert [one["state"] for one in await mine(shop, who, 1)] == ["retried"]
    assert (await command(shop, "retry", letters[ann]["id"])).returncode == 1


async def _unread(shop: Shop, event: str, customers: tuple[str, ...]) -> None:
    """Events of these customers, while the workers cannot read them."""
    workers = [shop.stack.part(name) for name in WORKERS]
    real = [worker.server for worker in workers]
    command = (*real[0].command[:1], "-m", "tests.faults.poisoned_worker", "worker", "journeys")
    await asyncio.gather(*(worker.stop() for worker in workers))
    try:
        for worker in workers:
            env = {**worker.server.env, "PYTHONPATH": str(REPO)}
            worker.server = msgspec.structs.replace(worker.server, command=command, env=env)
        await asyncio.gather(*(worker.start() for worker in workers))
        await shop.batch(
            {"type": "track", "userId": who, "event": event, "properties": {"unreadable": True}} for who in customers
        )
        await shop.handled()
    finally:
        await asyncio.gather(*(worker.stop() for worker in workers))
        for worker, server in zip(workers, real, strict=True):
            worker.server = server
        await asyncio.gather(*(worker.start() for worker in workers))


async def _died(shop: Shop, customer: str, id: str, *, written: bool) -> None:
    """Leaves what a retry leaves that is killed before, or after, it has written the original."""
    (original,) = [record for record in await shop.records(topics.EVENTS) if record.key == shop.key(customer)]
    end = (await shop.logs.ends(topics.EVENTS))[original.partition]
    async with AIOKafkaProducer(bootstrap_servers=shop.settings.kafka, acks="all") as producer:
        mark = codec.encode(Mark(RETRYING, original.timestamp, end))
        headers = [("mark", RETRYING.encode()), ("origin", f"{topics.EVENTS}/{original.partition}/0".encode())]
        await producer.send_and_wait(topics.DEAD_LETTERS, mark, id.encode(), original.partition, headers=headers)
        if written:
            await producer.send_and_wait(topics.EVENTS, original.value, original.key, original.partition)
