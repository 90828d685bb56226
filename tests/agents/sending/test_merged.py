"""Requests that are under way to a customer who has been merged into another one (R50)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.sending.claims import Claims
from laudstream.messages.request import SendRequest

START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
WEBHOOK = {"consent": False, "fresh": True}


async def merge(shop: Any, alias: str, root: str) -> None:
    await shop.pool.execute("SELECT merge_customers($1, $2, $3, 'asked')", shop.id, alias, root)


async def to(shop: Any, alias: str, **more: Any) -> SendRequest:
    """A request to the customer as a lane writes it: with the life of the row."""
    born = await shop.pool.fetchval(
        "SELECT born FROM customers WHERE workspace_id = $1 AND customer_id = $2", shop.id, alias
    )
    request: SendRequest = shop.request(START_MS, **{"customer": alias, "life": born or 0, **more})
    return request


async def refusals(shop: Any, *requests: SendRequest, later: int = 0) -> list[str]:
    """Reason of each, '' for what is handed over; claimed before and asked again at the hand-over."""
    now = START + timedelta(minutes=later)
    sender = Claims(shop.pool, "email", "a", timedelta(seconds=60))
    claimed, refused = await sender.claim(requests, now)
    _, refused_later = await sender.hand_over(claimed, now)
    reasons = {one.send_id: one.reason for one in (*refused, *refused_later)}
    return [reasons.get(each.send_id, "") for each in requests]


async def write(shop: Any, table: str, customer: str, *values: str) -> None:
    columns = {"consents": "channel, subscription, status", "suppressions": "channel, reason"}[table]
    given = ", ".join(f"'{value}'" for value in values)
    await shop.pool.execute(
        f"INSERT INTO {table} (workspace_id, customer_id, customer_key, {columns})"
        f" SELECT workspace_id, customer_id, customer_key, {given} FROM customers"
        " WHERE workspace_id = $1 AND customer_id = $2", shop.id, customer,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "values", "reason"),
    [
        ("consents", ("email", "", "subscribed"), ""),
        ("consents", ("email", "", "unsubscribed"), "unsubscribed"),
        ("consents", ("email", "news", "unsubscribed"), "unsubscribed"),
        ("consents", ("email", "offers", "unsubscribed"), ""),
        ("suppressions", ("email", "complaint"), "suppressed"),
        ("suppressions", ("sms", "complaint"), ""),
    ],
)
async def test_the_root_is_asked(shop: Any, table: str, values: tuple[str, ...], reason: str) -> None:
    """Of a chain of merges it is the last one: no alias leads to another."""
    first, second = await to(shop, "c1", subscription="news"), await to(shop, "c2", subscription="news")
    await merge(shop, "c1", "c2")
    await merge(shop, "c2", "c3")
    await write(shop, table, "c3", *values)
    assert await refusals(shop, first, second) == [reason, reason]


async def test_what_is_claimed_already_is_judged_by_the_root_when_it_is_handed_over(shop: Any) -> None:
    sender = Claims(shop.pool, "email", "a", timedelta(seconds=60))
    claimed, _ = await sender.claim([await to(shop, "c1")], START)
    await merge(shop, "c1", "c2")
    await write(shop, "consents", "c2", "email", "", "unsubscribed")
    _, refused = await sender.hand_over(claimed, START)
    assert [(one.customer, one.reason, one.life) for one in refused] == [
        ("c1", "unsubscribed", claimed[0].request.life)
    ]


async def test_r15_with_the_root_its_aliases_are_deleted_and_an_older_life_is_over(shop: Any) -> None:
    request = await to(shop, "c1")
    older = await to(shop, "c1", life=request.life - 1)
    await merge(shop, "c1", "c2")
    assert await refusals(shop, request, older) == ["", "deleted"]
    await shop.pool.execute("DELETE FROM customers WHERE workspace_id = $1 AND customer_id = 'c2'", shop.id)
    assert await refusals(shop, shop.request(START_MS, customer="c1", life=request.life)) == ["deleted"]


@pytest.mark.parametrize("life", [0, -7])
async def test_who_was_merged_before_there_was_a_row_is_the_root_too(shop: Any, life: int) -> None:
    await merge(shop, "visitor", "c2")
    requests = [await to(shop, "visitor", life=life, **WEBHOOK), await to(shop, "visitor", life=life)]
    assert await refusals(shop, *requests, later=11) == ["", ""]
    assert await refusals(shop, await to(shop, "stranger", life=life, **WEBHOOK), later=11) == ["deleted"]
