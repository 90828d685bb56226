"""Members of segments and previews, against the real API and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

GOLD = {"customer.plan": {"equals": "gold"}}


@pytest.fixture
async def many(owner: Pool, shop: Any) -> int:
    """3,000 customers, every fourth with the plan gold."""
    await owner.execute(
        """INSERT INTO customers (workspace_id, customer_id, customer_key, attributes)
        SELECT $1, 'c' || n, '', jsonb_build_object('plan', CASE n % 4 WHEN 0 THEN 'gold' ELSE 'free' END,
            'email', 'c' || n || '@shop.example')
        FROM generate_series(1, 3000) AS n""",
        shop.id,
    )
    return 3000


async def _until_done(admin: httpx.AsyncClient, condition: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"next": ""}
    for _ in range(50):
        response = await admin.post(
            "/api/segments/preview", json={"condition": condition, "after": answer["next"] or ""}
        )
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer["low"] <= answer["high"] <= answer["customers"]
        if answer["next"] is None:
            return answer
    raise AssertionError("it never ends")


async def test_a_preview_counts_all_and_shows_some(admin: httpx.AsyncClient, many: int) -> None:
    answer = await _until_done(admin, GOLD)
    assert (answer["customers"], answer["looked_at"], answer["matching"], answer["open"]) == (many, many, 750, 0)
    assert (answer["low"], answer["high"], answer["unknown"]) == (750, 750, [])
    assert 0 < len(answer["sample"]) <= 10
    assert {each["looked_at"]["customer.plan"] for each in answer["sample"]} == {"gold"}


async def test_a_preview_that_stops_early_says_between_what_the_count_is(admin: httpx.AsyncClient, many: int) -> None:
    first = (await admin.post("/api/segments/preview", json={"condition": GOLD})).json()
    assert first["low"] <= 750 <= first["high"]
    assert first["looked_at"] >= 500


async def test_what_only_lanes_know_stays_open_and_is_named(admin: httpx.AsyncClient, many: int) -> None:
    answer = await _until_done(admin, {**GOLD, "event": {"name": "order", "at_least": 2}})
    assert (answer["matching"], answer["open"], answer["unknown"]) == (0, 750, ["event:order"])
    assert (answer["low"], answer["high"]) == (0, 750)


async def test_a_preview_looks_at_consents_segments_runs_and_messages(
    admin: httpx.AsyncClient, owner: Pool, shop: Any, many: int
) -> None:
    await admin.put("/api/segments/club", json={"manual": True})
    for statement in (
        "INSERT INTO consents (workspace_id, customer_id, customer_key, channel, status) "
        "VALUES ($1, 'c1', '', 'email', 'subscribed')",
        "INSERT INTO segment_customers VALUES ($1, 'club', 'c1', true, now(), 1), ($1, 'club', 'c2', false, now(), 1)",
        "INSERT INTO runs (workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at, last_n) "
        "VALUES ($1, 'r', 'c1', 'j', 1, 's', now(), now(), 1)",
        "INSERT INTO messages (workspace_id, send_id, customer_id, channel, message_class, journey_id, version, "
        "run_id, step, template_id, template_version, status, status_rank, sent_at, status_at) "
        "VALUES ($1, 'm', 'c1', 'email', 'marketing', 'j', 1, 'r', 's', 't', 1, 'sent', 40, now(), now())",
    ):
        await owner.execute(statement, shop.id)
    for condition in (
        {"consent": {"channel": "email", "is": "subscribed"}}, {"segment": "club"},
        {"run": {"journey": "j", "is": "active"}}, {"run": {"journey": "j", "was": "entered", "within": "P1D"}},
        {"message": {"is": "sent", "journey": "j", "within": "P1D"}},
    ):  # fmt: skip
        answer = await _until_done(admin, condition)
        assert (answer["matching"], [each["id"] for each in answer["sample"]][:1]) in ((1, ["c1"]), (1, [])), condition


async def test_a_preview_of_what_is_wrong_is_pointed_at(admin: httpx.AsyncClient) -> None:
    for wish, pointer in (
        ({"condition": {"customer.plan": {"resembles": 1}}}, "/condition/customer.plan/resembles"),
        ({"condition": {"segment": "nowhere"}}, "/condition/segment"),
        ({"condition": GOLD, "after": "nonsense"}, "/after"),
        ({}, "/condition"),
    ):
        answer = await admin.post("/api/segments/preview", json=wish)
        assert answer.status_code == 422
        assert answer.json()["problems"][0]["pointer"] in (pointer, "")


async def test_members_come_by_page_and_a_customer_knows_its_segments(
    admin: httpx.AsyncClient, owner: Pool, shop: Any, many: int
) -> None:
    assert (await admin.get("/api/segments/gold/customers")).status_code == 404
    await admin.put("/api/segments/gold", json={"name": "Gold", "condition": GOLD})
    await owner.execute(
        "INSERT INTO segment_customers SELECT workspace_id, 'gold', customer_id, attributes->>'plan' = 'gold', "
        "'2026-01-02T03:04:05Z', 1 FROM customers WHERE workspace_id = $1",
        shop.id,
    )
    found: list[str] = []
    after = ""
    while True:
        page = (await admin.get("/api/segments/gold/customers", params={"limit": 300, "after": after})).json()
        assert page["count"] == 750
        found += [each["id"] for each in page["customers"]]
        after = page["next"] or ""
        if not after:
            break
    assert found == sorted(set(found))
    assert len(found) == 750
    ann = (await admin.get("/api/customers/c4")).json()
    assert ann["segments"] == [{"id": "gold", "name": "Gold", "since": 1767323045000}]
    assert (await admin.get("/api/customers/c1")).json()["segments"] == []
    assert (await admin.delete("/api/customers/c4")).status_code == 204
    assert (await admin.get("/api/segments/gold/customers")).json()["count"] == 749


async def test_r58_a_segment_says_since_when_it_counts(admin: httpx.AsyncClient) -> None:
    order = {"event": {"name": "order", "at_least": 2}}
    await admin.put("/api/segments/loyal", json={"condition": order})
    await admin.put("/api/segments/loyal", json={"condition": {"all": [order, GOLD]}})
    await admin.put("/api/segments/loyal", json={"condition": {"any": [order, {"message": {"is": "opened"}}]}})
    shown = (await admin.get("/api/segments/loyal")).json()
    published = {each["version"]: each["published_at"] for each in shown["versions"]}
    found = {each["name"]: each for each in shown["counted"]}
    assert found["order"]["since"] == published[1], "a question that goes on being asked counts on"
    assert found["order"]["reaches"] == published[1] - 90 * 86_400_000
    assert (found["opened"]["since"], found["opened"]["reaches"]) == (published[3], published[3])
    await admin.put("/api/settings", json={"history": "none"})
    shown = (await admin.get("/api/segments/loyal")).json()
    assert {each["reaches"] - each["since"] for each in shown["counted"]} == {0}


async def test_settings_are_there_before_any_are_saved(admin: httpx.AsyncClient) -> None:
    before = (await admin.get("/api/settings")).json()
    assert (before["live_version"], before["status"], before["versions"]) == (0, "live", [])
    assert before["body"] == {"time_zone": "UTC", "release_spread": "PT10M", "history": "P90D"}
    for wrong in ("P91D", "P4M", "never", 90, "P0D"):
        answer = await admin.put("/api/settings", json={"history": wrong})
        assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (422, "/history")
    assert (await admin.put("/api/settings", json={"history": "P30D"})).json()["version"] == 1
    assert (await admin.get("/api/settings")).json()["body"] == {"history": "P30D"}
