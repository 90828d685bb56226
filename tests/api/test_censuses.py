"""Censuses against the real API and PostgreSQL; what lanes would answer is put where the projector puts it (A10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

P = 8
GOLD = {"customer.plan": {"equals": "gold"}}
NOW = {"wait": 0}


async def ask(admin: httpx.AsyncClient, condition: Any = GOLD, status: int = 200) -> Any:
    answer = await admin.post("/api/censuses", json={"condition": condition}, params=NOW)
    assert answer.status_code == status, answer.text
    return answer.json()


async def look(admin: httpx.AsyncClient, id: Any, status: int = 200) -> Any:
    answer = await admin.get(f"/api/censuses/{id}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def told(owner: Pool, shop: Any, id: int, lanes: range, sample: list[dict[str, Any]] | None = None) -> None:
    seq = await owner.fetchval(
        "UPDATE control_outbox SET sent_at = now(), control_seq = coalesce(control_seq, (SELECT 1 + coalesce("
        "max(control_seq), 0) FROM control_outbox)) WHERE outbox_id = $1 RETURNING control_seq",
        id,
    )
    await owner.executemany(
        "INSERT INTO census_counts VALUES ($1, $2, $3, 100, 25, 1, $4, $5)",
        [(seq, p, shop.id, ["message:opened"] if p else [], sample or []) for p in lanes],
    )


async def test_a_census_is_an_order_with_a_body_and_adds_up_what_lanes_have_counted(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await owner.execute(
        "INSERT INTO customers (workspace_id, customer_id, customer_key, attributes) "
        """SELECT $1, 'c' || n, '', '{"email": "c@shop.example"}' FROM generate_series(1, 12) AS n""",
        shop.id,
    )
    first = await ask(admin)
    assert (first["done"], first["lanes"], first["of"], first["looked_at"], first["sample"]) == (False, 0, P, 0, [])
    row = await owner.fetchrow(
        "SELECT kind, version, status, body FROM control_outbox WHERE outbox_id = $1", first["id"]
    )
    assert row is not None
    assert tuple(row) == ("census", 1, "live", {"condition": GOLD})
    names = [{"mark": f"{n:02x}", "id": f"c{15 - n}", "looked_at": {"customer.plan": "gold"}} for n in range(15)]
    await told(owner, shop, first["id"], range(3), names)
    part = await look(admin, first["id"])
    assert (part["done"], part["lanes"], part["looked_at"], part["matching"], part["failed"]) == (False, 3, 300, 75, 3)
    assert part["unseen"] == ["message:opened"]
    await told(owner, shop, first["id"], range(3, P))
    whole = await look(admin, first["id"])
    assert (whole["done"], whole["lanes"], whole["matching"]) == (True, P, 25 * P)
    assert [one["id"] for one in whole["sample"]][:2] == ["c12", "c12"], "who is not there any more is not shown"
    assert whole["sample"][0] == {"id": "c12", "email": "c@shop.example", "looked_at": {"customer.plan": "gold"}}


async def test_the_same_again_is_served_by_the_one_under_way_and_only_a_few_go_at_once(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    ids = [(await ask(admin, {"customer.n": {"equals": n}}))["id"] for n in range(3)]
    assert (await ask(admin, {"customer.n": {"equals": 1}}))["id"] == ids[1]
    refused = await ask(admin, GOLD, 429)
    assert "3 counts are under way" in refused["detail"]
    await told(owner, shop, ids[0], range(P))
    assert (await ask(admin, {"customer.n": {"equals": 0}}))["id"] not in ids, "one that is done is not asked again"
    await owner.execute(
        "UPDATE control_outbox SET created_at = now() - interval '1 minute' WHERE outbox_id = ANY($1)", ids
    )
    assert (await ask(admin, {"customer.n": {"equals": 1}}, 429))["status"] == 429, "one that is old serves nobody else"
    await owner.execute(
        "UPDATE control_outbox SET created_at = now() - interval '2 days' WHERE outbox_id = ANY($1)", ids
    )
    assert (await ask(admin))["id"] not in ids
    await look(admin, ids[0], 404)


async def test_what_lanes_refuse_or_cannot_do_yet_is_said(admin: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    refused = await ask(admin)
    await owner.execute("UPDATE control_outbox SET error = 'census is no kind' WHERE outbox_id = $1", refused["id"])
    assert "census is no kind" in (await look(admin, refused["id"], 409))["detail"]
    assert (await ask(admin))["id"] != refused["id"]
    await owner.execute("UPDATE levels SET number = 2 WHERE name = 'state_format'")
    try:
        assert "laudstream upgrade finish" in (await ask(admin, {"customer.a": {"exists": True}}, 409))["detail"]
    finally:
        await owner.execute("UPDATE levels SET number = 3 WHERE name = 'state_format'")


async def test_nobody_else_sees_a_census_and_what_is_wrong_is_pointed_at(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    for wish, pointer in (
        ({"condition": {"customer.plan": {"resembles": 1}}}, "/condition/customer.plan/resembles"),
        ({"condition": {"segment": "nowhere"}}, "/condition/segment"),
        ({"condition": {"customer.a": {"in": ["x" * 100] * 1_000}}}, ""),
        ({"condition": {"event": {"name": "x", "at_least": 2, "within": "P2Y"}}}, "/condition/event/within"),
    ):
        answer = await admin.post("/api/censuses", json=wish, params=NOW)
        assert answer.status_code == 422, answer.text
        assert [one["pointer"] for one in answer.json()["problems"]][:1] == ([pointer] if pointer else [])
    for id in ("0", "12345", "x", "9" * 30):
        await look(admin, id, 404)
    mine = await ask(admin)
    await owner.execute("UPDATE control_outbox SET workspace_id = 'elsewhere1' WHERE outbox_id = $1", mine["id"])
    await look(admin, mine["id"], 404)


async def test_a_deleted_customer_is_in_no_sample(admin: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    await owner.execute(
        "INSERT INTO customers (workspace_id, customer_id, customer_key, attributes) VALUES ($1, 'a/b', '', '{}'), "
        "($1, 'c', '', '{}')",
        shop.id,
    )
    id = (await ask(admin))["id"]
    await told(owner, shop, id, range(P), [{"mark": "00", "id": who, "looked_at": {}} for who in ("a/b", "c")])
    assert (await admin.delete("/api/customers/a/b")).status_code == 204
    kept = await owner.fetch("SELECT DISTINCT sample FROM census_counts WHERE workspace_id = $1", shop.id)
    assert [[one["id"] for one in row["sample"]] for row in kept] == [["c"]]
