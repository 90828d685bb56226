"""The sink goes away, the sender is killed: webhooks arrive, as often as their class says."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.integration.kit import Shop, call, leave, wait_until

pytestmark = pytest.mark.faults

FEW = 40


async def _telling(shop: Shop, message_class: str) -> str:
    order = shop.name(f"order-{message_class}")
    await shop.publish(order, {"tell": call(shop.name("tell"), "done"), "done": leave("done")},
                       settings={"class": message_class})  # fmt: skip
    return order


async def test_while_the_sink_is_away_webhooks_are_tried_again_and_each_arrives_once(shop: Shop) -> None:
    await shop.template(shop.name("tell"), shop.hook())
    order = await _telling(shop, "marketing")
    customers = [shop.name(f"c{n}") for n in range(FEW)]
    await shop.stack.part("sink").stop()
    await shop.batch({"type": "track", "userId": who, "event": order} for who in customers)

    async def tried() -> bool:
        rows = await shop.pool.fetch(
            "SELECT tries FROM send_claims WHERE workspace_id = $1 AND coalesce(outcome, body)->>'customer' LIKE $2",
            shop.workspace, f"{shop.prefix}%",
        )  # fmt: skip
        return len(rows) == FEW and sum(row["tries"] for row in rows) > 3

    await wait_until(tried, what="claims that were tried")
    await shop.stack.part("sink").start()
    await wait_until(lambda: len(shop.calls()) >= FEW, 90, "all calls")
    requests = {request.send_id for request in await shop.requests()}

    async def settled() -> bool:
        return await shop.claims() == dict.fromkeys(requests, "sent")

    await wait_until(settled, what="all claims are sent")
    assert Counter(made["send_id"] for made in shop.calls()) == dict.fromkeys(requests, 1)


async def test_a_sender_killed_in_the_middle_calls_as_often_as_the_class_says_a21(shop: Shop) -> None:
    """Marketing at most once, each missing one is `unknown`; transactional at least once."""
    await shop.template(shop.name("tell"), shop.hook())
    orders = {name: await _telling(shop, name) for name in ("marketing", "transactional")}
    customers = [shop.name(f"c{n}") for n in range(FEW)]
    for order in orders.values():
        await shop.batch({"type": "track", "userId": who, "event": order} for who in customers)
    await wait_until(shop.calls, what="the first call")
    await shop.stack.part("senders").kill()
    await shop.stack.part("senders").start()
    requests = {request.send_id: request for request in await wait_until(lambda: _all(shop, 2 * FEW))}

    async def settled() -> bool:
        states = await shop.claims()
        return len(states) == len(requests) and set(states.values()) <= {"sent", "unknown"}

    await wait_until(settled, 90, "an outcome of each")
    await asyncio.sleep(0)
    states, calls = await shop.claims(), Counter(made["send_id"] for made in shop.calls())
    for id, request in requests.items():
        if request.message_class == "marketing":
            assert calls[id] == 1 or (calls[id] == 0 and states[id] == "unknown"), (id, calls[id], states[id])
        else:
            assert calls[id] >= 1, (id, states[id])
            assert states[id] == "sent"


async def _all(shop: Shop, count: int) -> list[object]:
    found = await shop.requests()
    return list(found) if len(found) == count else []
