"""What cannot be read, and what makes the core raise."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from laudstream import topics
from tests.integration import poison
from tests.integration.kit import WORKERS, Shop, exactly_once, leave, wait_until

pytestmark = pytest.mark.faults

REPO = Path(__file__).parents[2]


async def test_an_undecodable_record_becomes_a_dead_letter_and_disturbs_nothing(shop: Shop) -> None:
    buy, ann = shop.name("buy"), shop.name("ann")
    again = [{"event": {"name": buy}, "reentry": "always"}]
    await shop.publish(buy, {"done": leave("done")}, entry=again)
    await shop.track(ann, buy)
    producer = AIOKafkaProducer(bootstrap_servers=shop.settings.kafka, acks="all")
    await producer.start()
    try:
        p = shop.partition(ann)
        bad = await producer.send_and_wait(topics.EVENTS, b"{no json", key=shop.key(ann), partition=p)
        unkeyed = await producer.send_and_wait(topics.EVENTS, b"{}", key=b"\xff", partition=p)
    finally:
        await producer.stop()
    await shop.track(ann, buy)
    await shop.handled()
    letters = {dict(r.headers)["origin"]: r for r in await shop.records(topics.DEAD_LETTERS)}
    for record, value in ((bad, b"{no json"), (unkeyed, b"{}")):
        letter = letters[f"{topics.EVENTS}/{p}/{record.offset}".encode()]
        assert letter.value == value
        assert dict(letter.headers)["error"]

    async def rows() -> bool:
        sql = "SELECT record_offset FROM dead_letters WHERE topic = $1 AND partition = $2"
        found = {row["record_offset"] for row in await shop.pool.fetch(sql, topics.EVENTS, p)}
        return {bad.offset, unkeyed.offset} <= found

    await wait_until(rows, what="both in the table dead_letters")
    found = await shop.decisions(buy)
    exactly_once(found)
    assert [d.kind for d in found] == ["entered", "ended"] * 2


async def test_a_record_that_makes_the_core_raise_parks_its_run_and_others_go_on_a6(shop: Shop) -> None:
    look, other = shop.name("look"), shop.name("other")
    branch = {"condition": {"customer.vip": {"equals": True}}, "next": "vip"}
    steps = {
        "later": {"delay": {"for": "PT1S"}, "next": "who"},
        "who": {"split": {"branches": [branch], "else": "done"}},
        "vip": leave("vip"),
        "done": leave("done"),
    }
    await shop.publish(look, steps)
    await shop.publish(other, {"who": steps["who"], "vip": leave("vip"), "done": leave("done")})
    bad = [shop.name(f"bad{n}") for n in range(3)]
    good = [shop.name(f"good{n}") for n in range(20)]
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
            {"type": "track", "userId": who, "event": look, "properties": {"poison": who in bad}} for who in bad + good
        )
        for who in bad:
            failed = await shop.decided(who, "failed")
            assert poison.MESSAGE in failed["data"]["error"]
            assert (failed["journey"], failed["step"]) == (look, "later")
        for who in good:
            assert (await shop.decided(who, "ended"))["outcome"] == "done"
        for who in bad:  # the same customers go through another journey
            await shop.track(who, other)
            assert (await shop.decided(who, "ended"))["journey"] == other
        await shop.handled()
    finally:
        await asyncio.gather(*(worker.stop() for worker in workers))
        for worker, server in zip(workers, real, strict=True):
            worker.server = server
        await asyncio.gather(*(worker.start() for worker in workers))
    found = await shop.decisions()
    exactly_once(found)
    assert not [d for d in found if d.kind == "ended" and d.journey == look and d.customer in bad]
    stats = await shop.get(f"journeys/{look}/stats")
    assert (stats["entered"], stats["ended"], stats["parked"]) == (23, {"done": 20}, 3)
