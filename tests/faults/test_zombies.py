"""A worker that was taken for dead and comes back: its lanes belong to others, and what it still had in hand is
refused (A3)."""

from __future__ import annotations

import asyncio

import pytest

from laudstream.cli.stream import Numbered, Stream
from tests.integration.kit import WORKERS, Shop, exactly_once, leave, unbroken, wait_until

pytestmark = pytest.mark.faults

EVENTS = 4_000
"""Posted around each freeze."""


async def test_what_a_frozen_worker_had_in_hand_is_refused_when_it_wakes_up(shop: Shop) -> None:
    buy = shop.name("buy")
    await shop.publish(buy, {"done": leave("done")})
    for number, name in enumerate((*WORKERS, WORKERS[0])):
        await _freeze(shop, name, [_event(shop, buy, number * EVENTS + n) for n in range(EVENTS)])
    decided = await shop.decisions(buy)
    exactly_once(decided)
    assert sum(d.kind == "entered" for d in decided) == 3 * EVENTS
    unbroken(await shop.journals())


def _event(shop: Shop, name: str, n: int) -> Numbered:
    who = shop.name(f"c{n}")
    return Numbered(n, {"type": "track", "userId": who, "event": name, "messageId": f"{shop.prefix}/{n}"})


async def _freeze(shop: Shop, name: str, events: list[Numbered]) -> None:
    """Stop a worker in the middle of the events; wake it up when the others have its lanes and all is handled."""
    taken = 0

    def count(events: int) -> None:
        nonlocal taken
        taken += events

    stream = asyncio.create_task(Stream(shop.settings, progress=count, batch_events=50).send(iter(events)))
    await wait_until(lambda: taken >= len(events) // 3, 60, "a third of the events are taken")
    worker = shop.stack.part(name)
    worker.freeze()
    try:
        assert not (await stream).rejected
        await shop.handled()
    finally:
        worker.thaw()
    await wait_until(worker.server.ready, 60, f"{name} works again")
