"""Groups, against the real API, PostgreSQL and Kafka; other members are caught up as the control agent does it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from click.testing import CliRunner

from agents.groups import Groups
from laudstream.cli.groups import groups
from laudstream.postgres import connect, tenancy

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

Take = Callable[[int], Awaitable[list[Any]]]


@pytest.fixture
async def worker(stack: Any) -> AsyncIterator[Pool]:
    pool = await connect(stack.settings.worker_dsn, max_size=2)
    yield pool
    await pool.close()


async def all_told(worker: Pool) -> None:
    beside = Groups(worker)
    while await beside.look():
        pass


def item(customer: str, group: Any, **traits: Any) -> dict[str, Any]:
    return {"type": "group", "userId": customer, "groupId": group, "traits": traits}


async def attributes(admin: httpx.AsyncClient, customer: str) -> dict[str, Any]:
    found: dict[str, Any] = (await admin.get(f"/api/customers/{customer}")).json()["attributes"]
    return found


async def test_a17_a_group_call_carries_the_row_that_it_made(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, taken: Take
) -> None:
    await site.post("/v1/identify", json={"userId": "ann", "traits": {"plan": "own"}})
    body = {"userId": "ann", "groupId": "acme", "traits": {"name": "Acme", "plan": "pro"}, "messageId": "g-1"}
    answer = await site.post("/v1/group", json={**body, "context": {"ip": "::1"}})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": []})
    before, event = (each.event for each in await taken(2))
    assert (event.id, event.type, event.name, event.properties) == ("g-1", "group", "", {})
    assert event.row is not None
    assert event.row.attributes == {"plan": "own", "group": {"id": "acme", "name": "Acme", "plan": "pro"}}
    assert (event.row.born, event.row.revision > before.row.revision) == (before.row.born, True)
    shown = (await admin.get("/api/customers/ann")).json()
    assert shown["attributes"] == event.row.attributes
    assert {name: shown["group"][name] for name in ("id", "behind", "too_large")} == {
        "id": "acme",
        "behind": False,
        "too_large": False,
    }
    await site.post("/v1/group", json=body)  # again: the row travels, and is not written
    (again,) = await taken(1)
    assert again.event.row == event.row


async def test_traits_are_merged_and_come_to_all_members(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, worker: Pool
) -> None:
    await site.post("/v1/group", json={"userId": "ann", "groupId": "acme", "traits": {"plan": "free", "seats": 3}})
    await site.post("/v1/group", json={"anonymousId": "ben", "groupId": "acme", "traits": {"plan": "pro", "id": 7}})
    (group,) = (await admin.get("/api/groups")).json()["groups"]
    assert (group["id"], group["traits"]) == ("acme", {"plan": "pro", "seats": 3, "id": 7})
    whole = {"id": "acme", "plan": "pro", "seats": 3}
    assert await attributes(admin, "ben") == {"group": whole}
    assert (await attributes(admin, "ann"))["group"]["plan"] == "free"
    assert (await admin.get("/api/customers/ann")).json()["group"]["behind"]
    assert (await admin.get("/api/groups/acme")).json()["behind"] == 1
    await all_told(worker)
    assert await attributes(admin, "ann") == {"group": whole}
    assert not (await admin.get("/api/customers/ann")).json()["group"]["behind"]


async def test_what_segments_library_sends_is_taken(site: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    """As analytics-python 2.4.0 posts it."""
    sent = {
        "integrations": {},
        "anonymousId": None,
        "timestamp": "2026-11-30T13:17:15.428+00:00",
        "groupId": "acme",
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "userId": "ann",
        "traits": {"plan": "pro"},
        "type": "group",
        "messageId": "0b938c24-c732-4085-9ad5-0d538af0695f",
    }
    body = {"batch": [sent], "sentAt": "2026-11-30T13:17:15.928317+00:00", "writeKey": "wk_x"}
    assert (await site.post("/v1/batch", json=body)).json() == {"success": True, "accepted": 1, "rejected": []}
    assert await attributes(admin, "ann") == {"group": {"id": "acme", "plan": "pro"}}


async def test_the_last_traits_of_a_batch_win_whoever_brings_them(
    site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    items = [item("zed", "acme", plan="free"), item("ann", "acme", plan="pro"), item("max", "acme")]
    await site.post("/v1/batch", json={"batch": items})
    assert (await admin.get("/api/groups/acme")).json()["traits"] == {"plan": "pro"}


async def test_a_customer_is_in_the_last_group_only(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, taken: Take
) -> None:
    items = [item("ann", "one", a=1), item("ann", 2, b=2), item("ben", "one"), item("ann", "three")]
    assert (await site.post("/v1/batch", json={"batch": items})).json()["accepted"] == 4
    assert await attributes(admin, "ann") == {"group": {"id": "three"}}
    assert await attributes(admin, "ben") == {"group": {"id": "one", "a": 1}}
    counts = {id: (await admin.get(f"/api/groups/{id}")).json()["members"] for id in ("one", "2", "three")}
    assert counts == {"one": 1, "2": 0, "three": 1}
    found = await taken(4)
    assert {each.event.type for each in found} == {"group"}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no group": ({"groupId": None}, "/groupId"),
    "empty group": ({"groupId": ""}, "/groupId"),
    "group true": ({"groupId": True}, "/groupId"),
    "group of many letters": ({"groupId": "g" * 201}, "/groupId"),
    "group with NUL": ({"groupId": "a\0"}, "/groupId"),
    "group with a line break": ({"groupId": "a\nb"}, "/groupId"),
    "no customer": ({"userId": ""}, "/userId"),
    "traits a list": ({"traits": []}, "/traits"),
    "NUL in a trait": ({"traits": {"a": {"b": "\0"}}}, "/traits/a/b"),
    "huge number": ({"traits": {"a": 2**63}}, "/traits/a"),
    "deep": ({"traits": {"a": json.loads("[" * 30 + "]" * 30)}}, "/traits/a" + "/0" * 19),
    "too large": ({"traits": {"a": "x" * 33_000}}, ""),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_group_call_is_named_and_changes_nothing(
    case: str, site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    change, pointer = BAD[case]
    bad = {**item("ann", "acme", plan="pro"), **change}
    answer = await site.post("/v1/batch", json={"batch": [item("ben", "other"), bad]})
    (rejected,) = answer.json()["rejected"]
    assert [problem["pointer"] for problem in rejected["problems"]] == [f"/batch/1{pointer}"]
    single = await site.post("/v1/group", json=bad)
    assert (single.status_code, single.json()["problems"][0]["pointer"]) == (422, pointer)
    assert [group["id"] for group in (await admin.get("/api/groups")).json()["groups"]] == ["other"]
    assert (await admin.get("/api/customers/ann")).status_code == 404


async def test_what_would_be_too_large_rejects_its_item_and_nothing_of_it_is_kept(
    site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    big = {f"a{n}": "x" * 15_000 for n in range(2)}
    full = [{"type": "identify", "userId": "big", "traits": {name: "x" * 31_000}} for name in "ab"]
    await site.post("/v1/batch", json={"batch": full})
    items = [item("ann", "acme", **big), item("ben", "acme", c="x" * 9_000), item("big", "new", **big), item("eve", 5)]
    said = (await site.post("/v1/batch", json={"batch": items})).json()
    wrong = {each["index"]: each["problems"][0] for each in said["rejected"]}
    assert {index: problem["pointer"] for index, problem in wrong.items()} == {
        1: "/batch/1/traits",
        2: "/batch/2/traits",
    }
    assert "the group's traits" in wrong[1]["message"]
    assert "customer's attributes" in wrong[2]["message"]
    assert [group["id"] for group in (await admin.get("/api/groups")).json()["groups"]] == ["5", "acme"]
    assert set((await admin.get("/api/groups/acme")).json()["traits"]) == {"a0", "a1"}
    assert (await admin.get("/api/customers/ben")).status_code == 404
    assert set(await attributes(admin, "big")) == {"a", "b"}


async def test_identify_does_not_write_the_attribute_group(site: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    await site.post("/v1/group", json=item("ann", "acme", plan="pro"))
    bad = {"type": "identify", "userId": "ann", "traits": {"group": "beta", "x": 1}}
    single = await site.post("/v1/identify", json=bad)
    assert (single.status_code, single.json()["problems"][0]["pointer"]) == (422, "/traits/group")
    assert "`group` call" in single.json()["problems"][0]["fix"]
    tracked = {"type": "track", "userId": "ann", "event": "e", "properties": {"group": "beta"}}
    said = (await site.post("/v1/batch", json={"batch": [bad, tracked]})).json()
    assert (said["accepted"], [each["index"] for each in said["rejected"]]) == (1, [0])
    assert await attributes(admin, "ann") == {"group": {"id": "acme", "plan": "pro"}}


async def test_rows_that_have_an_attribute_group_keep_it_until_they_join(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    for id in ("old", "older"):
        await owner.execute(
            "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, $2, $3)",
            shop.id, id, {"group": "beta"},
        )  # fmt: skip
    await site.post("/v1/identify", json={"userId": "old", "traits": {"x": 1}})
    assert await attributes(admin, "old") == {"group": "beta", "x": 1}
    assert (await admin.get("/api/customers/old")).json()["group"] is None
    await site.post("/v1/group", json=item("old", "acme"))
    assert await attributes(admin, "old") == {"group": {"id": "acme"}, "x": 1}
    assert await attributes(admin, "older") == {"group": "beta"}


async def test_groups_are_found_by_the_beginning_of_an_id_or_a_name_page_by_page(
    site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    items = [item(f"c{n}", f"g{n:02}", name=f"Firm {n % 3}_%") for n in range(12)]
    await site.post("/v1/batch", json={"batch": items})
    found: list[str] = []
    next: str | None = ""
    while next is not None:
        page = (await admin.get("/api/groups", params={"limit": 5, "after": next})).json()
        found += [group["id"] for group in page["groups"]]
        next = page["next"]
    assert found == [f"g{n:02}" for n in range(12)]
    for query, many in (("G0", 10), ("firm 1", 4), ("firm 1_%", 4), ("%", 0), ("1", 0)):
        assert len((await admin.get("/api/groups", params={"query": query})).json()["groups"]) == many
    for query in ("limit=0", "after=x", "colour=red", "query=%00"):
        assert (await admin.get(f"/api/groups?{query}")).status_code == 422
        assert (await admin.get(f"/api/groups/g00?{query}")).status_code == 422


async def test_a_group_shows_its_members_page_by_page(site: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    items = [{"type": "identify", "userId": f"c{n}", "traits": {"email": f"c{n}@shop.example"}} for n in range(3)]
    await site.post("/v1/batch", json={"batch": [*items, *(item(f"c{n}", "a/b c", plan="pro") for n in range(7))]})
    address = f"/api/groups/{quote('a/b c', safe='')}"
    first = (await admin.get(address, params={"limit": 4})).json()
    assert (first["id"], first["traits"], first["members"], first["behind"]) == ("a/b c", {"plan": "pro"}, 7, 0)
    assert [(each["id"], each["email"]) for each in first["customers"]][:1] == [("c0", "c0@shop.example")]
    rest = (await admin.get(address, params={"limit": 4, "after": first["next"]})).json()
    assert [each["id"] for each in (*first["customers"], *rest["customers"])] == [f"c{n}" for n in range(7)]
    assert rest["next"] is None
    assert (await admin.get("/api/groups/nothing")).status_code == 404


async def test_the_list_counts_members_and_those_behind_as_the_group_does(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, worker: Pool
) -> None:
    many = [item(f"c{n}", "acme", plan="pro") for n in range(3)]
    await site.post("/v1/batch", json={"batch": [*many, item("x", "solo"), item("y", "left"), item("y", "solo")]})
    await site.post("/v1/group", json=item("c0", "acme", plan="free"))

    async def told() -> dict[str, tuple[int, int]]:
        found = (await admin.get("/api/groups")).json()["groups"]
        for each in found:
            whole = (await admin.get(f"/api/groups/{each['id']}")).json()
            assert {name: whole[name] for name in each} == each
        return {each["id"]: (each["members"], each["behind"]) for each in found}

    assert await told() == {"acme": (3, 2), "left": (0, 0), "solo": (2, 0)}
    await all_told(worker)
    assert await told() == {"acme": (3, 0), "left": (0, 0), "solo": (2, 0)}
    assert (await admin.delete("/api/groups/acme")).status_code == 204
    await site.post("/v1/group", json=item("c1", "acme"))  # made anew, before the old members were told
    assert await told() == {"acme": (1, 0), "left": (0, 0), "solo": (2, 0)}


async def test_the_list_counts_no_further_than_it_says(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await site.post("/v1/batch", json={"batch": [item("ann", "acme", plan="pro"), item("ben", "solo")]})
    await owner.execute(
        "INSERT INTO customers (workspace_id, customer_id) SELECT $1, 'c' || n FROM generate_series(1, 10000) AS n",
        shop.id,
    )
    await owner.execute(
        "INSERT INTO group_members (workspace_id, customer_id, group_id, joined, seen)"
        " SELECT $1, 'c' || n, group_id, revision, 0 FROM generate_series(1, 10000) AS n, groups"
        " WHERE workspace_id = $1 AND group_id = 'acme'",
        shop.id,
    )
    listed = {group["id"]: group for group in (await admin.get("/api/groups")).json()["groups"]}
    counted = {id: (group["members"], group["more"], group["behind"]) for id, group in listed.items()}
    assert counted == {"acme": (10_000, True, 10_000), "solo": (1, False, 0)}
    assert (await admin.get("/api/groups/acme")).json()["members"] == 10_001
    await admin.delete("/api/customers/ann")
    acme = (await admin.get("/api/groups", params={"query": "acme"})).json()["groups"][0]
    assert (acme["members"], acme["more"]) == (10_000, False)


async def test_a_deleted_group_is_gone_at_once_and_its_members_stay(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, worker: Pool
) -> None:
    await site.post(
        "/v1/batch", json={"batch": [item("ann", "acme", plan="pro"), item("ben", "acme"), item("eve", "o")]}
    )
    await site.post("/v1/identify", json={"userId": "ann", "traits": {"x": 1}})
    assert (await admin.delete("/api/groups/acme")).status_code == 204
    assert (await admin.delete("/api/groups/acme")).status_code == 404
    assert (await admin.get("/api/groups/acme")).status_code == 404
    assert [group["id"] for group in (await admin.get("/api/groups")).json()["groups"]] == ["o"]
    assert (await admin.get("/api/customers/ann")).json()["group"] is None
    await all_told(worker)
    assert await attributes(admin, "ann") == {"x": 1}
    assert await attributes(admin, "ben") == {}
    assert await attributes(admin, "eve") == {"group": {"id": "o"}}


async def test_deleting_a_customer_leaves_the_group(site: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    await site.post("/v1/batch", json={"batch": [item("ann", "acme", plan="pro"), item("ben", "acme")]})
    assert (await admin.delete("/api/customers/ann")).status_code == 204
    group = (await admin.get("/api/groups/acme")).json()
    assert (group["members"], [each["id"] for each in group["customers"]]) == (1, ["ben"])


async def test_a_second_workspace_sees_nothing_of_the_groups_of_the_first(
    site: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    api: Any,
    stack: Any,
    shop: Any,
    worker: Pool,
    new_shop: Callable[[], Awaitable[Any]],
) -> None:
    await site.post("/v1/group", json=item("ann", "acme", plan="pro"))
    other = await new_shop()
    async with httpx.AsyncClient(base_url=api.settings.api_url, auth=(other.write_key, "")) as theirs:
        await theirs.post("/v1/group", json=item("ann", "acme", plan="theirs"))
    await all_told(worker)
    assert await attributes(admin, "ann") == {"group": {"id": "acme", "plan": "pro"}}
    headers = {"Authorization": f"Bearer {other.admin_token}"}
    async with httpx.AsyncClient(base_url=api.settings.api_url, headers=headers) as stranger:
        assert (await stranger.get("/api/groups/acme")).json()["traits"] == {"plan": "theirs"}
        assert (await stranger.delete("/api/groups/acme")).status_code == 204
    await all_told(worker)
    assert (await admin.get("/api/groups/acme")).json()["members"] == 1
    pool = await connect(stack.settings.api_dsn, max_size=1)
    try:
        for table in ("groups", "group_members"):
            assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0
            async with tenancy.workspace(pool, shop.id) as connection:
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 1
        async with tenancy.workspace(pool, other.id) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("INSERT INTO groups (workspace_id, group_id) VALUES ($1, 'x')", shop.id)
    finally:
        await pool.close()


async def test_the_command_line_lists_and_shows_groups(api: Any, shop: Any, site: httpx.AsyncClient) -> None:
    await site.post("/v1/batch", json={"batch": [item(f"c{n}", f"g{n % 2}", name=f"Firm {n % 2}") for n in range(7)]})
    await site.post("/v1/group", json=item("c1", "g1", plan="pro"))
    env = {"LAUDSTREAM_API_URL": api.settings.api_url, "LAUDSTREAM_API_TOKEN": shop.admin_token}

    async def run(*arguments: str) -> str:
        found = await asyncio.to_thread(CliRunner(env=env).invoke, groups, arguments)
        assert found.exit_code == 0, found.output
        return found.output

    listed = await run("list", "--query", "firm")
    assert all(word in listed for word in ("g0", "g1", "Firm 0", "Firm 1", "members", "behind"))
    lines = {line.split()[0]: line.split()[1:5] for line in listed.splitlines() if " Firm " in line}
    assert lines == {"g0": ["Firm", "0", "4", "0"], "g1": ["Firm", "1", "3", "2"]}
    assert "the first 1; narrow" in await run("list", "--limit", "1")
    shown = await run("show", "g1")
    assert all(word in shown for word in ("group g1", "Firm 1", "3 members", "c1", "c5", "2 do not have"))
    assert json.loads(await run("show", "g0", "--json"))["members"] == 4


async def test_write_keys_do_not_read_groups(site: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    assert (await site.get("/api/groups")).status_code == 401
    assert (await admin.post("/v1/group", json=item("ann", "acme"))).status_code == 401
