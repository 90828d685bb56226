"""Customers as PostgreSQL has them: first sight, rows by CDC and inside an identify, changes that move runs, deletion
in the middle of a run, and another life of the same id."""

from __future__ import annotations

import asyncio
from typing import Any

from laudstream import topics
from tests.golden.cast import Cast
from tests.integration.kit import leave, mail_template, message, wait_for, wait_until


async def play(cast: Cast) -> None:
    async with asyncio.TaskGroup() as playing:
        for part in (first_sight, changed, deleted, trade):
            playing.create_task(part(cast))


async def first_sight(cast: Cast) -> None:
    shop, who = cast.shop, cast.who("stranger")
    await shop.track(who, shop.name("anything"))
    await cast.came(who)
    await cast.row(who, plan="gold", seen=[1, {"x": None}])
    await cast.came(who, "gold")


async def changed(cast: Cast) -> None:
    shop, ann, bob = cast.shop, cast.who("row-ann"), cast.who("row-bob")
    gold = {"customer.plan": {"equals": "gold"}}
    split = {"split": {"branches": [{"condition": gold, "next": "gold"}], "else": "wait"}}
    wait = {"wait": {"branches": [{"condition": gold, "next": "gold"}]}}
    plan = await cast.publish("plan", {"look": split, "wait": wait, "gold": leave("gold")})
    await cast.row(ann, plan="gold")
    await cast.row(bob, plan="base")
    await cast.came(ann, bob)
    for who in (ann, bob):
        await shop.track(who, plan)
    await shop.decided(bob, "moved", to="wait")
    await cast.row(bob, plan="gold", email=shop.email(bob))
    for who in (ann, bob):
        await shop.decided(who, "ended", outcome="gold")
    await shop.identify(bob, city="Ulm")


async def deleted(cast: Cast) -> None:
    shop, who = cast.shop, cast.who("row-cy")
    rest = await cast.publish("rest", {"rest": {"delay": {"for": "P30D"}, "next": "done"}, "done": leave("done")})
    await shop.identify(who, plan="gold")
    await shop.track(who, rest, n=1)
    await shop.decided(who, "entered")
    await cast.sql("DELETE FROM customers WHERE workspace_id = $1 AND customer_id = $2", who)

    async def gone() -> Any:
        ended = [one for one in await shop.decisions(rest) if one.customer == who and one.kind == "ended"]
        return [one for one in ended if one.reason == "deleted"]

    await wait_until(gone, what="the run ended as deleted")
    await shop.track(who, rest, n=2)
    await shop.identify(who, plan="base")
    await shop.handled(topics.ROWS, topics.EVENTS)


async def trade(cast: Cast) -> None:
    """Forty customers, some of whom buy twice."""
    shop = cast.shop
    welcome, thanks = shop.name("welcome"), shop.name("thanks")
    for id in (welcome, thanks):
        await shop.template(id, mail_template("{{ customer.first_name | default: 'music lover' }} {{ entry.cds }}"))
    buy = shop.name("trade")
    arms = {"experiment": {"arms": {"patient": 62.5, "eager": 37.5}}, "next": {"patient": "look", "eager": "soon"}}
    steps = {
        "welcome": message(welcome, "arms"), "arms": arms, "look": wait_for(buy, "thank", "PT8S", "late"),
        "soon": wait_for(buy, "thank", "PT2S", "late"), "thank": message(thanks, "done"),
        "late": leave("late"), "done": leave("thanked"),
    }  # fmt: skip
    entry = [{"event": {"name": buy}, "reentry": "after PT3S"}]
    big = {"event": {"name": buy}, "where": {"event.amount": {"greater_than": 100}}, "outcome": "big-spender"}
    await cast.publish("trade", steps, entry=entry, exit=[big])
    people = [cast.who(f"p{n}-") for n in range(40)]
    await shop.batch({"type": "identify", "userId": who, "traits": {"email": shop.email(who)}} for who in people[:30])
    for buyers, amount in ((people, 9.99), (people[:20], 30), (people[15:18], 101.5)):
        await shop.batch(
            {"type": "track", "userId": who, "event": buy, "properties": {"amount": amount, "cds": 2}} for who in buyers
        )
        await shop.handled()
    for who in people:
        await shop.decided(who, "ended")
