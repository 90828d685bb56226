"""Customers who are deleted before a lane has handled their first event (R15, R54)."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.integration.kit import Shop, leave, wait_for, wait_until

pytestmark = pytest.mark.integration

STRANGERS = 80


async def test_r54_who_is_deleted_right_behind_the_first_event_does_not_appear_and_may_come_back(shop: Shop) -> None:
    visit, buy = shop.name("visit"), shop.name("buy")
    await shop.publish(visit, {"look": wait_for(buy, "bought", "PT10M", "bought"), "bought": leave("bought")})
    strangers = [shop.name(f"s{n}") for n in range(STRANGERS)]
    answers: Counter[int] = Counter()

    async def come_and_go(n: int, who: str) -> None:
        for event in [visit, buy, buy, buy, buy][: 1 + n % 5]:  # some have a row by then
            await shop.track(who, event)
        answer = await shop.http.delete(f"/api/customers/{who}")
        answers[answer.status_code] += 1
        if n % 2:
            await shop.track(who, visit)

    for start in range(0, STRANGERS, 16):
        await asyncio.gather(*(come_and_go(n, strangers[n]) for n in range(start, start + 16)))
    back = {who for n, who in enumerate(strangers) if n % 2}
    assert answers.keys() <= {202, 204}
    assert answers[202]  # else nothing was tried
    await shop.handled()

    async def there() -> set[str]:
        rows = await shop.pool.fetch("SELECT customer_id FROM customers WHERE customer_id = ANY($1)", strangers)
        return {row["customer_id"] for row in rows}

    async def forgotten() -> bool:
        left = await shop.pool.fetchval("SELECT count(*) FROM erasures WHERE customer_id = ANY($1)", strangers)
        return left == 0 and await there() >= back

    await wait_until(forgotten, what="the lanes' word that they are gone")
    assert await there() == back
    runs = await shop.pool.fetch("SELECT customer_id FROM runs WHERE customer_id = ANY($1)", strangers)
    assert {row["customer_id"] for row in runs} == back
