"""Every route, asked with the keys of a second workspace for what the first one has: nothing is found or changed."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from api.auth import Access
from api.routes import ROUTES, Route
from laudstream.postgres import connect
from laudstream.postgres.workspaces import create_workspace
from tests.api.conftest import Shop
from tests.api.strangers import (
    ACME,
    ANN,
    ANY,
    BEN,
    BY_HAND,
    CART,
    GOLD,
    HAND,
    JOURNEY,
    MAIL,
    MARK,
    NEWS,
    SEGMENT,
    SUBSCRIPTION,
    TEMPLATE,
    TRIES,
    Try,
)

pytestmark = pytest.mark.integration

PROJECTED = (
    """INSERT INTO decisions
    VALUES ($1, $2, 1, $3, now(), 'moved', $4, 1, 'r1', 'mail', '', jsonb_build_object('x', $3::text))""",
    """INSERT INTO runs (workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at, arms,
        last_n)
    VALUES ($1, 'run-' || $3, $2, $4, 1, 'mail', now(), now(), '{"test": "a"}', 1)""",
    """INSERT INTO messages (workspace_id, send_id, customer_id, journey_id, status, requested_at, status_at, channel,
        message_class, version, run_id, step, template_id, template_version, status_rank)
    VALUES ($1, 'send-' || $3, $2, $4, 'sent', now(), now(), 'email', 'marketing', 1, 'r1', 'mail', $3, 1, 0)""",
)


class First(NamedTuple):
    """The workspace that has everything."""

    shop: Shop
    dsn: str
    url: str
    numbers: dict[str, int]
    """By the names that a Try gives them."""

    def client(self, shop: Shop, access: Access = Access.ADMIN) -> httpx.Client:
        if access is Access.WRITE:
            return httpx.Client(base_url=self.url, auth=(shop.write_key, ""), timeout=40)
        headers = {"Authorization": f"Bearer {shop.admin_token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=40)

    def stranger(self) -> Shop:
        return asyncio.run(_made(self.dsn, "The other"))


async def _made(dsn: str, name: str) -> Shop:
    pool = await connect(dsn, max_size=1)
    try:
        id = f"shop{os.urandom(6).hex()}"
        return Shop(id, *await create_workspace(pool, id, name))
    finally:
        await pool.close()


@pytest.fixture(scope="module")
def first(stack: Any, api: Any) -> First:
    dsn = stack.settings.database_url
    found = First(asyncio.run(_made(dsn, MARK)), dsn, api.settings.api_url, {})
    with found.client(found.shop, Access.WRITE) as site:
        for path, body in (
            ("identify", {"userId": ANN, "traits": {"email": f"{ANN}@shop.example", "plan": MARK}}),
            ("identify", {"userId": BEN, "traits": {"plan": MARK}}),
            ("group", {"userId": ANN, "groupId": ACME, "traits": {"name": ACME}}),
            ("alias", {"previousId": f"old-{MARK}", "userId": ANN}),
            ("track", {"userId": ANN, "event": f"go {MARK}"}),
            ("signal", {"event": f"go {MARK}"}),
        ):
            assert site.post(f"/v1/{path}", json=body).status_code == 200
    with found.client(found.shop) as admin:

        def done(method: str, address: str, body: Any = None) -> Any:
            answer = admin.request(method, f"/api/{address}", json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

        done("PUT", "settings", {"time_zone": "Europe/Berlin"})
        done("PUT", f"templates/{MAIL}", TEMPLATE)
        done("PUT", f"segments/{GOLD}", SEGMENT)
        done("PUT", f"segments/{HAND}", BY_HAND)
        done("POST", f"segments/{HAND}/members", {"add": [ANN]})
        done("PUT", f"subscriptions/{NEWS}", SUBSCRIPTION)
        done("PUT", f"journeys/{CART}", JOURNEY)
        done("POST", f"journeys/{CART}/publish")
        done("PUT", f"journeys/{CART}", {**JOURNEY, "settings": {"tags": [MARK]}})
        done("POST", f"journeys/{CART}/publish?share=10")
        done("PUT", f"journeys/{CART}/experiments/test/winner", {"arm": "b"})
        census = done("POST", "censuses?wait=0", {"condition": SEGMENT["condition"]})["id"]
        found.numbers.update(census=census, order=done("POST", f"journeys/{CART}/dry-run", {})["order"])
    asyncio.run(_projected(found))
    return found


async def _projected(found: First) -> None:
    pool = await connect(found.dsn, max_size=1)
    for query in PROJECTED:
        await pool.execute(query, found.shop.id, ANN, MARK, CART)
    await pool.executemany(
        """INSERT INTO segment_customers (workspace_id, segment, customer_id, member, since, last_n)
        VALUES ($1, $2, $3, true, now(), 1)""",
        [(found.shop.id, segment, ANN) for segment in (GOLD, HAND)],
    )  # fmt: skip
    seq = await pool.fetchval(
        """UPDATE control_outbox SET sent_at = now(),
            control_seq = (SELECT 1 + coalesce(max(control_seq), 0) FROM control_outbox)
        WHERE outbox_id = $1 RETURNING control_seq""",
        found.numbers["census"],
    )
    sample = [{"mark": "00", "id": ANN, "looked_at": {"customer.plan": MARK}}]
    await pool.execute("INSERT INTO census_counts VALUES ($1, 0, $2, 2, 2, 0, '[]', $3)", seq, found.shop.id, sample)
    await pool.close()


def _kept(first: First) -> dict[str, list[str]]:
    """All rows of the first workspace, by table."""

    async def read() -> dict[str, list[str]]:
        pool = await connect(first.dsn, max_size=1)
        try:
            tables = await pool.fetch(
                "SELECT table_name FROM information_schema.columns JOIN information_schema.tables "
                "USING (table_schema, table_name) WHERE column_name = 'workspace_id' AND table_schema = 'public' "
                "AND table_type = 'BASE TABLE'"
            )
            rows = {}
            for (table,) in tables:
                query = f"SELECT t::text FROM {table} t WHERE workspace_id = $1 ORDER BY 1"
                rows[table] = [row[0] for row in await pool.fetch(query, first.shop.id)]
            return rows
        finally:
            await pool.close()

    return asyncio.run(read())


def _route(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_every_route_is_tried() -> None:
    """Whoever adds a route says here what somebody else gets there."""
    assert set(TRIES) == {(route.method, route.path) for route in ROUTES}


def test_the_first_workspace_has_something_in_every_table(first: First) -> None:
    """Else nothing could be seen or changed."""
    empty = {table for table, rows in _kept(first).items() if not rows}
    assert empty <= NOT_BY_THE_API


NOT_BY_THE_API = {
    "consents", "suppressions", "send_claims", "dead_letters", "step_counts", "presence_counts", "erasures",
    "journey_migrations", "group_changes",
}  # fmt: skip


@pytest.mark.parametrize("route", ROUTES, ids=_route)
def test_a_stranger_finds_and_changes_nothing_of_another_workspace(route: Route, first: First) -> None:
    before = _kept(first)
    for each in TRIES[route.method, route.path]:
        stranger = first.stranger()
        with first.client(stranger, Access.WRITE) as site:
            site.post("/v1/identify", json={"userId": "own"})
        with first.client(stranger, route.access) as client:
            answer = _ask(client, route, each, first)
        assert each.status in (ANY, answer.status_code), (each, answer.text)
        if answer.status_code == 200 and not each.names:
            assert MARK not in answer.text, (each, answer.text)
        if each.shows:
            with first.client(first.shop, route.access) as owner:
                mine = _ask(owner, route, each, first)
            assert (mine.status_code, MARK in mine.text) == (200, True), (each, mine.text)
    assert _kept(first) == before


def _ask(client: httpx.Client, route: Route, each: Try, first: First) -> httpx.Response:
    address, body = each.address, json.dumps(each.body)
    for name, number in first.numbers.items():
        address, body = address.replace(f"{{{name}}}", str(number)), body.replace(f'"{{{name}}}"', str(number))
    if each.body is None:
        return client.request(route.method, address)
    return client.request(route.method, address, content=body, headers={"Content-Type": "application/json"})


async def test_what_the_other_write_key_sends_is_under_the_other_workspace(
    site: httpx.AsyncClient, api: Any, taken: Any, new_shop: Callable[[], Awaitable[Any]]
) -> None:
    """The same customer, hence the same id in the same order."""
    other = await new_shop()
    async with httpx.AsyncClient(base_url=api.settings.api_url, auth=(other.write_key, "")) as theirs:
        for claimed in ({}, {"workspace": "x"}, {"context": {"workspaceId": "x"}}):
            body = {"userId": "ann", "event": "theirs", **claimed}
            assert (await theirs.post("/v1/track", json=body)).status_code == 200
        assert (await theirs.post("/v1/track", json={"userId": f"{site.auth}:ann", "event": "theirs"})).is_success
    await site.post("/v1/track", json={"userId": "ann", "event": "mine"})
    assert [each.event.name for each in await taken(1)] == ["mine"]


BOMB = gzip.compress(b'{"batch": [' + b" " * (64 << 20) + b"]}")


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body is not None], ids=_route)
def test_a_body_that_would_be_large_unpacked_is_refused(route: Route, first: First) -> None:
    (each, *_) = TRIES[route.method, route.path]
    with first.client(first.shop, route.access) as client:
        answer = client.request(route.method, each.address, content=BOMB, headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.json()["status"]) == (415, 415)


def _encodings() -> Iterator[tuple[str, bytes]]:
    plain = b'{"batch": []}'
    yield "gzip", gzip.compress(plain)
    yield "GZIP", gzip.compress(plain)
    yield "x-gzip", gzip.compress(plain)
    yield "deflate", zlib.compress(plain)
    for name in ("br", "zstd", "compress", "gzip, gzip", "identity, gzip", "nonsense"):
        yield name, plain


@pytest.mark.parametrize(("encoding", "body"), list(_encodings()), ids=[name for name, _ in _encodings()])
def test_no_encoding_is_read_whatever_the_body_is(encoding: str, body: bytes, first: First) -> None:
    with first.client(first.shop, Access.WRITE) as site:
        answer = site.post("/v1/batch", content=body, headers={"Content-Encoding": encoding})
        assert answer.status_code == 415, answer.text
        twice = [("Content-Encoding", "identity"), ("Content-Encoding", encoding)]
        assert site.post("/v1/batch", content=BOMB, headers=twice).status_code in (400, 415)
        assert site.post("/v1/batch", content=b'{"batch": []}', headers={"Content-Encoding": "identity"}).is_success
