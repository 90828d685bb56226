"""Downtime, and what a dead worker leaves open."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka.client import AIOKafkaClient

from agents.lanes.producer import TxnProducer
from laudstream import topics
from laudstream.records import codec
from tests.integration.kit import WORKERS, Shop, leave, wait_for, wait_until

pytestmark = pytest.mark.faults


async def test_an_input_in_the_log_before_the_timeout_wins_after_downtime_a4_r30(shop: Shop) -> None:
    buy, ann, bob = shop.name("buy"), shop.name("ann"), shop.name("bob")
    steps = {"look": wait_for(buy, "thank", "PT6S", "woo"), "thank": leave("thanks"), "woo": leave("win-back")}
    await shop.publish(buy, steps)
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in (ann, bob))
    await shop.handled()
    await asyncio.gather(*(shop.stack.part(name).kill() for name in WORKERS))
    entered = {d.customer: d.at for d in await shop.decisions(buy) if d.kind == "entered"}
    await shop.track(ann, buy)
    (event,) = [r for r in await shop.records(topics.EVENTS) if r.key == shop.key(ann)][1:]
    due = max(entered.values()) + 6000
    assert event.timestamp < entered[ann] + 6000
    await wait_until(lambda: time.time() * 1000 > due + 500, 10, "the timeouts are over")
    await asyncio.gather(*(shop.stack.part(name).start() for name in WORKERS))
    won = await shop.decided(ann, "ended")
    lost = await shop.decided(bob, "ended")
    assert (won["outcome"], won["at"]) == ("thanks", event.timestamp)
    assert (lost["outcome"], lost["at"]) == ("win-back", entered[bob] + 6000)


async def test_what_was_published_in_a_downtime_takes_the_events_that_came_after_it_a5(shop: Shop) -> None:
    buy = shop.name("buy")
    await asyncio.gather(*(shop.stack.part(name).stop() for name in WORKERS))
    await shop.save(buy, {"done": leave("done")})
    before = len(await shop.records(topics.CONTROL))
    response = await shop.http.post(f"/api/journeys/{buy}/publish")
    assert response.status_code == 200, response.text

    async def published() -> bool:
        return len(await shop.records(topics.CONTROL)) == before + shop.settings.partitions

    await wait_until(published, what="a control record in every partition")
    customers = [shop.name(f"c{n}") for n in range(400)]
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers)
    await asyncio.gather(*(shop.stack.part(name).start() for name in WORKERS))
    await shop.handled()
    assert sorted(d.customer for d in await shop.decisions(buy) if d.kind == "entered") == sorted(customers)


async def test_an_open_transaction_of_a_dead_worker_holds_back_only_its_own_lane_a3(shop: Shop) -> None:
    buy, p = shop.name("buy"), 5
    await shop.publish(buy, {"done": leave("done")})
    customers = [shop.name(f"c{n}") for n in range(200)]
    held = next(who for who in customers if shop.partition(who) == p)
    free = [next(who for who in customers if shop.partition(who) == q) for q in range(8) if q != p]
    await asyncio.gather(*(shop.stack.part(name).stop() for name in WORKERS))
    client = AIOKafkaClient(bootstrap_servers=shop.settings.kafka)
    await client.bootstrap()
    try:
        ghost = TxnProducer(client, f"{shop.settings.app_id}-ghost-0", timeout_ms=60_000)
        await ghost.start()
        record = (shop.key(held) + b"\0c", b"written by a worker that died before it could commit")
        await ghost._write({(topics.STATE, p): (int(time.time() * 1000), [record])}, None)  # and no EndTxn
        await shop.batch({"type": "track", "userId": who, "event": buy} for who in (held, *free))
        began = time.monotonic()
        await asyncio.gather(*(shop.stack.part(name).start() for name in WORKERS))
        await asyncio.gather(*(shop.decided(who, "ended") for who in (held, *free)))
        assert time.monotonic() - began < 30  # long before the transaction's own time-out
    finally:
        await client.close()
    done = {
        decision.customer: record.timestamp
        for record in await shop.records(topics.DECISIONS)
        if (decision := codec.decision(record.value)).kind == "ended" and decision.journey == buy
    }
    # on a busy machine some lanes of the other worker may open even later
    assert sum(done[who] < done[held] for who in free) >= len(free) // 2, done
    logs = "".join(shop.stack.part(name).log.read_text() for name in WORKERS)
    assert f"{shop.settings.app_id}-ghost-0" in logs
