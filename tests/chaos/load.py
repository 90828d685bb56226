"""What customers do during a schedule: planned from the seed, posted through the API with retries."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, NamedTuple

from laudstream.cli.stream import Numbered, Stream
from laudstream.settings import Settings
from tests.integration.kit import Shop, call, leave, mail_template, message, wait_for

CUSTOMERS_A_S = 22
WAIT_S, DELAY_S = 6, 5
PLACES = 60
TICK_S = 0.5
"""Events are posted in the order of the plan, all that are due at a tick together."""
PATIENCE_S = 150.0
BATCH = 25
FLIGHT = 600  # events at a time: what piled up while the API was away


class Names(NamedTuple):
    """Journeys have the names of the events that start them."""

    buy: str
    """Mail, then a wait for `paid`."""
    cart: str
    """A delay that `order` ends."""
    probe: str
    """Ends at once, again and again."""
    paid: str
    order: str
    welcome: str
    """A template."""
    place: str
    """Takes PLACES of those who want one, wherever they are: lanes ask one another."""
    tell: str
    """A webhook."""
    hook: str
    """A template."""

    @classmethod
    def of(cls, shop: Shop) -> Names:
        return cls(*map(shop.name, cls._fields))


class Planned(NamedTuple):
    at_s: float
    item: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.item["messageId"])


async def publish(shop: Shop, names: Names) -> None:
    """The journeys."""
    await shop.template(names.welcome, mail_template("Welcome"))
    await shop.publish(
        names.buy,
        {
            "greet": message(names.welcome, "look"),
            "look": wait_for(names.paid, "thank", f"PT{WAIT_S}S", "late"),
            "thank": leave("paid"),
            "late": leave("late"),
        },
    )
    await shop.publish(
        names.cart,
        {"later": {"delay": {"for": f"PT{DELAY_S}S"}, "next": "done"}, "done": leave("patient")},
        exit=[{"event": {"name": names.order}, "outcome": "bought"}],
    )
    await shop.publish(names.place, {"in": leave("in")}, max_entries=PLACES)
    await shop.template(names.hook, shop.hook())
    await shop.publish(names.tell, {"call": call(names.hook, "told"), "told": leave("told")})
    again = [{"event": {"name": names.probe}, "reentry": "always"}]
    await shop.publish(names.probe, {"done": leave("done")}, entry=again)


def plan(seed: int, shop: Shop, seconds: float) -> list[Planned]:
    """Each customer: identify, both entries, and some of: paid, order, another buy, another identify, repeats,
    place, tell.

    In the order of the instants; what a customer does at one instant stands in its order.
    """
    chance, other, names = random.Random(f"load {seed}"), random.Random(f"places {seed}"), Names.of(shop)
    third = random.Random(f"webhooks {seed}")
    found: list[Planned] = []
    for number in range(int(seconds * CUSTOMERS_A_S)):
        who, at = shop.name(f"c{number}"), chance.uniform(0, seconds)
        own = [
            Planned(at, _identify(shop, who, 1)),
            Planned(at, _track(who, names.buy, "buy")),
            Planned(at, _track(who, names.cart, "cart")),
        ]
        for share, item in (
            (0.6, _track(who, names.paid, "paid")),
            (0.6, _track(who, names.order, "order")),
            (0.2, _track(who, names.buy, "buy again")),
            (0.3, _identify(shop, who, 2)),
        ):
            if chance.random() < share:
                own.append(Planned(at + chance.uniform(0.2, 9), item))
        own += [again._replace(at_s=again.at_s + chance.uniform(0, 5)) for again in own if chance.random() < 0.1]
        if other.random() < 0.4:
            own.append(Planned(at + other.uniform(0, 9), _track(who, names.place, "place")))
        if third.random() < 0.3:
            own.append(Planned(at + third.uniform(0, 9), _track(who, names.tell, "tell")))
        found += own
    return sorted(found, key=lambda planned: planned.at_s)


def _identify(shop: Shop, who: str, look: int) -> dict[str, Any]:
    traits = {"email": shop.email(who), "look": look}
    return {"type": "identify", "userId": who, "traits": traits, "messageId": f"{who}/identify {look}"}


def _track(who: str, event: str, word: str) -> dict[str, Any]:
    return {"type": "track", "userId": who, "event": event, "messageId": f"{who}/{word}"}


async def post(settings: Settings, planned: list[Planned], begun: float) -> int:
    """Post the plan by the clock (time.monotonic) from `begun`; returns how many the API took. While the API is
    away what is due piles up."""
    accepted = at = 0
    while at < len(planned):
        elapsed = time.monotonic() - begun
        due = [each for each in planned[at : at + FLIGHT] if each.at_s <= elapsed]
        if due:
            events = (Numbered(at + n, each.item) for n, each in enumerate(due))
            answer = await Stream(settings, batch_events=BATCH, patience_s=PATIENCE_S).send(events)
            assert not answer.rejected, answer.rejected[:3]
            accepted += answer.accepted
            at += len(due)
        if len(due) < FLIGHT:
            await asyncio.sleep(TICK_S - elapsed % TICK_S)
    return accepted
