"""A workspace sees nothing of another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from laudstream.postgres import connect, tenancy

pytestmark = pytest.mark.integration

TEMPLATE = {"subject": "x", "html": "<p>x</p>"}
JOURNEY = {
    "entry": [{"event": {"name": "e"}}],
    "start": "m",
    "steps": {
        "m": {"message": {"channel": "email", "template": "t"}, "next": "done"},
        "done": {"exit": {"outcome": "o"}},
    },
}


async def test_a_second_workspace_sees_nothing_of_the_first(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, api: Any, new_shop: Callable[[], Awaitable[Any]]
) -> None:
    await site.post("/v1/identify", json={"userId": "anna", "traits": {"email": "a@b.example"}})
    await admin.put("/api/templates/t", json=TEMPLATE)
    await admin.put("/api/journeys/j", json=JOURNEY)
    await admin.post("/api/journeys/j/publish")
    other = await new_shop()
    headers = {"Authorization": f"Bearer {other.admin_token}"}
    async with httpx.AsyncClient(base_url=api.settings.api_url, headers=headers) as stranger:
        assert (await stranger.get("/api/workspace")).json()["id"] == other.id
        assert set((await stranger.get("/api/overview")).json().values()) == {0}
        for path, empty in (
            ("customers", {"customers": [], "next": None}),
            ("journeys", {"journeys": []}),
            ("templates", {"templates": []}),
            ("messages", {"messages": [], "next": None}),
            ("groups", {"groups": [], "next": None}),
        ):
            assert (await stranger.get(f"/api/{path}")).json() == empty
        for path in ("customers/anna", "customers/anna/timeline", "journeys/j", "journeys/j/stats", "templates/t"):
            assert (await stranger.get(f"/api/{path}")).status_code == 404
        for path in ("publish", "pause", "stop"):
            assert (await stranger.post(f"/api/journeys/j/{path}")).status_code == 404
        assert (await stranger.delete("/api/customers/anna")).status_code == 202  # of the other workspace
        preview = await stranger.post("/api/templates/t/preview", json={"customer_id": "anna"})
        assert preview.status_code == 404
    assert (await admin.get("/api/customers/anna")).status_code == 200


async def test_the_role_of_the_api_sees_only_the_workspace_of_its_transaction(
    stack: Any, new_shop: Callable[[], Awaitable[Any]], site: httpx.AsyncClient, shop: Any
) -> None:
    await site.post("/v1/identify", json={"userId": "anna"})
    other = await new_shop()
    pool = await connect(stack.settings.api_dsn, max_size=1)
    try:
        assert await pool.fetchval("SELECT count(*) FROM customers") == 0
        async with tenancy.workspace(pool, shop.id) as connection:
            assert await connection.fetchval("SELECT count(*) FROM customers") == 1
        assert await pool.fetchval("SELECT count(*) FROM customers") == 0  # the same connection, afterwards
        async with tenancy.workspace(pool, other.id) as connection:
            assert await connection.fetchval("SELECT count(*) FROM customers") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("INSERT INTO customers (workspace_id, customer_id) VALUES ($1, 'x')", shop.id)
    finally:
        await pool.close()
