"""Who answers under an alias, once customers are one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.merging import ACCEPTED, People, track

pytestmark = pytest.mark.integration

Take = Callable[[int], Awaitable[list[Any]]]


async def test_another_api_that_remembers_the_old_writes_no_row_under_an_alias(
    serve: Callable[..., Any], stack: Any, site: httpx.AsyncClient, shop: Any, people: People, taken: Take
) -> None:
    other = serve(stack.ports.api + 5)
    auth = httpx.BasicAuth(shop.write_key, "")
    async with httpx.AsyncClient(base_url=other.settings.api_url, auth=auth, timeout=40) as elsewhere:
        await elsewhere.post("/v1/track", json=track("a"))  # remembers that nobody was merged here
        await site.post("/v1/alias", json={"previousId": "a", "userId": "b"})
        answer = await elsewhere.post("/v1/identify", json={"userId": "a", "traits": {"x": 1}})
        assert answer.json() == ACCEPTED
        assert (await elsewhere.post("/v1/track", json=track("a", "later"))).json() == ACCEPTED
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
    assert await people.aliases() == {}
    await site.post("/v1/track", json=track("v1"))
    found = [(each.event.type, each.key.rpartition(":")[2]) for each in await taken(6)]
    told = [("delete", "ann"), ("delete", "v1"), ("delete", "v2")]
    assert sorted(found) == [("alias", "ann"), ("alias", "ann"), *told, ("track", "v1")]
    assert (await site.post("/v1/identify", json={"userId": "bob", "anonymousId": "v1"})).json() == ACCEPTED
    assert await people.aliases() == {"v1": "bob"}
