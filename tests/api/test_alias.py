"""Customers become one over HTTP: alias calls, and merges by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.api.merging import ACCEPTED, People, track

pytestmark = pytest.mark.integration

Take = Callable[[int], Awaitable[list[Any]]]


async def test_an_alias_makes_a_visitor_a_customer_and_no_event(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, taken: Take, shop: Any
) -> None:
    await site.post("/v1/identify", json={"anonymousId": "visitor", "traits": {"page": "/"}})
    await site.post("/v1/identify", json={"userId": "ann", "traits": {"plan": "gold"}})
    for _ in range(2):
        answer = await site.post("/v1/alias", json={"previousId": "visitor", "userId": "ann"})
        assert (answer.status_code, answer.json()) == (200, ACCEPTED)
    await site.post("/v1/batch", json={"batch": [track("visitor", "under the alias"), track("ann", "under the root")]})
    found = await taken(4)
    assert [(each.key, each.event.type, each.event.name) for each in found if each.event.type == "track"] == [
        (f"{shop.id}:ann", "track", "under the alias"), (f"{shop.id}:ann", "track", "under the root"),
    ]  # fmt: skip
    for id in ("ann", "visitor"):
        shown = (await admin.get(f"/api/customers/{id}")).json()
        assert (shown["id"], shown["aliases"]) == ("ann", ["visitor"])
        assert shown["attributes"] == {"plan": "gold", "page": "/"}


# As the clients send them (analytics.js 2, analytics-node 2, Segment's public API).
CLIENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "analytics.js": (
        {"type": "identify", "userId": "ann", "anonymousId": "7b4d", "traits": {"plan": "gold"}, "integrations": {},
         "context": {"page": {"path": "/"}, "userAgent": "Mozilla/5.0", "library": {"name": "analytics.js"}},
         "timestamp": "2026-03-01T12:00:00.000Z", "messageId": "ajs-next-1", "writeKey": "wk",
         "sentAt": "2026-03-01T12:00:00.010Z"},
        {"type": "alias", "userId": "ann", "previousId": "7b4d", "anonymousId": "7b4d", "integrations": {},
         "context": {}, "messageId": "ajs-next-2", "timestamp": "2026-03-01T12:00:00.000Z"},
    ),
    "analytics-node": (
        {"type": "identify", "userId": "ann", "anonymousId": "7b4d", "traits": {"plan": "gold"}, "context":
         {"library": {"name": "@segment/analytics-node", "version": "2.3.0"}}, "_metadata": {"nodeVersion": "20.1.0"},
         "messageId": "node-next-1", "timestamp": "2026-03-01T12:00:00.000Z", "integrations": {}},
        {"type": "alias", "userId": "ann", "previousId": "7b4d", "context":
         {"library": {"name": "@segment/analytics-node"}}, "timestamp": "2026-03-01T12:00:00.000Z",
         "messageId": "node-next-2", "integrations": {}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", [0, 1])
async def test_segments_clients_make_visitors_customers(
    client: str, kind: int, site: httpx.AsyncClient, people: People, taken: Take
) -> None:
    said = CLIENTS[client][kind]
    answer = await site.post("/v1/batch", json={"batch": [said], "sentAt": "2026-03-01T12:00:01.000Z"})
    assert answer.json() == ACCEPTED
    assert await people.aliases() == {"7b4d": "ann"}
    if kind == 0:
        [event] = await taken(1)
        assert event.key == f"{people.workspace}:ann"
        assert event.event.row.attributes == {"plan": "gold"}


async def test_a_write_key_folds_no_known_customer_into_another(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, people: People
) -> None:
    for id in ("ann", "bob"):
        await site.post("/v1/identify", json={"userId": id})
    alias = {"type": "alias", "previousId": "ann", "userId": "bob"}
    said = (await site.post("/v1/batch", json={"batch": [track("ann"), alias, track("bob")]})).json()
    assert (said["accepted"], said["success"]) == (2, False)
    [rejected] = said["rejected"]
    [problem] = rejected["problems"]
    assert (rejected["index"], problem["pointer"]) == (1, "/batch/1/previousId")
    assert "POST /api/customers/{id}/merge" in problem["fix"]
    alone = await site.post("/v1/alias", json=alias)
    assert (alone.status_code, alone.json()["problems"][0]["pointer"]) == (409, "/previousId")
    assert await people.aliases() == {}
    assert (await site.post("/api/customers/ann/merge", json={"into": "bob"})).status_code == 401
    done = await admin.post("/api/customers/ann/merge", json={"into": "bob"})
    assert (done.status_code, done.json()) == (200, {"id": "bob", "merged": True})
    again = await admin.post("/api/customers/ann/merge", json={"into": "bob"})
    assert again.json() == {"id": "bob", "merged": False}
    assert (await site.post("/v1/alias", json=alias)).json() == ACCEPTED  # they are one


@pytest.mark.parametrize(
    ("id", "body", "status"),
    [
        ("nobody", {"into": "ann"}, 404), ("ann", {"into": "nobody"}, 404), ("ann", {"into": ""}, 422),
        ("ann", {}, 422), ("ann", {"into": "a\nb"}, 422), ("ann", {"into": "bob", "for": "good"}, 422),
        ("ann", {"into": "ann"}, 200),
    ],
)  # fmt: skip
async def test_only_customers_that_are_there_are_merged_by_hand(
    id: str, body: Any, status: int, admin: httpx.AsyncClient, people: People
) -> None:
    await people.add("ann")
    await people.add("bob")
    assert (await admin.post(f"/api/customers/{id}/merge", json=body)).status_code == status
    assert await people.aliases() == {}


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "no userId": ({"previousId": "a"}, "/userId"),
    "no previousId": ({"userId": "a"}, "/previousId"),
    "NUL": ({"userId": "a", "previousId": "b\0"}, "/previousId"),
    "a tab": ({"userId": "a", "previousId": "b\t"}, "/previousId"),
    "a tab in anonymousId": ({"userId": "a", "anonymousId": "b\t"}, "/anonymousId"),
    "too long": ({"userId": "a", "previousId": "b" * 201}, "/previousId"),
    "target too long": ({"userId": "a" * 201, "previousId": "b"}, "/userId"),
    "a quota": ({"userId": "a", "previousId": "!quota/j"}, "/previousId"),
    "into a quota": ({"userId": "!quota/!x", "previousId": "b"}, "/userId"),
    "an object": ({"userId": "a", "previousId": {}}, "/previousId"),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_aliases_are_refused_with_a_pointer(case: str, site: httpx.AsyncClient, people: People) -> None:
    body, pointer = HOSTILE[case]
    answer = await site.post("/v1/alias", json=body)
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["problems"]] == [pointer]
    batch = await site.post("/v1/batch", json={"batch": [{"type": "alias", **body}, track("a")]})
    assert [each["problems"][0]["pointer"] for each in batch.json()["rejected"]] == [f"/batch/0{pointer}"]
    assert await people.aliases() == {}


@pytest.mark.parametrize("id", ["!x", "ä€😀", "a/b", "a:b", "x" * 200, "%", "7"])
async def test_odd_ids_are_merged_like_others(id: str, site: httpx.AsyncClient, people: People) -> None:
    body = {"previousId": int(id) if id == "7" else id, "userId": id + "2" if len(id) < 200 else id[1:]}
    assert (await site.post("/v1/alias", json=body)).json() == ACCEPTED
    assert await people.aliases() == {id: body["userId"]}
    assert (await site.post("/v1/alias", json={"previousId": id, "userId": id})).json() == ACCEPTED
    assert await people.aliases() == {id: body["userId"]}


async def test_before_all_lanes_know_how_an_alias_is_refused_and_an_identify_merges_nobody(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, people: People, taken: Take
) -> None:
    await people.add("ann")
    await people.add("bob")
    await people.owner.execute("UPDATE levels SET number = 2 WHERE name = 'state_format'")
    try:
        alone = await site.post("/v1/alias", json={"previousId": "v", "userId": "ann"})
        byhand = await admin.post("/api/customers/bob/merge", json={"into": "ann"})
        batch = [{"type": "alias", "previousId": "v", "userId": "ann"},
                 {"type": "identify", "userId": "ann", "anonymousId": "v", "traits": {"x": 1}}]  # fmt: skip
        said = (await site.post("/v1/batch", json={"batch": batch})).json()
    finally:
        await people.owner.execute("UPDATE levels SET number = 3 WHERE name = 'state_format'")
    for answer in (alone, byhand):
        assert answer.status_code == 409
        assert "laudstream upgrade finish" in answer.json()["problems"][0]["fix"]
    assert (said["accepted"], [each["index"] for each in said["rejected"]]) == (1, [0])
    assert "laudstream upgrade finish" in said["rejected"][0]["problems"][0]["fix"]
    assert await people.aliases() == {}
    assert [each.event.row.attributes for each in await taken(1)] == [{"x": 1}]


async def test_merges_in_both_directions_and_identifies_at_once_all_come_to_one_customer(
    site: httpx.AsyncClient, people: People
) -> None:
    ids = [f"c{n}" for n in range(5)]
    bodies = [{"previousId": a, "userId": b} for a in ids for b in ids if a != b]
    batches = [
        {
            "batch": [
                {"type": "identify", "anonymousId": id, "traits": {f"t{n}": n}} for id in ids[:: 1 if n % 2 else -1]
            ]
        }
        for n in range(10)
    ]
    answers = await asyncio.gather(
        *(site.post("/v1/alias", json=body) for body in bodies),
        *(site.post("/v1/batch", json=body) for body in batches),
    )
    assert {(answer.status_code, answer.json()["success"]) for answer in answers} == {(200, True)}
    aliases = await people.aliases()
    assert len(aliases) == 4
    [root] = set(aliases.values())
    assert await people.of("customers", "customer_id") == [(root,)]
    assert await people.attributes(root) == {f"t{n}": n for n in range(10)}
