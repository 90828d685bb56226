"""Segments, subscriptions and settings, against the real API and PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

GOLD = {"name": "Gold", "condition": {"customer.plan": {"equals": "gold"}}}
DONE = {"exit": {"outcome": "done"}}


def journey(steps: dict[str, Any], entry: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"entry": [entry or {"event": {"name": "go"}}], "start": next(iter(steps)), "steps": {**steps, "done": DONE}}


async def orders(owner: Pool, workspace: str) -> list[tuple[str, str, int, str]]:
    rows = await owner.fetch("SELECT * FROM control_outbox WHERE workspace_id = $1 ORDER BY outbox_id", workspace)
    return [(row["kind"], row["id"], row["version"], row["status"]) for row in rows]


async def test_a_segment_is_a_new_version_at_once_and_the_same_makes_none(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    first = (await admin.put("/api/segments/gold", json=GOLD)).json()
    assert (first["version"], first["changed"], first["status"]) == (1, True, "publishing")
    assert (await admin.put("/api/segments/gold", json=GOLD)).json()["changed"] is False
    second = {**GOLD, "condition": {"customer.plan": {"in": ["gold", "platin"]}}}
    assert (await admin.put("/api/segments/gold", json=second)).json()["version"] == 2
    assert await orders(owner, shop.id) == [("segment", "gold", 1, "live"), ("segment", "gold", 2, "live")]
    shown = (await admin.get("/api/segments/gold")).json()
    assert (shown["name"], shown["body"]["condition"], shown["live_version"]) == ("Gold", second["condition"], 2)
    assert [each["version"] for each in shown["versions"]] == [2, 1]
    (line,) = (await admin.get("/api/segments")).json()["items"]
    assert (line["id"], line["live_version"]) == ("gold", 2)


async def test_a_segment_that_is_wrong_is_pointed_at_and_not_saved(admin: httpx.AsyncClient) -> None:
    answer = await admin.put("/api/segments/odd", json={"condition": {"customer.plan": {"resembles": 1}}})
    assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (422, "/condition/customer.plan/resembles")
    answer = await admin.put("/api/segments/odd", json={"condition": {"segment": "nowhere"}})
    assert "no segment 'nowhere'" in answer.json()["problems"][0]["message"]
    assert (await admin.get("/api/segments/odd")).status_code == 404


async def test_segments_never_name_each_other_in_a_circle_also_when_both_change_at_once(
    admin: httpx.AsyncClient,
) -> None:
    for id in ("a", "b"):
        assert (await admin.put(f"/api/segments/{id}", json={"condition": GOLD["condition"]})).status_code == 200
    wishes = [
        admin.put("/api/segments/a", json={"condition": {"segment": "b"}}),
        admin.put("/api/segments/b", json={"condition": {"segment": "a"}}),
    ]
    answers = [answer.status_code for answer in await asyncio.gather(*wishes)]
    assert sorted(answers) == [200, 422]


async def test_r48_what_is_named_is_not_deleted_and_the_answer_says_by_whom(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await admin.put("/api/segments/gold", json=GOLD)
    await admin.put("/api/segments/best", json={"condition": {"segment": "gold"}})
    body = journey(
        {"look": {"wait": {"branches": [{"event": {"name": "x"}, "next": "done"}]}}}, {"segment": {"id": "best"}}
    )
    assert (await admin.put("/api/journeys/vip", json=body)).status_code == 200
    assert (await admin.post("/api/journeys/vip/publish")).status_code == 200
    for id, user in (("best", "journey vip"), ("gold", "segment best")):
        answer = await admin.delete(f"/api/segments/{id}")
        assert (answer.status_code, user in answer.json()["detail"]) == (409, True)
    assert (await admin.post("/api/journeys/vip/stop")).status_code == 200
    assert [(await admin.delete(f"/api/segments/{id}")).status_code for id in ("best", "gold")] == [204, 204]
    assert (await admin.get("/api/segments/gold")).status_code == 404
    assert (await admin.get("/api/segments")).json()["items"] == []
    again = (await admin.put("/api/segments/gold", json=GOLD)).json()
    assert (again["version"], again["changed"]) == (2, True)
    assert ("segment", "gold", 1, "deleted") in await orders(owner, shop.id)


async def test_r20_a_journey_that_names_what_is_not_there_is_not_published(admin: httpx.AsyncClient) -> None:
    steps = {
        "join": {"update": {"add_to": ["club"]}, "next": "mail"},
        "mail": {"message": {"channel": "email", "template": "hello", "subscription": "news"}, "next": "ask"},
        "ask": {"split": {"branches": [{"condition": {"segment": "gold"}, "next": "done"}], "else": "done"}},
    }
    await admin.put("/api/templates/hello", json={"channel": "email", "subject": "Hi", "html": "<p>Hi</p>"})
    assert (await admin.put("/api/journeys/club", json=journey(steps))).status_code == 200
    answer = await admin.post("/api/journeys/club/publish")
    assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (
        422,
        "/steps/ask/split/branches/0/condition/segment",
    )
    await admin.put("/api/segments/gold", json=GOLD)
    pointers = [each["pointer"] for each in (await admin.post("/api/journeys/club/publish")).json()["problems"]]
    assert pointers == ["/steps/join/update", "/steps/mail/message/subscription"]
    await admin.put("/api/segments/club", json={"manual": True})
    await admin.put("/api/subscriptions/news", json={"channel": "email", "opt_in": "implied"})
    assert (await admin.post("/api/journeys/club/publish")).status_code == 200
    assert (await admin.delete("/api/subscriptions/news")).status_code == 409


async def test_r20_a_journey_that_enters_one_that_is_not_there_is_not_published(admin: httpx.AsyncClient) -> None:
    steps = {"go": {"emit": {"enter": "other"}, "next": "done"}}
    await admin.put("/api/journeys/first", json=journey(steps))
    answer = await admin.post("/api/journeys/first/publish")
    assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (422, "/steps/go/emit/enter")
    await admin.put("/api/journeys/other", json=journey({"go": {"emit": {"enter": "first"}, "next": "done"}}))
    assert (await admin.post("/api/journeys/first/publish")).status_code == 200  # they may name each other


async def test_r48_a_version_of_a_segment_may_be_pinned_and_stays(admin: httpx.AsyncClient) -> None:
    def asks(name: str) -> dict[str, Any]:
        way = {"condition": {"segment": name}, "next": "done"}
        return journey({"ask": {"split": {"branches": [way], "else": "done"}}})

    await admin.put("/api/segments/gold", json=GOLD)
    await admin.put("/api/segments/club", json={"manual": True})
    for name in ("gold@2", "club@1"):
        await admin.put("/api/journeys/pins", json=asks(name))
        assert (await admin.post("/api/journeys/pins/publish")).status_code == 422
    await admin.put("/api/journeys/pins", json=asks("gold@1"))
    assert (await admin.post("/api/journeys/pins/publish")).status_code == 200
    refused = await admin.delete("/api/segments/gold")
    assert (refused.status_code, "journey pins" in refused.json()["detail"]) == (409, True)


async def test_members_of_a_manual_segment_are_rows_and_the_same_again_changes_nothing(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    for customer in ("ann", "bob"):
        assert (await site.post("/v1/identify", json={"userId": customer, "traits": {"x": 1}})).status_code == 200
    await admin.put("/api/segments/club", json={"manual": True})
    answer = (await admin.post("/api/segments/club/members", json={"add": ["ann", "bob", "nobody"]})).json()
    assert answer == {"added": 2, "removed": 0, "unknown": ["nobody"]}
    answer = (await admin.post("/api/segments/club/members", json={"add": ["ann"], "remove": ["bob"]})).json()
    assert answer == {"added": 0, "removed": 1, "unknown": []}
    rows = await owner.fetch("SELECT * FROM segment_members WHERE workspace_id = $1 ORDER BY customer_id", shop.id)
    assert [(row["customer_id"], row["member"]) for row in rows] == [("ann", True), ("bob", False)]
    both = await admin.post("/api/segments/club/members", json={"add": ["ann"], "remove": ["ann"]})
    assert both.status_code == 422
    await admin.put("/api/segments/gold", json=GOLD)
    assert (await admin.post("/api/segments/gold/members", json={"add": ["ann"]})).status_code == 409
    assert (await admin.post("/api/segments/none/members", json={"add": ["ann"]})).status_code == 404


async def test_settings_are_checked_and_the_zone_is_seen_at_once(admin: httpx.AsyncClient) -> None:
    answer = await admin.put("/api/settings", json={"time_zone": "Europe/Atlantis"})
    assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (422, "/time_zone")
    wish = {"time_zone": "Europe/Berlin", "quiet_hours": {"from": "21:00", "to": "08:00"}}
    assert (await admin.put("/api/settings", json=wish)).json()["version"] == 1
    assert (await admin.get("/api/settings")).json()["body"] == wish
    assert (await admin.get("/api/workspace")).json()["time_zone"] == "Europe/Berlin"
