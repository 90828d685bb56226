"""Visitors become customers over HTTP: alias, identify with both ids, the admin's merge, and who answers afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.merging import People

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

Take = Callable[[int], Awaitable[list[Any]]]
ACCEPTED = {"success": True, "accepted": 1, "rejected": []}


@pytest.fixture
def people(owner: Pool, shop: Any) -> People:
    return People(owner, owner, shop.id)


def _track(user: str, event: str = "e", **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": event, **more}


async def test_an_alias_makes_a_visitor_a_customer_and_no_event(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, taken: Take, shop: Any
) -> None:
    await site.post("/v1/identify", json={"anonymousId": "visitor", "traits": {"page": "/"}})
    await site.post("/v1/identify", json={"userId": "ann", "traits": {"plan": "gold"}})
    for _ in range(2):
        answer = await site.post("/v1/alias", json={"previousId": "visitor", "userId": "ann"})
        assert (answer.status_code, answer.json()) == (200, ACCEPTED)
    await site.post(
        "/v1/batch", json={"batch": [_track("visitor", "under the alias"), _track("ann", "under the root")]}
    )
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


async def test_an_identify_with_both_ids_carries_the_merged_row(
    site: httpx.AsyncClient, people: People, taken: Take
) -> None:
    await people.add("visitor", False, seen="/prices", plan="free")
    body = {"userId": "ann", "anonymousId": "visitor", "traits": {"plan": "gold"}}
    assert (await site.post("/v1/identify", json=body)).json() == ACCEPTED
    [event] = await taken(1)
    assert event.event.row.attributes == {"seen": "/prices", "plan": "gold"}
    assert event.event.properties == {"plan": "gold"}  # and the rest is what the merge made (R35)
    [(number,)] = await people.of("identities", "revision")
    assert event.event.row.revision > number
    assert (await people.row("ann"))["known"]  # type: ignore[index]


async def test_an_identify_again_changes_no_identity(site: httpx.AsyncClient, people: People) -> None:
    body = {"userId": "ann", "anonymousId": "visitor"}
    await site.post("/v1/identify", json=body)
    before = await people.of("identities", "alias", "root", "revision")
    batch = [{"type": "identify", **body}] * 20 + [_track("ann", anonymousId="visitor")]
    assert (await site.post("/v1/batch", json={"batch": batch})).json()["accepted"] == 21
    assert await people.of("identities", "alias", "root", "revision") == before


async def test_an_identify_leaves_alone_whom_somebody_identified_and_goes_on(
    site: httpx.AsyncClient, people: People, taken: Take
) -> None:
    await site.post("/v1/identify", json={"userId": "bob"})
    await site.post("/v1/identify", json={"userId": "carl", "anonymousId": "device"})
    for known in ("bob", "device"):
        answer = await site.post("/v1/identify", json={"userId": "ann", "anonymousId": known, "traits": {"x": 1}})
        assert answer.json() == ACCEPTED
    assert await people.aliases() == {"device": "carl"}
    assert sum(each.key.endswith(":ann") for each in await taken(4)) == 2


async def test_of_a_visitor_of_two_customers_the_first_gets_it(site: httpx.AsyncClient, people: People) -> None:
    await people.add("v", False, x=1)
    batch = [{"type": "identify", "userId": user, "anonymousId": "v"} for user in ("ann", "bob")]
    assert (await site.post("/v1/batch", json={"batch": batch})).json()["accepted"] == 2
    assert await people.aliases() == {"v": "ann"}
    assert (await people.attributes("ann"), await people.attributes("bob")) == ({"x": 1}, {})


async def test_who_is_identified_in_a_batch_is_known_to_what_stands_behind(
    site: httpx.AsyncClient, people: People
) -> None:
    batch = [
        {"type": "identify", "userId": "ann", "traits": {"x": 1}},
        {"type": "identify", "userId": "bob", "anonymousId": "ann", "traits": {"x": 2}},
        {"type": "alias", "userId": "bob", "previousId": "ann"},
        {"type": "alias", "userId": "ann", "previousId": "ann"},
        {"type": "alias", "userId": "carl", "previousId": "v"},
        {"type": "identify", "userId": "v"},
        {"type": "alias", "userId": "carl", "previousId": "v"},
    ]
    said = (await site.post("/v1/batch", json={"batch": batch})).json()
    assert [each["index"] for each in said["rejected"]] == [2]
    assert await people.aliases() == {"v": "carl"}
    assert (await people.attributes("ann"), await people.attributes("bob")) == ({"x": 1}, {"x": 2})


async def test_a_track_with_both_ids_merges_nobody(site: httpx.AsyncClient, people: People, taken: Take) -> None:
    batch = [
        {"type": kind, "userId": "ann", "anonymousId": "v", **({"event": "e"} if kind == "track" else {})}
        for kind in ("track", "page", "screen")
    ]
    assert (await site.post("/v1/batch", json={"batch": batch})).json()["accepted"] == 3
    assert await people.aliases() == {}
    assert {each.key for each in await taken(3)} == {f"{people.workspace}:ann"}


async def test_a_write_key_folds_no_known_customer_into_another(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, people: People
) -> None:
    for id in ("ann", "bob"):
        await site.post("/v1/identify", json={"userId": id})
    alias = {"type": "alias", "previousId": "ann", "userId": "bob"}
    said = (await site.post("/v1/batch", json={"batch": [_track("ann"), alias, _track("bob")]})).json()
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
    batch = await site.post("/v1/batch", json={"batch": [{"type": "alias", **body}, _track("a")]})
    assert [each["problems"][0]["pointer"] for each in batch.json()["rejected"]] == [f"/batch/0{pointer}"]
    assert await people.aliases() == {}


@pytest.mark.parametrize("visitor", ["ann", "a\tb", "!quota/j", "", "v" * 201])
async def test_an_identify_with_an_odd_visitor_merges_nobody(
    visitor: str, site: httpx.AsyncClient, people: People
) -> None:
    answer = await site.post("/v1/identify", json={"userId": "ann", "anonymousId": visitor})
    assert answer.status_code == (422 if len(visitor) > 200 else 200)
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


async def test_another_api_that_remembers_the_old_writes_no_row_under_an_alias(
    serve: Callable[..., Any], stack: Any, site: httpx.AsyncClient, shop: Any, people: People, taken: Take
) -> None:
    other = serve(stack.ports.api + 5)
    auth = httpx.BasicAuth(shop.write_key, "")
    async with httpx.AsyncClient(base_url=other.settings.api_url, auth=auth, timeout=40) as elsewhere:
        await elsewhere.post("/v1/track", json=_track("a"))  # remembers that nobody was merged here
        await site.post("/v1/alias", json={"previousId": "a", "userId": "b"})
        answer = await elsewhere.post("/v1/identify", json={"userId": "a", "traits": {"x": 1}})
        assert answer.json() == ACCEPTED
        assert (await elsewhere.post("/v1/track", json=_track("a", "later"))).json() == ACCEPTED
    assert await people.row("a") is None
    assert await people.attributes("b") == {"x": 1}
    found = await taken(4)
    assert {each.event.type + each.event.name: each.key.rpartition(":")[2] for each in found} == {
        "tracke": "a", "alias": "b", "identify": "b", "tracklater": "b",
    }  # fmt: skip
    assert [each.event.row.merges for each in found if each.event.row] == [1, 1]  # the lane of b waits for a's


async def test_members_messages_and_previews_go_by_any_id(admin: httpx.AsyncClient, people: People) -> None:
    for id in ("a", "b", "c"):
        await people.add(id, name=id)
    await admin.post("/api/customers/a/merge", json={"into": "b"})
    await admin.put("/api/segments/vip", json={"manual": True})
    done = await admin.post("/api/segments/vip/members", json={"add": ["a", "b", "nobody"]})
    assert done.json() == {"added": 1, "removed": 0, "unknown": ["nobody"]}
    assert await people.of("segment_members", "customer_id") == [("b",)]
    await people.put(
        "messages", "b", send_id="s", channel="email", message_class="marketing", journey_id="j", version=1, run_id="r",
        step="s", template_id="t", template_version=1, status="sent", status_rank=1, status_at=datetime.now(UTC),
        requested_at=datetime.now(UTC),
    )  # fmt: skip
    assert len((await admin.get("/api/messages?customer=a")).json()["messages"]) == 1
    await admin.put("/api/templates/t", json={"subject": "x", "html": "<p>{{ customer.name }} {{ customer.id }}</p>"})
    shown = await admin.post("/api/templates/t/preview", json={"customer_id": "a"})
    assert "b b" in shown.json()["html"]


async def test_a_timeline_tells_of_both_in_the_order_of_time(admin: httpx.AsyncClient, people: People) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    told = []
    for id in ("a", "b"):
        await people.add(id)
        for n in range(1, 31):
            at = start + timedelta(seconds=(n // 3) * 7 + (id == "a") * 5)
            told.append((at, n, f"{id}{n:02}"))
            await people.put(
                "decisions", id, n=n, decision_id=f"{id}{n:02}", at=at, kind="moved", journey_id="j", version=1,
                run_id="r", step="s", reason="", body={"id": f"{id}{n:02}"},
            )  # fmt: skip
    before = (await admin.get("/api/customers/a/timeline?limit=7")).json()["next"]
    await admin.post("/api/customers/a/merge", json={"into": "b"})
    wanted = [id for _, _, id in sorted(told, reverse=True)]
    for id in ("a", "b"):
        found: list[str] = []
        next: str | None = ""
        while next is not None:
            page = (await admin.get(f"/api/customers/{id}/timeline", params={"before": next, "limit": 7})).json()
            found += [decision["id"] for decision in page["decisions"]]
            next = page["next"]
        assert found == wanted
    assert (await admin.get("/api/customers/b/timeline", params={"before": before})).status_code == 200
    for odd in ("WzEsMl0", "WyJhIl0", "WzEsMiwiXHUwMDAwIl0", "W10"):
        status = (await admin.get("/api/customers/b/timeline", params={"before": odd})).status_code
        assert status == (200 if odd == "W10" else 422)


async def test_r15_erasing_by_an_alias_takes_the_root_and_all_aliases(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, people: People, taken: Take
) -> None:
    for previous in ("v1", "v2"):
        await site.post("/v1/alias", json={"previousId": previous, "userId": "ann"})
    assert (await admin.get("/api/customers/v1")).json()["aliases"] == ["v2", "v1"]
    assert (await admin.delete("/api/customers/v1")).status_code == 204
    for id in ("ann", "v1", "v2"):
        assert (await admin.get(f"/api/customers/{id}")).status_code == 404
        assert (await admin.delete(f"/api/customers/{id}")).status_code == 404
    assert await people.aliases() == {}
    await site.post("/v1/track", json=_track("v1"))
    found = [(each.event.type, each.key.rpartition(":")[2]) for each in await taken(6)]
    told = [("delete", "ann"), ("delete", "v1"), ("delete", "v2")]
    assert sorted(found) == [("alias", "ann"), ("alias", "ann"), *told, ("track", "v1")]
    assert (await site.post("/v1/identify", json={"userId": "bob", "anonymousId": "v1"})).json() == ACCEPTED
    assert await people.aliases() == {"v1": "bob"}


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


async def test_many_at_once_who_identify_the_same_new_visitors_all_get_their_answer(
    site: httpx.AsyncClient, people: People
) -> None:
    numbers = [*range(20)]
    batches = [
        [{"type": "identify", "userId": f"u{n}", "anonymousId": f"v{n}", "traits": {f"t{k}": n}} for n in order]
        + [{"type": "identify", "anonymousId": f"v{n}", "traits": {f"s{k}": n}} for n in reversed(order)]
        for k in range(12)
        for order in [numbers[k:] + numbers[:k] if k % 2 else numbers[::-1]]
    ]
    answers = await asyncio.gather(*(site.post("/v1/batch", json={"batch": batch}) for batch in batches))
    assert {(answer.status_code, answer.json()["accepted"]) for answer in answers} == {(200, 40)}
    assert await people.aliases() == {f"v{n}": f"u{n}" for n in numbers}
    assert await people.of("customers", "customer_id", "known") == sorted((f"u{n}", True) for n in numbers)
    traits = {f"{kind}{k}" for k in range(12) for kind in "ts"}
    assert [set(attributes) for (attributes,) in await people.of("customers", "attributes")] == [traits] * 20
