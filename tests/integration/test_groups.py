"""Groups on the real stack: journeys and segments read `group.*` as any attribute (A18, R25)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.kit import PUBLISH_WAIT_S, Shop, leave, wait_until

pytestmark = pytest.mark.integration

MEMBERS = 300


async def group(shop: Shop, customer: str, id: str, **traits: Any) -> None:
    await shop.post("group", {"userId": customer, "groupId": id, "traits": traits})


async def test_a17_an_event_right_after_a_group_call_sees_the_traits(shop: Shop) -> None:
    buy, acme = shop.name("buy"), shop.name("acme")
    of = {"branches": [{"name": "big", "condition": {"group.plan": {"equals": "pro"}}, "next": "big"}], "else": "small"}
    await shop.publish(buy, {"look": {"split": of}, "big": leave("big"), "small": leave("small")})
    for plan, outcome in (("pro", "big"), ("free", "small"), (None, "small")):
        who = shop.name(f"ann-{plan}")
        if plan is not None:
            await group(shop, who, acme, plan=plan)
        await shop.track(who, buy)
        ended = await shop.decided(who, "ended", journey=buy)
        assert ended["outcome"] == outcome


async def test_a_change_of_traits_takes_all_members_into_a_segment_and_a_deletion_out_of_it(shop: Shop) -> None:
    pro, acme = shop.name("pro"), shop.name("acme")
    condition = {"group.plan": {"equals": "pro"}, "group.id": {"equals": acme}}
    answer = await shop.http.put(f"/api/segments/{pro}", json={"condition": condition}, params={"wait": PUBLISH_WAIT_S})
    assert answer.status_code == 200, answer.text
    who = [shop.name(f"c{n}") for n in range(MEMBERS)]
    await shop.batch({"type": "group", "userId": each, "groupId": acme, "traits": {"plan": "free"}} for each in who)
    await shop.handled()

    async def members(count: int) -> bool:
        return bool((await shop.get(f"segments/{pro}/customers", limit=1))["count"] == count)

    assert await members(0)
    await group(shop, who[7], acme, plan="pro")
    await wait_until(lambda: members(MEMBERS), 60, "all members are in the segment")
    assert (await shop.get(f"groups/{acme}", limit=1))["behind"] == 0
    assert (await shop.http.delete(f"/api/groups/{acme}")).status_code == 204
    await wait_until(lambda: members(0), 60, "nobody is in the segment")
    assert (await shop.get(f"customers/{who[0]}"))["attributes"] == {}
