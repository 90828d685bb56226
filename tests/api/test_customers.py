"""Customers, timelines and messages, against the real API and PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from agents.projector import Writes
from laudstream.journey.write import Write
from tests.agents.projecting import take

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = 1_000 * int(START.timestamp())


async def _customers(owner: Pool, shop: Any, many: int) -> None:
    await owner.executemany(
        "INSERT INTO customers (workspace_id, customer_id, attributes, created_ms) VALUES ($1, $2, $3, $4)",
        [(shop.id, f"c{n:03}", {"email": f"Mail{n:03}@shop.example", "n": n}, MS + n // 3) for n in range(many)],
    )


async def _pages(client: httpx.AsyncClient, path: str, name: str, parameter: str, **query: Any) -> list[Any]:
    rows: list[Any] = []
    next: str | None = ""
    while next is not None:
        page = (await client.get(path, params={**query, parameter: next})).json()
        assert page[name]
        rows += page[name]
        next = page["next"]
    return rows


async def test_pages_show_each_customer_once_the_newest_first(admin: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    await _customers(owner, shop, 25)
    rows = await _pages(admin, "/api/customers", "customers", "after", limit=4)
    assert sorted(row["id"] for row in rows) == [f"c{n:03}" for n in range(25)]
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
    assert rows[0] == {
        "id": "c024",
        "email": "Mail024@shop.example",
        "created_at": MS + 8,
        "attributes": {"email": "Mail024@shop.example", "n": 24},
    }
    exact = (await admin.get("/api/customers?limit=25")).json()
    assert (len(exact["customers"]), exact["next"]) == (25, None)


@pytest.mark.parametrize(
    ("query", "many"),
    [("C01", 10), ("mail02", 5), ("mail020@shop.example", 1), ("%", 0), ("c_01", 0), ("\\", 0), (" ", 25)],
)
async def test_a_search_is_the_beginning_of_an_id_or_a_mail_address(
    query: str, many: int, admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _customers(owner, shop, 25)
    page = (await admin.get("/api/customers", params={"query": query})).json()
    assert len(page["customers"]) == many


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "after=x", "after=W10", "colour=red", "query=%00", "after=WyJhIiwgMV0"]
)
async def test_odd_queries_are_refused_with_a_pointer(query: str, admin: httpx.AsyncClient) -> None:
    answer = await admin.get(f"/api/customers?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("id", ["a/b", "a b", "ä€😀", "a%2Fb", "a?b#c", "..", "a/timeline2"])
async def test_a_customer_id_may_hold_what_addresses_do_not(
    id: str, site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    from urllib.parse import quote

    await site.post("/v1/identify", json={"userId": id, "traits": {"x": 1}})
    path = quote(id, safe="").replace(".", "%2E")
    assert (await admin.get(f"/api/customers/{path}")).json()["id"] == id
    assert (await admin.get(f"/api/customers/{path}/timeline")).json() == {"decisions": [], "next": None}


@pytest.mark.parametrize("id", ["nobody", "a%00b", "a%0Ab", "x" * 201])
@pytest.mark.parametrize("path", ["", "/timeline"])
async def test_an_absent_customer_is_not_found(id: str, path: str, admin: httpx.AsyncClient) -> None:
    answer = await admin.get(f"/api/customers/{id}{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def _projected(owner: Pool, shop: Any, many: int) -> None:
    await owner.executemany(
        "INSERT INTO decisions VALUES ($1, 'c000', $2, $3, $4, 'moved', 'welcome', 1, 'r1', 'hello', '', $5)",
        [(shop.id, n, f"d{n}", START + timedelta(milliseconds=n // 4), {"n": n}) for n in range(many)],
    )
    await owner.execute(
        """INSERT INTO runs
            (workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at, arms, last_n)
        VALUES ($1, 'r1', 'c000', 'welcome', 1, 'hello', $2, $2, '{"test": "a"}', 1)""",
        shop.id,
        START,
    )
    status = ("sent", "refused")
    await owner.executemany(
        """INSERT INTO messages (workspace_id, send_id, customer_id, journey_id, status, requested_at, status_at,
            channel, message_class, version, run_id, step, template_id, template_version, status_rank)
        VALUES ($1, $2, $3, $4, $5, $6, $6, 'email', 'marketing', 1, 'r1', 'hello', 'mail', 1, 0)""",
        [
            (shop.id, f"s{n:03}", f"c{n % 2:03}", f"j{n % 3}", status[n % 2], START + timedelta(microseconds=n // 5))
            for n in range(many)
        ],
    )


async def test_a_customer_is_shown_with_runs_consents_and_timeline(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _customers(owner, shop, 2)
    await _projected(owner, shop, 30)
    await owner.execute(
        """INSERT INTO consents (workspace_id, customer_id, customer_key, channel, status, revision)
        VALUES ($1, 'c000', '', 'email', 'unsubscribed', 0)""",
        shop.id,
    )
    shown = (await admin.get("/api/customers/c000")).json()
    assert [(run["id"], run["journey"], run["entered_at"], run["arms"]) for run in shown["runs"]] == [
        ("r1", "welcome", MS, {"test": "a"})
    ]
    assert [(each["channel"], each["status"]) for each in shown["consents"]] == [("email", "unsubscribed")]
    timeline = await _pages(admin, "/api/customers/c000/timeline", "decisions", "before", limit=7)
    assert [decision["n"] for decision in timeline] == list(range(29, -1, -1))


async def test_messages_are_found_by_journey_customer_and_status(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _projected(owner, shop, 30)
    rows = await _pages(admin, "/api/messages", "messages", "after", limit=4)
    assert sorted(row["send_id"] for row in rows) == [f"s{n:03}" for n in range(30)]
    rows = await _pages(
        admin, "/api/messages", "messages", "after", limit=2, journey="j1", customer="c001", status="refused"
    )
    assert sorted(row["send_id"] for row in rows) == [f"s{n:03}" for n in range(30) if n % 6 == 1]
    assert rows[0]["requested_at"] == MS
    assert (await admin.get("/api/messages?status=lost")).status_code == 422


async def test_r15_erasing_a_customer_takes_everything_that_is_shown(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _customers(owner, shop, 2)
    await _projected(owner, shop, 8)
    assert (await admin.delete("/api/customers/c000")).status_code == 204
    assert (await admin.delete("/api/customers/c000")).status_code == 202
    assert (await admin.get("/api/customers/c000/timeline")).status_code == 404
    for table in ("runs", "decisions"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE workspace_id = $1", shop.id) == 0
    assert {row["customer"] for row in (await admin.get("/api/messages")).json()["messages"]} == {"c001"}


async def test_r54_the_log_has_a_deletion_before_it_is_answered_for_each_id(
    admin: httpx.AsyncClient, site: httpx.AsyncClient, owner: Pool, shop: Any, taken: Any
) -> None:
    await site.post("/v1/identify", json={"userId": "ann"})
    for visitor in ("v1", "v2"):
        await site.post("/v1/alias", json={"previousId": visitor, "userId": "ann"})
    numbers = dict(await owner.fetch("SELECT alias, revision FROM identities WHERE workspace_id = $1", shop.id))
    row = await owner.fetchrow("SELECT born, revision FROM customers WHERE workspace_id = $1", shop.id)
    assert (await admin.delete("/api/customers/v1")).status_code == 204
    for id in ("ann", "v1", "v2"):
        await site.post("/v1/track", json={"userId": id, "event": "back"})
    events = [each for each in await taken(9) if each.event.type in ("delete", "track")]
    found = {id: [each.event for each in events if each.key == f"{shop.id}:{id}"] for id in ("ann", "v1", "v2")}
    for id, (gone, back) in found.items():
        assert (gone.type, back.type) == ("delete", "track")
        assert gone.row.deleted
        assert gone.row.attributes == {}
        assert gone.row.at == gone.received < back.received
        assert (gone.row.born, gone.row.revision) == ((numbers[id],) * 2 if id in numbers else tuple(row))


async def test_r54_who_has_no_row_yet_is_deleted_too(
    admin: httpx.AsyncClient, site: httpx.AsyncClient, owner: Pool, shop: Any, taken: Any
) -> None:
    """The first event is accepted, and no lane has handled it (none is there)."""
    await site.post("/v1/track", json={"userId": "ann", "event": "first"})
    assert (await admin.delete("/api/customers/ann")).status_code == 202
    await site.post("/v1/track", json={"userId": "ann", "event": "back"})
    first, gone, back = (each.event for each in await taken(3))
    assert (first.name, gone.type, back.name) == ("first", "delete", "back")
    assert gone.row.deleted
    assert gone.row.at == gone.received
    number = await owner.fetchval("SELECT number FROM erasures WHERE workspace_id = $1", shop.id)
    assert (gone.row.born, gone.row.revision) == (0, number)
    await site.post("/v1/identify", json={"userId": "ann"})
    assert await owner.fetchval("SELECT born FROM customers WHERE workspace_id = $1", shop.id) > number
    assert (await admin.delete("/api/customers/ann")).status_code == 204
    assert (await admin.delete("/api/customers/a%0Ab")).status_code == 404


async def test_r54_what_a_lane_wrote_before_it_knew_the_row_is_of_no_later_life(
    admin: httpx.AsyncClient, site: httpx.AsyncClient, owner: Pool, shop: Any, taken: Any
) -> None:
    """Its writes are on their way while the customer, and who was merged into them, is deleted and is back."""
    await site.post("/v1/identify", json={"userId": "ann"})
    await site.post("/v1/alias", json={"previousId": "v1", "userId": "ann"})
    assert (await admin.delete("/api/customers/ann")).status_code == 204
    await site.post("/v1/identify", json={"userId": "ann", "traits": {"plan": "new"}})
    lane = [
        made
        for who in ("ann", "v1")
        for made in (Write(shop.id, who, 1, "first_sight", 1), Write(shop.id, who, 2, "set", 2, {"secret": "old"}))
    ]
    rows = "SELECT customer_id, attributes FROM customers WHERE workspace_id = $1"
    await take(Writes(owner), lane)
    assert [tuple(row) for row in await owner.fetch(rows, shop.id)] == [("ann", {"plan": "new"})]
    told = [each.event for each in await taken(5) if each.event.type == "delete"]
    assert all(event.row.void for event in told)
    gone = [Write(shop.id, "v1", 1, "forgotten", 3, born=event.row.revision) for event in told]
    await take(Writes(owner), [*gone, *lane[2:]], start=4)
    assert dict(await owner.fetch(rows, shop.id)) == {"ann": {"plan": "new"}, "v1": {"secret": "old"}}


async def test_concurrent_identifies_of_the_same_customers_all_arrive(
    site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    async def batch(n: int) -> httpx.Response:
        ids = [f"c{k}" for k in range(10)][:: 1 if n % 2 else -1]
        items = [{"type": "identify", "userId": id, "traits": {f"t{n}": n}} for id in ids]
        return await site.post("/v1/batch", json={"batch": items})

    answers = await asyncio.gather(*(batch(n) for n in range(20)))
    assert {answer.text for answer in answers if answer.status_code != 200} == set()
    assert {answer.json()["accepted"] for answer in answers} == {10}
    shown = (await admin.get("/api/customers/c3")).json()
    assert shown["attributes"] == {f"t{n}": n for n in range(20)}
