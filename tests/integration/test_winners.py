"""A winner with `hold_rest` over all lanes, with exact counts (A11, R45), and a signal that reaches them all (R34)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from laudstream.ids import share
from tests.integration.kit import WORKERS, Shop, exactly_once, leave, restarted, wait_for, wait_until

pytestmark = pytest.mark.integration

MINIMUM, CUSTOMERS = 15, 200
SIGNALLED = 60


def steps(shop: Shop, **winner: Any) -> dict[str, Any]:
    settings = {"metric": "goal", "minimum": MINIMUM, "hold_rest": True, **winner}
    return {
        "test": {"experiment": {"arms": {"a": 50, "b": 50}, "winner": settings}, "next": {"a": "look", "b": "other"}},
        "look": wait_for(shop.name("never"), "a", "PT10M", "a"),
        "other": wait_for(shop.name("never"), "b", "PT10M", "b"),
        "a": leave("a"),
        "b": leave("b"),
    }


async def branches(shop: Shop, journey: str) -> dict[str, str]:
    found = [d for d in await shop.decisions(journey) if d.kind == "moved" and d.step == "test"]
    assert len({d.run for d in found}) == len(found)
    return {d.customer: d.branch for d in found}


async def test_exactly_the_first_of_each_arm_are_assigned_and_the_rest_goes_with_the_winner_r45(shop: Shop) -> None:
    letter, buy = shop.name("letter"), shop.name("buy")
    goal = {"event": {"name": buy}, "within": "P1D"}
    await shop.publish(letter, steps(shop), goal=goal)
    customers = [shop.name(f"c{n}") for n in range(CUSTOMERS)]
    mine = {who: "a" if share(shop.workspace, f"{letter}/test", who) < 5_000 else "b" for who in customers}
    await shop.batch({"type": "track", "userId": who, "event": letter} for who in customers)

    async def assigned() -> bool:
        return len(await branches(shop, letter)) >= 2 * MINIMUM

    await wait_until(assigned, what="the first of each arm")
    await shop.handled()
    await restarted(shop.stack, *WORKERS)  # who waits, and how many places are taken, is state like any other
    late = [shop.name(f"late{n}") for n in range(20)]
    await shop.batch({"type": "track", "userId": who, "event": letter} for who in late)
    await shop.handled()
    first = await branches(shop, letter)
    assert Counter(first.values()) == {"a": MINIMUM, "b": MINIMUM}
    assert all(mine[who] == arm for who, arm in first.items())

    async def counted() -> Any:
        (each,) = (await shop.get(f"journeys/{letter}/experiments"))["experiments"]
        waiting = each["waiting"] == CUSTOMERS + len(late) - 2 * MINIMUM
        return each if waiting and all(arm["customers"] == MINIMUM for arm in each["arms"]) else None

    assert (await wait_until(counted, what="the counts of the projector"))["winner"] is None
    buyers = [who for who, arm in first.items() if arm == "b"]
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in buyers)  # b leads clearly

    async def all_assigned() -> bool:
        return len(await branches(shop, letter)) == CUSTOMERS + len(late)

    await wait_until(all_assigned, 60, "the winner, and everyone on the way")
    found = await branches(shop, letter)
    assert {who: found[who] for who in first} == first
    assert {found[who] for who in found.keys() - first.keys()} == {"b"}
    assert {shop.partition(who) for who in found} == set(range(shop.settings.partitions))
    exactly_once(await shop.decisions())
    (each,) = (await shop.get(f"journeys/{letter}/experiments"))["experiments"]
    assert (each["winner"]["arm"], each["winner"]["by"]) == ("b", "lead")


async def test_a_person_chooses_the_winner_and_the_rest_goes_on_r45(shop: Shop) -> None:
    letter = shop.name("manual")
    await shop.publish(letter, steps(shop, minimum=1, metric="goal"), goal={"event": {"name": "x"}, "within": "P1D"})
    customers = [shop.name(f"m{n}") for n in range(20)]
    await shop.batch({"type": "track", "userId": who, "event": letter} for who in customers)
    await shop.handled()

    async def assigned() -> bool:
        return len(await branches(shop, letter)) == 2

    await wait_until(assigned, what="one of each arm")
    answer = await shop.http.put(
        f"/api/journeys/{letter}/experiments/test/winner", json={"arm": "a"}, params={"wait": 25}
    )
    assert answer.json() == {"experiment": f"{letter}/test", "arm": "a", "seen": True}

    async def gone() -> bool:
        return len(await branches(shop, letter)) == len(customers)

    await wait_until(gone, what="everyone on the way")
    assert Counter((await branches(shop, letter)).values()) == {"a": len(customers) - 1, "b": 1}


async def test_a_signal_enters_everyone_who_was_there_once_r34(shop: Shop) -> None:
    sale, name = shop.name("sale"), shop.name("price_dropped")
    where = {"customer.city": {"equals": sale}, "entry.percent": {"at_least": 10}}
    entry = [{"audience": {"signal": name}, "where": where}]
    end = {"look": wait_for(shop.name("never"), "out", "PT10M", "out"), "out": leave("out")}
    await shop.publish(sale, end, entry=entry)
    there = [shop.name(f"s{n}") for n in range(SIGNALLED)]
    await shop.batch({"type": "identify", "userId": who, "traits": {"city": sale}} for who in there)
    await shop.handled()
    await shop.post("signal", {"event": name, "properties": {"percent": 5}})
    for _ in range(2):
        await shop.post("signal", {"event": name, "properties": {"percent": 20}, "messageId": sale})

    async def all_in() -> bool:
        return len([d for d in await shop.decisions(sale) if d.kind == "entered"]) == SIGNALLED

    await wait_until(all_in, 60, "everyone who was there")
    await restarted(shop.stack, *WORKERS)
    await shop.identify(shop.name("new"), city=sale)  # came later
    await shop.handled()
    found = await shop.decisions(sale)
    exactly_once(await shop.decisions())
    assert Counter(d.kind for d in found) == {"entered": SIGNALLED}
    assert all(d.data == {"signal": name, "percent": 20} for d in found)
    assert {shop.partition(d.customer) for d in found} == set(range(shop.settings.partitions))
