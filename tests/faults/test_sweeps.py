"""A worker dies in the middle of a sweep; the next one goes on where the last committed round was (A10)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.integration.kit import WORKERS, Shop, exactly_once, leave, mail_template, message, wait_until

pytestmark = pytest.mark.faults

CUSTOMERS = 1_500
BATCH = 500


async def test_a_killed_worker_enters_every_present_customer_once_r36(shop: Shop) -> None:
    news = shop.name("news")
    await shop.template(shop.name("hello"), mail_template("Hello"))
    members = {"customer.club": {"equals": shop.prefix}}
    steps = {"greet": message(shop.name("hello"), "done"), "done": leave("done")}
    customers = [shop.name(f"c{n}") for n in range(CUSTOMERS)]
    for at in range(0, CUSTOMERS, BATCH):
        await shop.batch(
            {"type": "identify", "userId": who, "traits": {"email": shop.email(who), "club": shop.prefix}}
            for who in customers[at : at + BATCH]
        )
    await shop.handled()
    await shop.publish(news, steps, entry=[{"audience": {}, "where": members}])
    killed = shop.stack.part(WORKERS[0])
    await killed.kill()
    late = shop.name("late")  # after the publish: no present customer
    await shop.identify(late, club=shop.prefix)
    await killed.start()

    async def entered() -> bool:
        return sum(d.kind == "entered" for d in await shop.decisions(news)) >= CUSTOMERS

    await wait_until(entered, 60, "all have entered")
    await wait_until(lambda: len(shop.mails()) >= CUSTOMERS, 60, "all mails")
    found = await shop.decisions(news)
    exactly_once(found)
    assert Counter(d.kind for d in found) == dict.fromkeys(("entered", "message", "moved", "ended"), CUSTOMERS)
    assert {d.customer for d in found} == set(customers)
    assert max(Counter(mail["send_id"] for mail in shop.mails()).values()) == 1
    assert await shop.timeline(late) == []
