"""No route is open by accident, and each key opens only what it is for."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.auth import FRESH_S, STALE_S, Access, Keys
from api.problems import Unauthorized
from api.routes import ROUTES, Route, short_cuts
from laudstream.errors import Unavailable

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

OPEN = {("GET", "/healthz"), ("GET", "/readyz")}


def _path(route: Route) -> str:
    return re.sub(r"\{[^}]+\}", "x", route.path)


def test_only_health_is_open() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.access is Access.OPEN} == OPEN
    assert all(route.access is Access.WRITE for route in ROUTES if route.path.startswith("/v1/"))
    assert all(route.access is Access.ADMIN for route in ROUTES if route.path.startswith("/api/"))


def test_short_cuts_are_the_routes_of_events() -> None:
    posts = {path for method, path in short_cuts() if method == "POST"}
    assert {path for path in posts if len(path) > len("/v1/t")} == {
        route.path for route in ROUTES if route.access is Access.WRITE
    }
    assert set(short_cuts()) == {(method, path) for method in ("POST", "OPTIONS") for path in posts}


@pytest.mark.integration
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_a_route_asks_for_its_key(route: Route, api: Any, shop: Any) -> None:
    other = {Access.WRITE: shop.admin_token, Access.ADMIN: shop.write_key, Access.OPEN: "nothing"}[route.access]
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer {other}"},
        {"Authorization": f"Bearer {'x' * 10_000}"},
        {"Authorization": "Basic !!!"},
        {"Authorization": f"Basic {b64encode(b':').decode()}"},
        {"Authorization": f"Basic {b64encode(f'{other}:'.encode()).decode()}"},
        {"Authorization": f"Digest {other}"},
    ]
    async with httpx.AsyncClient(base_url=api.settings.api_url) as client:
        for headers in wrong:
            answer = await client.request(route.method, _path(route), headers=headers)
            if route.access is Access.OPEN:
                assert answer.status_code == 200
                continue
            assert answer.status_code == 401, headers
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Bearer" in answer.headers["www-authenticate"]
            assert ("Basic" in answer.headers["www-authenticate"]) == (route.access is Access.WRITE)


@pytest.mark.integration
async def test_a_write_key_comes_by_basic_or_bearer(api: Any, shop: Any) -> None:
    async with httpx.AsyncClient(base_url=api.settings.api_url) as client:
        for headers in (
            {"Authorization": f"Bearer {shop.write_key}"},
            {"authorization": f"bearer {shop.write_key}"},
            {"Authorization": f"Basic {b64encode(f'{shop.write_key}:'.encode()).decode()}"},
            {"Authorization": f"Basic {b64encode(f'{shop.write_key}:ignored'.encode()).decode()}"},
        ):
            assert (await client.post("/v1/batch", json={"batch": []}, headers=headers)).status_code == 200


@pytest.mark.integration
async def test_a_revoked_key_stops_when_what_is_remembered_is_old(owner: Pool, shop: Any) -> None:
    now = 1000.0
    keys = Keys(owner, lambda: now)
    assert await keys.workspace(f"Bearer {shop.admin_token}", Access.ADMIN) == shop.id
    digest = sha256(shop.admin_token.encode()).digest()
    await owner.execute("UPDATE api_keys SET revoked_at = now() WHERE key_hash = $1", digest)
    now += FRESH_S / 2
    assert await keys.workspace(f"Bearer {shop.admin_token}", Access.ADMIN) == shop.id
    now += FRESH_S
    with pytest.raises(Unauthorized):
        await keys.workspace(f"Bearer {shop.admin_token}", Access.ADMIN)


@pytest.mark.integration
async def test_keys_are_remembered_while_postgresql_is_away(stack: Any, shop: Any) -> None:
    from laudstream.postgres import connect

    now = 1000.0
    pool = await connect(stack.settings.api_dsn, max_size=1)
    keys = Keys(pool, lambda: now)
    await keys.workspace(f"Bearer {shop.write_key}", Access.WRITE)
    await pool.close()
    now += FRESH_S * 2
    assert await keys.workspace(f"Bearer {shop.write_key}", Access.WRITE) == shop.id
    with pytest.raises(Unavailable):
        await keys.workspace("Bearer unknown", Access.WRITE)
    now += STALE_S
    with pytest.raises(Unavailable):
        await keys.workspace(f"Bearer {shop.write_key}", Access.WRITE)


@pytest.mark.integration
async def test_only_hashes_of_keys_are_kept(owner: Pool, shop: Any) -> None:
    rows = await owner.fetch("SELECT key_hash, hint FROM api_keys WHERE workspace_id = $1", shop.id)
    assert {row["key_hash"] for row in rows} == {
        sha256(k.encode()).digest() for k in (shop.write_key, shop.admin_token)
    }
    assert {row["hint"] for row in rows} == {shop.write_key[-4:], shop.admin_token[-4:]}


@pytest.mark.integration
async def test_guessing_does_not_fill_the_memory(owner: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.auth.MAX_KNOWN", 10)
    keys = Keys(owner)

    async def guess(n: int) -> None:
        with pytest.raises(Unauthorized):
            await keys.workspace(f"Bearer guess-{n}", Access.ADMIN)

    await asyncio.gather(*(guess(n) for n in range(50)))
    assert len(keys._known) <= 10
