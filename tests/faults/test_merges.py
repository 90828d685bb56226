"""Workers die while visitors become customers; no run, no event and no mail is lost or there twice (R50, A18)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict

import pytest

from tests.integration.kit import WORKERS, Shop, leave, mail_template, message, unbroken, wait_for, wait_until

pytestmark = pytest.mark.faults

SEED = 20_261_130
PAIRS, WAVES = 240, 6


async def test_r50_merges_over_kills_of_every_lane_lose_and_double_nothing(shop: Shop) -> None:
    cart, buy, template = shop.name("cart"), shop.name("buy"), shop.name("thanks")
    await shop.template(template, mail_template("Thanks"))
    await shop.publish(
        cart,
        {
            "look": wait_for(buy, "thank", "PT30M", "late"),
            "thank": message(template, "bought"),
            "bought": leave("bought"),
            "late": leave("late"),
        },
        settings={"class": "transactional"},
    )
    pairs = [(shop.name(f"visitor{n}"), shop.name(f"user{n}")) for n in range(PAIRS)]
    await shop.batch({"type": "track", "anonymousId": visitor, "event": cart} for visitor, _ in pairs)
    chance = random.Random(SEED)
    size = PAIRS // WAVES
    for wave in range(WAVES):
        some = pairs[wave * size : (wave + 1) * size]
        await shop.batch(item for pair in some for item in _signs_in(shop, buy, *pair))
        if wave % 2 == 0:  # merges are on their way
            victim = shop.stack.part(WORKERS[chance.randrange(2)])
            await victim.kill()
            await victim.start()
    await shop.handled()
    await wait_until(lambda: len(shop.mails()) >= PAIRS, 90, "a mail for each")
    decided = await shop.decisions(cart)
    of_run: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in decided:
        of_run[one.run][f"{one.kind} {one.outcome}".strip()] += 1
    assert len({one.id for one in decided}) == len(decided)
    assert len(of_run) == PAIRS
    expected = Counter({"entered": 1, "moved": 2, "message": 1, "ended bought": 1})
    wrong = {run: dict(kinds) for run, kinds in of_run.items() if kinds != expected}
    assert not wrong, wrong
    assert {one.customer for one in decided if one.kind == "ended"} == {user for _, user in pairs}
    requests = [request.send_id for request in await shop.requests()]
    assert len(requests) == len(set(requests)) == PAIRS
    assert Counter(mail["send_id"] for mail in shop.mails()) == Counter(requests)
    unbroken(await shop.journals())
    answers = await asyncio.gather(*(shop.get(f"customers/{visitor}") for visitor, _ in pairs[:20]))
    assert [(one["id"], len(one["runs"])) for one in answers] == [(user, 1) for _, user in pairs[:20]]


def _signs_in(shop: Shop, buy: str, visitor: str, user: str) -> list[dict[str, object]]:
    """As a browser says it; and what a tab says that has not heard of it."""
    return [
        {"type": "identify", "anonymousId": visitor, "userId": user, "traits": {"email": shop.email(user)}},
        {"type": "track", "userId": user, "event": buy, "messageId": f"{user}/buy"},
        {"type": "track", "anonymousId": visitor, "event": buy, "messageId": f"{user}/buy"},
    ]
