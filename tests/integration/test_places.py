"""A journey with a fixed number of places, asked for from all lanes at once (R18, A11)."""

from __future__ import annotations

from collections import Counter

import pytest

from laudstream import topics
from tests.integration.kit import WORKERS, Shop, exactly_once, leave, restarted, wait_for, wait_until

pytestmark = pytest.mark.integration

PLACES, CUSTOMERS = 40, 400


async def test_ten_times_as_many_as_there_are_places_get_exactly_those_r18(shop: Shop) -> None:
    sale, buy = shop.name("sale"), shop.name("buy")
    steps = {"look": wait_for(buy, "bought", "PT10M", "left"), "bought": leave("bought"), "left": leave("left")}
    await shop.publish(sale, steps, max_entries=PLACES)
    customers = [shop.name(f"c{n}") for n in range(CUSTOMERS)]
    await shop.batch({"type": "track", "userId": who, "event": sale} for who in customers)

    async def answered() -> bool:
        return len(await shop.decisions(sale)) == CUSTOMERS

    await wait_until(answered, what="an answer for each of them")
    found = await shop.decisions(sale)
    exactly_once(found)
    assert Counter((d.kind, d.reason) for d in found) == {
        ("entered", ""): PLACES, ("not_entered", "full"): CUSTOMERS - PLACES,
    }  # fmt: skip
    assert {shop.partition(d.customer) for d in found} == set(range(shop.settings.partitions))

    await restarted(shop.stack, *WORKERS)  # places are state like any other
    late = shop.name("late")
    await shop.track(late, sale)
    assert (await shop.decided(late, "not_entered"))["reason"] == "full"
    inside = next(d.customer for d in found if d.kind == "entered")
    await shop.track(inside, buy)
    assert (await shop.decided(inside, "ended"))["outcome"] == "bought"
    stats = await shop.get(f"journeys/{sale}/stats")
    assert (stats["entered"], stats["ended"]) == (PLACES, {"bought": 1})
    asked = [record for record in await shop.records(topics.HANDOFFS) if sale.encode() in (record.value or b"")]
    assert len(asked) < CUSTOMERS  # together, not one by one
