"""Customers who are deleted and are there again at once, as somebody new: one in a run, one whom nobody ever
identified, and one with an alias."""

from __future__ import annotations

from tests.golden.cast import ALWAYS, Cast, enters
from tests.integration.kit import leave, wait_for, wait_until


async def play(cast: Cast) -> None:
    shop = cast.shop
    buy = shop.name("buy")
    steps = {"look": wait_for(buy, "bought", "PT10M", "left"), "bought": leave("bought"), "left": leave("left")}
    cart = await cast.publish("cart", steps, entry=[enters(shop.name("cart"), ALWAYS)])
    user, visitor, stranger = cast.who("user-"), cast.who("visitor-"), cast.who("stranger-")
    await shop.identify(user, plan="pro")
    await shop.batch([{"type": "track", "anonymousId": visitor, "event": cart}])
    await shop.decided(visitor, "entered")
    await shop.batch([{"type": "identify", "anonymousId": visitor, "userId": user}])
    await shop.batch([{"type": "track", "anonymousId": stranger, "event": cart}])
    await shop.decided(stranger, "entered")
    everybody = (user, visitor, stranger)
    for bought in (False, True):
        await shop.handled()
        for who in (user, stranger):
            await wait_until(lambda who=who: _shown(cast, who), what=f"the row of {who}")
            answer = await shop.http.delete(f"/api/customers/{who}")
            assert answer.status_code == 204, answer.text
        for who in everybody:
            await shop.batch([{"type": "track", "anonymousId": who, "event": cart}])
        for who in everybody:
            await shop.decided(who, "entered")
            await shop.batch([{"type": "track", "anonymousId": who, "event": buy if bought else "looked"}])
    for who in everybody:
        await shop.decided(who, "ended", outcome="bought")


async def _shown(cast: Cast, who: str) -> bool:
    return (await cast.shop.http.get(f"/api/customers/{who}")).status_code == 200
