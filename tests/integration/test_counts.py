"""What was counted stays counted when the customer is deleted, and is the same number on every screen."""

from __future__ import annotations

import pytest

from tests.integration.kit import Shop, leave, mail_template, message, wait_until

pytestmark = pytest.mark.integration


async def test_messages_sent_are_the_same_number_everywhere_also_after_a_deletion(shop: Shop) -> None:
    journey, hello = shop.name("welcome"), shop.name("hello")
    ann, bob = shop.name("ann"), shop.name("bob")
    await shop.template(hello, mail_template("Hello"))
    await shop.publish(journey, {"hi": message(hello, "done"), "done": leave("mailed")})

    async def told() -> list[int]:
        """Messages sent by the journey: as its page says it, as the list does, and the overview beside the others."""
        stats = await shop.get(f"journeys/{journey}/stats")
        lines = {line["id"]: line for line in (await shop.get("journeys"))["journeys"]}
        others = sum(line["sent"] for id, line in lines.items() if id != journey)
        overview = await shop.get("overview")
        return [stats["steps"].get("hi", {}).get("sent", 0), lines[journey]["sent"], overview["messages_sent"] - others]

    assert await told() == [0, 0, 0]
    for who in (ann, bob):
        await shop.identify(who)
        await shop.track(who, journey)
        await shop.mail(who)

    async def counted() -> bool:
        return await told() == [2, 2, 2]

    await wait_until(counted, what="two messages counted")
    answer = await shop.http.delete(f"/api/customers/{ann}")
    assert answer.status_code == 204, answer.text
    listed = (await shop.get("messages", journey=journey))["messages"]
    assert [line["customer"] for line in listed] == [bob]
    assert await told() == [2, 2, 2]
