"""Kafka with users and rights: each role works with just what the table gives it, and says what it lacks."""

from __future__ import annotations

import pytest

from laudstream import topics
from laudstream.local.stack import Stack
from tests.integration.kit import Shop, leave, mail_template, message

pytestmark = pytest.mark.integration


async def _mailed(shop: Shop, word: str) -> None:
    """A customer's event becomes a mail, with a trait that came by PostgreSQL and Connect."""
    ann, buy, welcome = shop.name(f"ann-{word}"), shop.name(f"buy-{word}"), shop.name(f"welcome-{word}")
    await shop.template(welcome, mail_template("Hello {{ customer.first_name }}"))
    await shop.publish(buy, {"greet": message(welcome, "done"), "done": leave("greeted")})
    await shop.identify(ann, first_name="Ann")
    await shop.track(ann, buy)
    assert (await shop.mail(ann))["subject"] == "Hello Ann"
    await shop.handled(topics.EVENTS, topics.ROWS, topics.DELIVERIES)


async def test_an_event_becomes_a_mail_with_just_the_rights_of_the_table_also_after_restarts(
    guarded: Stack, guarded_shop: Shop
) -> None:
    await _mailed(guarded_shop, "first")
    for name in ("journeys", "projector", "senders"):  # who starts again looks what it had left open in Kafka
        await guarded.part(name).restart()
    await _mailed(guarded_shop, "second")
    guarded.check()
