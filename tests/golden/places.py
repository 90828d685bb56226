"""A fixed number of places: those who get one, those who do not, another publish with more of them, and a quota that
lives in another lane."""

from __future__ import annotations

from laudstream.ids import partition_of
from laudstream.journey.handoff import quota_key
from tests.golden.cast import Cast, enters
from tests.integration.kit import leave, wait_for, wait_until

PEOPLE = 12


async def play(cast: Cast) -> None:
    await here(cast)
    await elsewhere(cast)


def _named(cast: Cast, word: str, *, here: bool) -> str:
    """A journey whose quota lives in this lane, or not."""
    shop = cast.shop
    for number in range(1_000):
        key = quota_key(shop.workspace, shop.name(f"{word}{number}")).encode()
        if (partition_of(key, shop.settings.partitions) == cast.partition) == here:
            return f"{word}{number}"
    raise AssertionError(word)


async def here(cast: Cast) -> None:
    shop, word = cast.shop, _named(cast, "sale", here=True)
    buy = shop.name("sold")
    steps = {"look": wait_for(buy, "bought", "PT4S", "left"), "bought": leave("bought"), "left": leave("left")}
    sale = await cast.publish(word, steps, max_entries=5)
    people = [cast.who(f"place{n}-") for n in range(PEOPLE)]
    await shop.batch({"type": "track", "userId": who, "event": sale} for who in people)
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in people)
    await _answered(cast, sale, PEOPLE)
    await cast.publish(word, steps, max_entries=7, entry=[enters(sale, while_active="restart")])
    for who in people:
        await shop.track(who, sale)
    await _answered(cast, sale, 2 * PEOPLE)
    strangers = [who for who in map(shop.name, ("s1", "s2", "s3")) if shop.partition(who) != cast.partition]
    for who in strangers:
        await shop.track(who, sale)
    await _answered(cast, sale, 2 * PEOPLE + len(strangers))


async def elsewhere(cast: Cast) -> None:
    shop, word = cast.shop, _named(cast, "fair", here=False)
    steps = {"rest": {"delay": {"for": "PT1S"}, "next": "done"}, "done": leave("done")}
    fair = await cast.publish(word, steps, max_entries=3)
    people = [cast.who(f"fair{n}-") for n in range(PEOPLE)]
    await shop.batch({"type": "track", "userId": who, "event": fair} for who in people)
    await _answered(cast, fair, PEOPLE)


async def _answered(cast: Cast, journey: str, wanted: int) -> None:
    async def done() -> bool:
        made = await cast.shop.decisions(journey)
        return sum(one.kind in ("entered", "not_entered") for one in made) >= wanted

    await wait_until(done, what=f"{wanted} answers for {journey}")
