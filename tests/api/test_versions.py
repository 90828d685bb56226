"""Versions of a journey by the API: history, trials, restore, maps and their dry run (R48), on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.test_journeys import NUMBER, P, _lanes_read

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

CART = "/api/journeys/cart"
ORDERS = """SELECT kind, version, status, share, body FROM control_outbox
WHERE workspace_id = $1 AND kind IN ('journey', 'migration', 'count') ORDER BY outbox_id"""


def body(step: str = "look", **changes: Any) -> dict[str, Any]:
    wait = {"branches": [{"event": {"name": "buy"}, "next": "done"}]}
    steps = {step: {"wait": wait}, "done": {"exit": {"outcome": "bought"}}}
    return {"id": "cart", "name": "Cart", "entry": [{"event": {"name": "cart"}}], "start": step, "steps": steps,
            **changes}  # fmt: skip


async def draft(admin: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    answer = await admin.put(CART, json=made)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def act(admin: httpx.AsyncClient, action: str, wish: Any = None, status: int = 200) -> dict[str, Any]:
    answer = await admin.post(f"{CART}/{action}", json=wish)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def published(admin: httpx.AsyncClient, *bodies: dict[str, Any]) -> None:
    for made in bodies or (body(),):
        await draft(admin, made)
        await act(admin, "publish")


async def orders(owner: Pool, shop: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await owner.fetch(ORDERS, shop.id)]


async def lines(admin: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await admin.get(f"{CART}/versions")).json()["versions"])


async def test_r48_publishing_a_version_with_a_map_orders_the_map_right_after_it(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await published(admin, body(), body("wait", migrate={"look": "wait", "old": "exit"}))
    made = await orders(owner, shop)
    assert [row[:3] for row in made] == [("journey", 1, "live"), ("journey", 2, "live"), ("migration", 1, "live")]
    assert made[2][4] == {"to": 2, "steps": {"look": "wait", "old": "exit"}}
    await act(admin, "migrate", {"steps": {"other": "done"}})
    assert (await orders(owner, shop))[3][1:] == (2, "live", 0, {"to": 2, "steps": {"other": "done"}})


async def test_r48_a_publish_with_a_map_is_seen_when_every_lane_has_the_map(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await published(admin)
    await draft(admin, body("wait", migrate={"look": "wait"}))
    waiting = asyncio.create_task(admin.post(f"{CART}/publish?wait=20"))
    while len(await orders(owner, shop)) < 3:
        assert not waiting.done()
    await _lanes_read(owner)
    answer = (await waiting).json()
    assert (answer["version"], answer["status"], answer["seen"]) == (2, "live", True)


async def test_r20_r60_a_map_is_checked_and_its_doubts_are_told(admin: httpx.AsyncClient) -> None:
    await published(admin)
    wrong = await admin.put(CART, json=body("wait", migrate={"look": "nowhere"}))
    assert (wrong.status_code, wrong.json()["problems"][0]["pointer"]) == (422, "/migrate/look")
    saved = await draft(admin, body("wait", migrate={"lok": "wait"}))
    assert [doubt["pointer"] for doubt in saved["warnings"]] == ["/migrate/lok", "/migrate"]
    for wish, pointer in (({"steps": {"look": "nowhere"}}, "/steps/look"), ({"steps": {}}, "/steps"), ({}, "/steps")):
        answer = await admin.post(f"{CART}/migrate", json=wish)
        assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (422, pointer)


async def test_r48_the_history_says_what_each_version_is_and_how_many_are_on_it(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await published(admin, body(), body("wait", migrate={"look": "wait"}))
    counts = [(1, "entered", 10), (1, "ended:bought", 3), (1, "moved_out", 5), (2, "moved_in", 5), (2, "entered", 2)]
    await owner.executemany(
        "INSERT INTO step_counts VALUES ($1, 'cart', $2, '', $3, 0, $4)", [(shop.id, *count) for count in counts]
    )
    found = [(line["version"], line["state"], line["runs"], line["migrates"]) for line in await lines(admin)]
    assert found == [(2, "live", 7, True), (1, "past", 2, False)]
    stats = (await admin.get(f"{CART}/stats?version=1")).json()
    assert (stats["active"], stats["moved_out"]) == (2, 5)
    one = (await admin.get(f"{CART}/versions/1")).json()
    assert (one["version"], one["body"]["start"]) == (1, "look")
    for version in ("3", "0", "x", "1x", "9" * 12):
        assert (await admin.get(f"{CART}/versions/{version}")).status_code == 404
    assert (await admin.get("/api/journeys/nobody/versions")).status_code == 404


async def test_r48_restore_publishes_an_old_body_as_a_new_version_and_leaves_the_draft(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await published(admin, body(), body("wait", migrate={"look": "wait"}))
    await draft(admin, body("third"))
    assert (await act(admin, "restore", {"version": 1, "migrate": {"wait": "look"}}))["version"] == 3
    first = (await lines(admin))[0]
    assert (first["version"], first["state"], first["restored_from"], first["migrates"]) == (3, "live", 1, True)
    shown = (await admin.get(CART)).json()
    assert (shown["body"]["start"], shown["draft"]["start"]) == ("look", "third")
    assert (await orders(owner, shop))[-1][4] == {"to": 3, "steps": {"wait": "look"}}
    await act(admin, "restore", {"version": 2})
    assert "migrate" not in (await admin.get(CART)).json()["body"], "an old map is not gone through again"
    await act(admin, "restore", {"version": 4}, 409)
    await act(admin, "restore", {"version": 9}, 404)
    wrong = await act(admin, "restore", {"version": 1, "migrate": {"wait": "nowhere"}}, 422)
    assert wrong["problems"][0]["pointer"] == "/migrate/wait"
    assert len(await lines(admin)) == 4


async def test_r48_a_trial_is_published_grows_and_is_promoted(admin: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    await published(admin)
    await draft(admin, body("wait", migrate={"look": "wait"}))
    answer = await act(admin, "publish?share=10")
    assert (answer["version"], answer["status"]) == (2, "publishing")
    shown = (await admin.get(CART)).json()
    assert (shown["live_version"], shown["trial"], "draft" in shown) == (1, {"version": 2, "share": 10.0}, False)
    assert [(line["state"], line["share"]) for line in await lines(admin)] == [("trial", 10.0), ("live", None)]
    await act(admin, "publish?share=12.5")
    made = await orders(owner, shop)
    assert [row[:4] for row in made[1:]] == [("journey", 2, "trial", 1000), ("journey", 2, "trial", 1250)]
    assert (made[1][4] is not None, made[2][4]) == (True, None)
    await act(admin, "promote")
    assert [row[:3] for row in (await orders(owner, shop))[3:]] == [("journey", 2, "live"), ("migration", 1, "live")]
    shown = (await admin.get(CART)).json()
    assert (shown["live_version"], "trial" in shown) == (2, False)
    await act(admin, "promote", status=409)


async def test_r48_a_trial_is_withdrawn_and_ends_with_a_stop_and_another_publish(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await published(admin)
    for number, (action, last) in enumerate((("withdraw", "withdrawn"), ("stop", "stopped"), ("publish", "live"))):
        await draft(admin, body("wait", name=f"Cart {number}"))
        await act(admin, "publish?share=5")
        if action == "publish":
            await draft(admin, body("wait", name="For all"))
        await act(admin, action)
        assert (await orders(owner, shop))[-1][2] == last
        assert "trial" not in (await admin.get(CART)).json()
        assert [line["trial"] for line in (await admin.get("/api/journeys")).json()["journeys"]] == [None]
        await act(admin, "withdraw", status=409)
        if action == "stop":
            await act(admin, "publish")
    assert [line["state"] for line in await lines(admin)] == ["live", "past", "past", "past", "past"]


async def test_r48_a_trial_needs_a_live_version_a_draft_and_the_same_audience(admin: httpx.AsyncClient) -> None:
    await draft(admin, body())
    await act(admin, "publish?share=10", status=409)
    await act(admin, "publish")
    await act(admin, "publish?share=10", status=409)
    for changes, pointer in (
        ({"entry": [{"event": {"name": "cart"}}, {"audience": {}}]}, "/entry"),
        ({"max_entries": 5}, "/max_entries"),
    ):
        await draft(admin, body(**changes))
        answer = await act(admin, "publish?share=10", status=422)
        assert [problem["pointer"] for problem in answer["problems"]] == [pointer]
    for share in ("0", "100", "-1", "x", "nan"):
        assert (await admin.post(f"{CART}/publish?share={share}")).status_code == 422
    await act(admin, "pause")
    await act(admin, "publish?share=10", status=409)
    assert len(await lines(admin)) == 1


async def _count(owner: Pool, shop: Any, cells: list[list[list[Any]]]) -> None:
    """What the control agent and the projector do with a count: number it, keep what each lane says."""
    await owner.execute(NUMBER)
    seq = await owner.fetchval(
        "SELECT max(control_seq) FROM control_outbox WHERE workspace_id = $1 AND kind = 'count'", shop.id
    )
    await owner.executemany(
        "INSERT INTO presence_counts VALUES ($1, $2, $3, 'cart', $4) ON CONFLICT DO NOTHING",
        [(seq, p, shop.id, cells[p]) for p in range(len(cells))],
    )


async def test_r48_the_dry_run_adds_up_what_the_lanes_counted_and_says_where_each_would_go(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await published(admin)
    lane = [[1, "look", False, 2, 1], [1, "done", True, 1, 1], [2, "late", False, 1, 1]]
    wish = {"migrate": {"look": "wait", "done": "exit"}}
    first = await act(admin, "dry-run", wish)
    assert (first["done"], first["lanes"], first["cells"]) == (False, 0, [])
    assert (await act(admin, "dry-run", wish))["order"] == first["order"], "one that is open serves whoever asks"
    await _count(owner, shop, [lane, []])
    part = await act(admin, "dry-run", {**wish, "order": first["order"]})
    assert (part["done"], part["lanes"], part["cells"][1]["runs"]) == (False, 2, 2)
    await _count(owner, shop, [lane] * P)
    whole = await act(admin, "dry-run", {**wish, "order": first["order"]})
    assert (whole["done"], whole["lanes"]) == (True, P)
    cells = [
        tuple(each[name] for name in ("version", "step", "to", "parked", "people", "runs")) for each in whole["cells"]
    ]
    assert cells == [
        (1, "done", "stay", True, P - 1, P - 1), (1, "look", "wait", False, P - 1, 2 * (P - 1)),
        (2, "late", "stay", False, P - 1, P - 1),
    ]  # fmt: skip
    assert [row[:3] for row in await orders(owner, shop)][1:] == [("count", 1, "live")]


async def test_r48_a_dry_run_of_what_was_never_published_or_asked_for(admin: httpx.AsyncClient) -> None:
    await draft(admin, body())
    answer = await act(admin, "dry-run", {})
    assert (answer["order"], answer["done"], answer["cells"]) == (None, True, [])
    await act(admin, "dry-run", {"order": 5}, 404)
    await act(admin, "dry-run", {"migrate": {"look": 3}}, 422)
    assert (await admin.post("/api/journeys/nobody/dry-run", json={})).status_code == 404


async def test_nobody_sees_the_counts_of_another_workspace(admin: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    await published(admin)
    order = (await act(admin, "dry-run", {}))["order"]
    await _count(owner, shop, [[[1, "look", False, 1, 1]]] * P)
    await owner.execute("UPDATE presence_counts SET workspace_id = 'elsewhere1' WHERE workspace_id = $1", shop.id)
    assert (await act(admin, "dry-run", {"order": order}))["lanes"] == 0
