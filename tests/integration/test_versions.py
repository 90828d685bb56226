"""From one version to the next on the real stack: a map moves who waits, a trial takes its share (R48)."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import sqrt
from typing import Any

import pytest

from tests.integration.kit import PUBLISH_WAIT_S, WORKERS, Shop, exactly_once, leave, restarted, wait_for, wait_until

pytestmark = pytest.mark.integration

CUSTOMERS, PAID = 600, 90
"""More than a sweep looks at in a round, in each lane; and those of them who have gone on by one step."""


async def ask(shop: Shop, journey: str, action: str, body: Any = None, **params: Any) -> dict[str, Any]:
    response = await shop.http.post(
        f"/api/journeys/{journey}/{action}", json=body, params={"wait": PUBLISH_WAIT_S, **params}
    )
    assert response.status_code == 200, response.text
    return dict(response.json())


async def people(shop: Shop, journey: str, moves: dict[str, str]) -> dict[tuple[int, str, str], int]:
    found = await ask(shop, journey, "dry-run", {"migrate": moves})
    assert (found["done"], found["lanes"]) == (True, shop.settings.partitions)
    assert all(cell["people"] == cell["runs"] for cell in found["cells"])
    return {(cell["version"], cell["step"], cell["to"]): cell["runs"] for cell in found["cells"]}


async def test_a_map_moves_whoever_waits_while_workers_restart_and_does_what_the_dry_run_said_r48(shop: Shop) -> None:
    cart, pay, buy = shop.name("cart"), shop.name("pay"), shop.name("buy")
    first = {"look": wait_for(pay, "rest", "P1D", "late"), "rest": wait_for(buy, "bought", "P1D", "late"),
             "bought": leave("bought"), "late": leave("late")}  # fmt: skip
    await shop.publish(cart, first)
    customers = [shop.name(f"v{n}") for n in range(CUSTOMERS)]
    await shop.batch({"type": "track", "userId": who, "event": cart} for who in customers)
    await shop.batch({"type": "track", "userId": who, "event": pay} for who in customers[:PAID])
    await shop.handled()

    moves = {"look": "again", "rest": "exit"}
    counted = await people(shop, cart, moves)
    assert counted == {(1, "look", "again"): CUSTOMERS - PAID, (1, "rest", "exit"): PAID}

    second = {"new": wait_for(buy, "bought", "P1D", "late"), "again": wait_for(buy, "bought", "P1D", "late"),
              "bought": leave("bought"), "late": leave("late")}  # fmt: skip
    second["new"]["wait"]["branches"].append({"event": {"name": pay}, "next": "again"})
    await shop.save(cart, second, migrate=moves)
    publishing = asyncio.create_task(shop.act(cart, "publish"))
    restarting = asyncio.create_task(restarted(shop.stack, *WORKERS))
    fresh = shop.name("fresh")
    await asyncio.gather(publishing, restarting)
    await shop.track(fresh, cart)

    async def swept() -> bool:
        made = await shop.decisions(cart)
        return sum(d.kind == "migrated" or d.reason == "migrated" for d in made) >= CUSTOMERS

    await wait_until(swept, 60, "everybody was moved")
    await shop.decided(fresh, "entered", version=2)
    assert await people(shop, cart, {}) == {(2, "again", "stay"): CUSTOMERS - PAID, (2, "new", "stay"): 1}
    made = await shop.decisions(cart)
    exactly_once(made)
    done = Counter((d.data["of"], d.step, d.to) for d in made if d.kind == "migrated")
    done += Counter((d.version, d.step, "exit") for d in made if d.reason == "migrated")
    assert done == counted
    assert {shop.partition(d.customer) for d in made if d.kind == "migrated"} == set(range(shop.settings.partitions))

    await shop.track(customers[-1], buy)  # version 2 hears it where version 1 did not
    assert (await shop.decided(customers[-1], "ended"))["outcome"] == "bought"

    async def projected() -> bool:
        lines = (await shop.get(f"journeys/{cart}/versions"))["versions"]
        return [(line["version"], line["runs"]) for line in lines] == [(2, CUSTOMERS - PAID), (1, 0)]

    await wait_until(projected, what="the history says who is where")
    stats = await shop.get(f"journeys/{cart}/stats", version=1)
    assert (stats["active"], stats["moved_out"]) == (0, CUSTOMERS - PAID)
    assert (stats["steps"]["look"]["here"], stats["steps"]["rest"]["here"]) == (0, 0)


async def test_a_trial_takes_its_share_and_the_same_customers_again_until_it_is_promoted_r48(shop: Shop) -> None:
    offer, done = shop.name("offer"), shop.name("done")
    steps = {"look": wait_for(done, "out", "P1D", "out"), "out": leave("out")}
    entry = [{"event": {"name": offer}, "reentry": "always"}]
    await shop.publish(offer, steps, entry=entry)
    await shop.save(offer, {**steps, "out": leave("better")}, entry=entry)
    assert (await ask(shop, offer, "publish", share=30))["seen"]
    customers = [shop.name(f"t{n}") for n in range(CUSTOMERS)]

    async def round_of(times: int) -> dict[str, int]:
        for event in (offer, done):
            await shop.batch({"type": "track", "userId": who, "event": event} for who in customers)

        async def ended() -> bool:
            return sum(d.kind == "ended" for d in await shop.decisions(offer)) >= times * CUSTOMERS

        await wait_until(ended, 60, "all have been through")
        return {d.customer: d.version for d in await shop.decisions(offer) if d.kind == "entered"}

    first = await round_of(1)
    got = sum(version == 2 for version in first.values())
    assert abs(got - 0.3 * CUSTOMERS) <= 4 * sqrt(CUSTOMERS * 0.3 * 0.7), got
    assert await round_of(2) == first
    assert (await ask(shop, offer, "publish", share=60))["seen"]
    third = await round_of(3)
    assert {who for who, version in first.items() if version == 2} < {who for who, v in third.items() if v == 2}
    assert (await ask(shop, offer, "promote"))["version"] == 2
    assert set((await round_of(4)).values()) == {2}
    exactly_once(await shop.decisions(offer))


async def test_who_drains_takes_nobody_and_comes_back_r49(shop: Shop) -> None:
    id, done = shop.name("dry"), shop.name("dried")
    ann, bob = shop.name("ann"), shop.name("bob")
    await shop.publish(id, {"look": wait_for(done, "out", "P1D", "out"), "out": leave("out")})
    await shop.track(ann, id)
    await shop.act(id, "drain")
    await shop.track(bob, id)
    assert (await shop.decided(bob, "not_entered"))["reason"] == "draining"
    await shop.track(ann, done)
    assert (await shop.decided(ann, "ended"))["outcome"] == "out"
    assert (await shop.act(id, "resume"))["status"] == "live"
    await shop.track(bob, id)
    await shop.decided(bob, "entered")
