"""What operators see: `/metrics` of each worker, and `laudstream lanes`."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from laudstream.cli.lanes import look
from tests.integration.kit import WORKERS, Shop, leave, wait_until

pytestmark = pytest.mark.integration


async def measured(shop: Shop, worker: str) -> dict[str, float]:
    """Sum over the labels of each sample."""
    (port,) = shop.stack.part(worker).server.ports.values()
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


async def test_metrics_count_what_lanes_did(shop: Shop) -> None:
    buy = shop.name("buy")
    await shop.publish(buy, {"done": leave("done")})
    before = [await measured(shop, name) for name in WORKERS]
    await shop.batch({"type": "track", "userId": shop.name(f"c{n}"), "event": buy} for n in range(90))
    await shop.handled()

    async def counted() -> bool:
        after = [await measured(shop, name) for name in WORKERS]
        grown = sum(
            b["laudstream_lane_inputs_total"] - a["laudstream_lane_inputs_total"]
            for a, b in zip(before, after, strict=True)
        )
        return grown >= 90 and all(each["laudstream_ready"] == 1 for each in after)

    await wait_until(counted, what="90 inputs more")
    (one, *_) = [await measured(shop, name) for name in WORKERS]
    assert one["laudstream_lane_core_seconds_total"] > 0
    assert one["process_resident_memory_bytes"] > 1 << 20
    assert one["laudstream_lane_open"] > 0
    assert one["laudstream_lane_store_bytes"] > 1 << 10
    assert one["laudstream_lane_restoring_records"] == 0
    assert one["laudstream_lane_timer_late_seconds_count"] >= 0

    async def caught_up() -> bool:  # the rows of the new customers come a little later
        return not any([(await measured(shop, name))["laudstream_lane_lag_records"] for name in WORKERS])

    await wait_until(caught_up, what="no lag")
    applied = await measured(shop, "projector")
    assert applied["laudstream_records_applied_total"] > 0


async def test_lanes_names_owners_and_lags_and_says_when_there_is_nobody(shop: Shop) -> None:
    buy = shop.name("buy")
    await shop.publish(buy, {"done": leave("done")})
    await shop.track(shop.name("ann"), buy)

    async def calm() -> list[Any]:
        rows = await look(shop.settings)
        return rows if {row[2] for row in rows} == {"up to date"} else []

    rows = await wait_until(calm, what="all lanes are up to date")
    assert [row[0] for row in rows] == list(range(shop.settings.partitions))
    assert len({row[1] for row in rows}) == len(WORKERS)
    mine = rows[shop.partition(shop.name("ann"))]
    assert mine[3] > 0
    for name in WORKERS:
        await shop.stack.part(name).stop()
    try:
        await shop.track(shop.name("ann"), buy)

        async def alone() -> bool:
            rows = await look(shop.settings)
            row = rows[shop.partition(shop.name("ann"))]
            return row[1:3] == ("", "nobody has it") and row[4] == 1

        await wait_until(alone, what="no owner, one event behind")
        assert {row[7] for row in await look(shop.settings, 0.1)} == {0}, "nobody handles anything"
    finally:
        for name in WORKERS:
            await shop.stack.part(name).start()
    await shop.handled()


async def test_lanes_says_how_many_records_each_handles_a_second(shop: Shop) -> None:
    buy = shop.name("buy")
    await shop.publish(buy, {"done": leave("done")})
    ann = shop.name("ann")

    async def some() -> bool:
        looking, posted = asyncio.create_task(look(shop.settings, 1.0)), 0
        while not looking.done():
            await shop.batch({"type": "track", "userId": ann, "event": buy} for _ in range(20))
            posted += 20
        rates = {row[0]: row[7] for row in await looking}
        return 0 < rates[shop.partition(ann)] <= posted and max(rates.values()) <= posted

    await wait_until(some, what="a rate of ann's lane")
