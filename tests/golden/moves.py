"""Entries and why they are refused, keys, re-entry, delays, waits with branches, counts and time-outs, splits with
every operator, exit rules, limits, a loop, a repeated event."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.golden.cast import Cast, enters
from tests.integration.kit import leave, wait_for

HOLDS: dict[str, Any] = {
    "equals": 7, "not_equals": 8, "in": [7, "x"], "not_in": [8], "exists": True, "less_than": 8, "at_most": 7,
    "greater_than": 6, "at_least": 7, "between": [7, 9],
}  # fmt: skip
TEXTS = {"contains": "gold", "not_contains": "lead", "starts_with": "old", "ends_with": "ring"}
WORD = "old gold ring"
LONG = 105
"""Steps, more than a run takes for one input."""


async def play(cast: Cast) -> None:
    async with asyncio.TaskGroup() as playing:
        for part in (entering, keyed, waiting, counting, branching, leaving, limited):
            playing.create_task(part(cast))


async def entering(cast: Cast) -> None:
    shop, ann, bob = cast.shop, cast.who("ann"), cast.who("bob")
    rest = {"rest": {"delay": {"for": "PT1S"}, "next": "done"}, "done": leave("rested")}
    once = await cast.publish("once", rest, entry=[enters(shop.name("once"), "never")])
    after = await cast.publish("after", rest, entry=[enters(shop.name("after"), "after PT1H")])
    anew = await cast.publish("anew", rest, entry=[enters(shop.name("anew"), while_active="restart")])
    where = {"event.amount": {"greater_than": 10}}
    rich = await cast.publish("rich", rest, entry=[{**enters(shop.name("rich")), "where": where}])
    open_later = await cast.publish("later", rest, settings={"starts_at": "2099-01-01T00:00:00+01:00"})
    for event in (once, once, after, anew, anew, open_later):
        await shop.track(ann, event)
    for amount in (10, 11):
        await shop.track(ann, rich, amount=amount)
    same = {"type": "track", "userId": bob, "event": anew, "messageId": f"{bob}/1"}
    await shop.batch([same, same])
    long_ago = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    await shop.post("track", {"userId": bob, "event": once, "timestamp": long_ago})
    await shop.post("page", {"userId": bob, "name": "Prices"})
    for event in (once, after):
        await shop.decided(ann, "ended", journey=event)
        await shop.track(ann, event)
        await shop.decided(ann, "not_entered", journey=event, reason="reentry")
    await shop.batch([same])
    await shop.decided(bob, "ended", journey=anew)


async def keyed(cast: Cast) -> None:
    shop, cleo = cast.shop, cast.who("cleo")
    paid, lost = shop.name("paid"), shop.name("lost")
    branches = [
        {"event": {"name": paid, "key": "order"}, "next": "paid"},
        {"event": {"name": lost, "any_key": True}, "next": "lost"},
    ]
    steps = {"look": {"wait": {"branches": branches}}, "paid": leave("paid"), "lost": leave("lost")}
    order = await cast.publish("order", steps, entry=[enters(shop.name("order"), key="order")])
    await shop.track(cleo, order)
    for number in (1, 2, 2, 3):
        await shop.track(cleo, order, order=f"n{number}")
    await shop.track(cleo, paid, order="n2")
    await shop.decided(cleo, "ended", outcome="paid")
    for number in range(30):
        await shop.track(cleo, order, order=f"m{number}")
    await shop.decided(cleo, "not_entered", reason="limit")
    await shop.track(cleo, lost)
    await shop.decided(cleo, "ended", outcome="lost")


async def waiting(cast: Cast) -> None:
    shop, dora, emil, fay = cast.shop, cast.who("dora"), cast.who("emil"), cast.who("fay")
    click, buy = shop.name("click"), shop.name("buy")
    branches = [
        {"name": "bought", "event": {"name": buy}, "where": {"event.amount": {"at_least": 5}}, "next": "month"},
        {"name": "keen", "event": {"name": click}, "count": 3, "next": "keen"},
        {"name": "gold", "condition": {"customer.plan": {"equals": "gold"}}, "next": "gold"},
    ]
    steps = {
        "look": {"wait": {"branches": branches, "timeout": {"after": "PT6S", "next": "late"}}},
        "month": {"delay": {"for": "P1M2DT3H"}, "next": "done"},
        "keen": wait_for(click, "done", "PT1S", "late"),
        "gold": leave("gold"), "late": leave("late"), "done": leave("done"),
    }  # fmt: skip
    look = await cast.publish("look", steps)
    gil = cast.who("gil")
    await shop.identify(dora, timezone="America/New_York")
    for who in (dora, emil, fay, gil):
        await shop.track(who, look)
    for amount in (4, 6):
        await shop.track(dora, buy, amount=amount)
    for _ in range(3):
        await shop.track(emil, click)
    await shop.identify(fay, plan="gold")
    await shop.decided(fay, "ended", outcome="gold")
    for who in (emil, gil):
        await shop.decided(who, "ended", outcome="late")


async def counting(cast: Cast) -> None:
    """Events that only count, beside another run of the same customer; a count that is full, and one that time ends."""
    shop, nia, ole = cast.shop, cast.who("nia"), cast.who("ole")
    visit, look = shop.name("visit"), shop.name("glance")
    branches = [{"event": {"name": visit}, "count": 4, "next": "often"},
                {"event": {"name": look}, "count": 3, "next": "seen"}]  # fmt: skip
    steps = {"look": {"wait": {"branches": branches, "timeout": {"after": "PT5S", "next": "rarely"}}},
             "often": leave("often"), "seen": leave("seen"), "rarely": leave("rarely")}  # fmt: skip
    visits = await cast.publish("visits", steps)
    rest = {"rest": {"delay": {"for": "PT2S"}, "next": "done"}, "done": leave("rested")}
    beside = await cast.publish("beside", rest)
    for who in (nia, ole):
        await shop.track(who, visits)
        await shop.track(who, beside)
        for event in (visit, look, visit):
            await shop.track(who, event)
    await shop.decided(nia, "ended", outcome="rested")
    for _ in range(2):
        await shop.track(nia, visit)
    await shop.decided(nia, "ended", outcome="often")
    await shop.decided(ole, "ended", outcome="rarely")


async def branching(cast: Cast) -> None:
    shop, hal, ida = cast.shop, cast.who("hal"), cast.who("ida")
    names = [*HOLDS, *TEXTS, "not_exists", "nodes", "done"]
    tests: list[dict[str, Any]] = [{"entry.n": {name: value}} for name, value in HOLDS.items()]
    tests += [{"customer.word": {name: value}} for name, value in TEXTS.items()]
    tests += [{"entry.nothing": {"not_exists": True}}]
    tests += [{"all": [{"entry.n": {"equals": 7}}, {"any": [{"customer.id": {"exists": True}}]}], "none": tests[1:2]}]
    steps: dict[str, Any] = {
        name: {"split": {"branches": [{"condition": test, "next": following}], "else": "done"}}
        for name, test, following in zip(names, tests, names[1:], strict=False)
    }
    split = await cast.publish("split", {**steps, "done": leave("done")})
    chain = {
        f"s{n}": {
            "split": {"branches": [{"condition": {"entry.n": {"exists": True}}, "next": f"s{n + 1}"}], "else": "end"}
        }
        for n in range(LONG)
    }
    chained = await cast.publish("chain", {**chain, f"s{LONG}": leave("far"), "end": leave("near")})
    await shop.identify(hal, word=WORD, list=[1, "gold", None], deep={"a": {"b": 1.5}})
    await shop.identify(ida, word=["gold", True])
    for who in (hal, ida):
        await shop.track(who, split, n=7, text="ä 漢字 \u2028", nothing=None, big=2**53, tiny=1e-9)
        await shop.track(who, chained, n=1)
        await shop.decided(who, "ended", outcome="far")


async def leaving(cast: Cast) -> None:
    shop, jan, kim, lea = cast.shop, cast.who("jan"), cast.who("kim"), cast.who("lea")
    refund = shop.name("refund")
    rules = [
        {"event": {"name": refund}, "where": {"event.amount": {"greater_than": 10}}, "outcome": "refunded"},
        {"condition": {"customer.vip": {"equals": True}}, "outcome": "vip"},
    ]
    steps = {"rest": {"delay": {"for": "P30D"}, "next": "done"}, "done": leave("patient")}
    out = await cast.publish("out", steps, exit=rules)
    turn = {"split": {"branches": [{"condition": {"customer.vip": {"exists": True}}, "next": "see"}], "else": "see"}}
    see = {"wait": {"branches": [{"condition": {"customer.vip": {"equals": True}}, "next": "turn"}]}}
    loop = await cast.publish("loop", {"see": see, "turn": turn})
    for who in (jan, kim, lea):
        await shop.track(who, out)
    await shop.track(lea, loop)
    for who in (jan, kim):
        await shop.track(who, refund, amount=11 if who == jan else 10)
    await shop.identify(lea, vip=True)
    await shop.decided(jan, "ended", outcome="refunded")
    await shop.decided(lea, "ended", outcome="vip")
    await shop.decided(lea, "ended", reason="loop")
    await shop.track(lea, out)
    await shop.decided(lea, "not_entered", reason="already_out")


async def limited(cast: Cast) -> None:
    shop, mia = cast.shop, cast.who("mia")
    more = shop.name("more")
    steps = {"look": wait_for(more, "next", "PT9S", "late"), "next": wait_for(more, "done", "PT9S", "late"),
             "late": leave("late"), "done": leave("done")}  # fmt: skip
    large = await cast.publish("large", steps)
    await shop.track(mia, large, text="x" * 20_000)
    await shop.track(mia, more, text="y" * 20_000)
    await shop.decided(mia, "limit")
    await shop.track(mia, more)
    await shop.decided(mia, "ended", outcome="done")
