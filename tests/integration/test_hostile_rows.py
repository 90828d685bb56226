"""Attributes that PostgreSQL takes and others cannot hold: numbers whose text is long, nests that are deep (A6, A16).

Neither the lanes nor the connector nor queries stand still for them: they are refused, or become what all can hold.
"""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest

from tests.integration.kit import Shop, leave, wait_until

pytestmark = pytest.mark.integration

HUGE = 1e300
INSERT = """
INSERT INTO customers (workspace_id, customer_id, customer_key, attributes) VALUES ($1, $2, '', $3::text::jsonb)
"""


async def _insert(shop: Shop, customer: str, attributes: str) -> None:
    await shop.pool.execute(INSERT, shop.workspace, customer, attributes)


def _again(event: str) -> list[dict[str, Any]]:
    return [{"event": {"name": event}, "reentry": "always"}]


def _nested(levels: int) -> str:
    """An object, and lists in it."""
    return json.dumps({"n": 0}).replace("0", "[" * (levels - 1) + "]" * (levels - 1))


async def _goes_on(shop: Shop, word: str) -> None:
    """A customer whose row comes after all others is seen by a journey."""
    journey, who = shop.name(word), shop.name(f"{word}-customer")
    split = {"branches": [{"condition": {"customer.plan": {"equals": "gold"}}, "next": "gold"}], "else": "other"}
    steps = {"look": {"split": split}, "gold": leave("gold"), "other": leave("other")}
    await shop.publish(journey, steps, entry=_again(journey))
    await _insert(shop, who, '{"plan": "gold"}')

    async def known() -> bool:
        await shop.track(who, journey)
        return any(made.get("outcome") == "gold" for made in await shop.timeline(who))

    await wait_until(known, 40, "the row came through the connector and its lane")


async def test_a_number_whose_text_is_a_long_one_is_a_number(shop: Shop) -> None:
    """PostgreSQL keeps 1e300 in ten bytes and says it with 301 digits, which no 64 bits hold."""
    who, more, journey = shop.name("rich"), shop.name("richer"), shop.name("tycoons")
    above = {"branches": [{"condition": {"customer.worth": {"greater_than": 1e299}}, "next": "yes"}], "else": "no"}
    steps = {"look": {"split": above}, "yes": leave("yes"), "no": leave("no")}
    await shop.publish(journey, steps, entry=_again(journey))
    await shop.identify(who, worth=HUGE, deep={"list": [HUGE, -HUGE]})
    await _insert(shop, more, json.dumps({"worth": HUGE}))
    for one in (who, more):

        async def rich(one: str = one) -> bool:
            await shop.track(one, journey)
            return any(made.get("outcome") == "yes" for made in await shop.timeline(one))

        await wait_until(rich, 40, f"{one} is known to be rich")
        found = await shop.get(f"customers/{one}")
        assert float(found["attributes"]["worth"]) == HUGE
    await _goes_on(shop, "numbers")


async def test_attributes_that_are_too_deep_are_refused(shop: Shop) -> None:
    """The API takes 20 levels; whoever writes rows has 100."""
    for levels in (102, 1_500):
        with pytest.raises(asyncpg.CheckViolationError):
            await _insert(shop, shop.name("deep"), _nested(levels))
    await _insert(shop, shop.name("less-deep"), _nested(100))
    await _goes_on(shop, "deep")
    found = await shop.get(f"customers/{shop.name('less-deep')}")
    assert json.dumps(found["attributes"]).count("[") == 99


async def test_attributes_whose_text_is_large_are_refused(shop: Shop) -> None:
    """Each is a few bytes for PostgreSQL; all of them would be a megabyte for the connector."""
    many = {f"n{number}": HUGE for number in range(2_000)}
    with pytest.raises(asyncpg.CheckViolationError):
        await _insert(shop, shop.name("long"), json.dumps(many))
    answer = await shop.events.post("/v1/identify", json={"userId": shop.name("long"), "traits": many})
    assert answer.status_code == 422, answer.text
    assert "256 KB as text" in answer.text
    await _goes_on(shop, "long")
