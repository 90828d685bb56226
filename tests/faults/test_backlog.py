"""A lane with a long backlog, all of it of one customer, holds up no other lane of its worker."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from tests.integration.kit import WORKERS, Shop, exactly_once, leave

pytestmark = pytest.mark.faults

EVENTS, AT_A_TIME = 60_000, 1_000
"""A second or two of a lane by itself, where other lanes have answered after a quarter of one."""


def _elsewhere(shop: Shop, hot: str) -> dict[int, str]:
    """A customer in each of the other lanes."""
    found: dict[int, str] = {}
    for n in count():
        who = shop.name(f"calm{n}")
        if shop.partition(who) != shop.partition(hot):
            found.setdefault(shop.partition(who), who)
        if len(found) == shop.settings.partitions - 1:
            return found
    raise AssertionError


async def test_other_lanes_answer_long_before_a_backlog_of_one_customer_is_through(shop: Shop) -> None:
    buy, hot, stack = shop.name("buy"), shop.name("hot"), shop.stack
    await shop.publish(buy, {"done": leave("done")})
    await asyncio.gather(*(stack.part(name).stop() for name in WORKERS))
    calm = _elsewhere(shop, hot)
    for _ in range(EVENTS // AT_A_TIME):
        await shop.batch({"type": "track", "userId": hot, "event": buy} for _ in range(AT_A_TIME))
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in calm.values())
    try:
        await stack.part(WORKERS[0]).start()  # all lanes are its own
        await shop.handled()
    finally:
        await stack.part(WORKERS[1]).start()
    found = await shop.decisions(buy)
    exactly_once(found)
    assert sum(made.customer == hot for made in found) == EVENTS + 1
    begun = {made.customer: made.clock for made in found if made.kind == "entered"}
    last = max(made.clock for made in found if made.customer == hot)
    rounds = [entry for entry in (await shop.journals())[shop.partition(hot)] if begun[hot] <= entry.clock <= last]
    assert len(rounds) > 10, "that is no backlog"
    most = rounds[len(rounds) * 3 // 4].clock
    waited = {lane: begun[who] - begun[hot] for lane, who in calm.items()}
    assert max(begun[who] for who in calm.values()) < most, f"ms: {waited}, of {last - begun[hot]}"
