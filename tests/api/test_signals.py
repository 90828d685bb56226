"""Signals over the API: an order for all lanes, once (R34)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

SALE = {"event": "sale", "properties": {"percent": 20}}


async def orders(owner: Pool, shop: Any) -> list[tuple[Any, ...]]:
    rows = await owner.fetch(
        "SELECT id, version, status, body FROM control_outbox WHERE workspace_id = $1 ORDER BY outbox_id", shop.id
    )
    return [tuple(row) for row in rows]


async def test_r34_a_signal_is_one_order_with_its_properties(site: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    answer = await site.post("/v1/signal", json=SALE)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "number": 1})
    await site.post("/v1/signal", json={"event": "other"})
    properties = {"properties": SALE["properties"]}
    assert await orders(owner, shop) == [("sale", 1, "live", properties), ("other", 2, "live", {"properties": {}})]


async def test_r2_a_repeat_changes_nothing(site: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    for _ in range(3):
        answer = await site.post("/v1/signal", json={**SALE, "messageId": "m1"})
        assert answer.json()["number"] == 1
    assert len(await orders(owner, shop)) == 1


async def test_more_than_sixty_an_hour_are_refused(site: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    assert (await site.post("/v1/signal", json=SALE)).status_code == 200
    await owner.execute(
        "INSERT INTO signals SELECT $1, n, n::text, 'sale', now(), 0 FROM generate_series(2, 60) AS n", shop.id
    )
    answer = await site.post("/v1/signal", json=SALE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    await owner.execute("UPDATE signals SET received_at = now() - interval '2 days' WHERE workspace_id = $1", shop.id)
    assert (await site.post("/v1/signal", json=SALE)).json()["number"] == 61
    assert await owner.fetchval("SELECT count(*) FROM signals WHERE workspace_id = $1", shop.id) == 1


@pytest.mark.parametrize(
    "body", [{}, {"event": ""}, {"event": "x", "properties": 1}, {"event": "x", "properties": {"a": "b" * 9_000}}]
)
async def test_r60_what_is_wrong_is_named(site: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await site.post("/v1/signal", json=body)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["message"]


async def test_a_signal_needs_a_write_key(admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/v1/signal", json=SALE)).status_code == 401
