"""Visitors who turn out to be customers: their runs, messages and kept events go along, what comes for them later
follows, the younger of two runs ends, and at last all of them are deleted."""

from __future__ import annotations

from tests.golden.cast import ALWAYS, Cast, enters
from tests.integration.kit import leave, mail_template, message, wait_for, wait_until


async def play(cast: Cast) -> None:
    shop = cast.shop
    template, buy = shop.name("remember"), shop.name("buy")
    await shop.template(template, mail_template("Remember"))
    often = {"condition": {"event": {"name": buy, "at_least": 2}}}
    answer = await shop.http.put(f"/api/segments/{shop.name('often')}", json=often, params={"wait": 25})
    assert answer.status_code == 200, answer.text
    steps = {
        "hi": message(template, "look"),
        "look": wait_for(buy, "bought", "PT10M", "left"), "bought": leave("bought"), "left": leave("left"),
    }  # fmt: skip
    settings = {"caps": [{"limit": 2, "per": "P1D"}]}
    cart = await cast.publish("cart", steps, entry=[enters(shop.name("cart"), ALWAYS)], settings=settings)
    user, visitor, other = cast.who("user-"), cast.who("visitor-"), cast.who("other-")
    await shop.identify(user, plan="pro")
    for anonymous in (visitor, other):
        await shop.post(
            "identify", {"anonymousId": anonymous, "traits": {"email": shop.email(anonymous), "city": "Bonn"}}
        )
        await shop.batch([{"type": "track", "anonymousId": anonymous, "event": cart}])
        await shop.decided(anonymous, "moved")
    await cast.consent(visitor, "subscribed")
    await shop.batch([{"type": "track", "anonymousId": visitor, "event": buy}])
    await shop.decided(visitor, "ended")
    await shop.batch([{"type": "track", "anonymousId": visitor, "event": cart}])
    await shop.batch([
        {"type": "identify", "anonymousId": visitor, "userId": user},
        {"type": "track", "userId": user, "event": cart},
    ])  # fmt: skip
    await _taken_in(cast, user, visitor)
    await shop.post("alias", {"previousId": other, "userId": user})
    await _taken_in(cast, user, other)
    await shop.batch([{"type": "track", "anonymousId": other, "event": buy}])
    await shop.decided(user, "segment")
    await shop.handled()
    answer = await shop.http.delete(f"/api/customers/{user}")
    assert answer.status_code == 204, answer.text
    await shop.batch([{"type": "track", "anonymousId": visitor, "event": cart}])
    await shop.decided(visitor, "entered")


async def _taken_in(cast: Cast, user: str, alias: str) -> None:
    async def done() -> bool:
        made = await cast.shop.timeline(user)
        return any(one["data"].get("from") == alias for one in made if one["kind"] == "merged")

    await wait_until(done, 90, what=f"the merge of {alias}")
