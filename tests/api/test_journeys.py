"""Definitions, publishing and counts, against the real API and PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.stats import summed
from laudstream.journey import definition

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

P = 8
TEMPLATE = {"channel": "email", "subject": "Hello {{ customer.first_name }}", "html": "<p>Hello</p>"}


def journey(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Welcome",
        "entry": [{"event": {"name": "signed_up"}}],
        "start": "hello",
        "steps": {
            "hello": {"message": {"channel": "email", "template": "hello"}, "next": "done"},
            "done": {"exit": {"outcome": "greeted"}},
        },
        **changes,
    }


async def _ready(admin: httpx.AsyncClient) -> None:
    assert (await admin.put("/api/templates/hello", json=TEMPLATE)).status_code == 200
    assert (await admin.put("/api/journeys/welcome", json=journey())).status_code == 200


NUMBER = """
UPDATE control_outbox o
SET sent_at = now(), control_seq = (SELECT coalesce(max(control_seq), 0) FROM control_outbox) + n
FROM (
    SELECT outbox_id, row_number() OVER (ORDER BY outbox_id) AS n FROM control_outbox WHERE control_seq IS NULL
) AS new
WHERE o.outbox_id = new.outbox_id
"""


async def _lanes_read(owner: Pool, *partitions: int) -> None:
    """What the control agent and the projector do: number the orders, report how far the lanes are."""
    await owner.execute(NUMBER)
    await owner.executemany(
        """INSERT INTO lane_control SELECT $1, max(control_seq) FROM control_outbox
        ON CONFLICT (partition) DO UPDATE SET control_seq = excluded.control_seq""",
        [(p,) for p in partitions or range(P)],
    )


@pytest.mark.integration
async def test_a9_publishing_is_one_version_and_one_order_and_live_when_every_lane_has_read_it(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _ready(admin)
    answer = await admin.post("/api/journeys/welcome/publish")
    assert answer.json() == {"version": 1, "status": "publishing", "seen": False, "problem": None}
    rows = await owner.fetch(
        "SELECT kind, version, status, body FROM control_outbox WHERE workspace_id = $1 AND kind = 'journey'", shop.id
    )
    assert [tuple(row) for row in rows] == [("journey", 1, "live", {**journey(), "id": "welcome"})]
    assert await owner.fetchval("SELECT body FROM journey_versions WHERE workspace_id = $1", shop.id) == rows[0]["body"]
    assert (await admin.get("/api/journeys/welcome")).json()["status"] == "publishing"

    await owner.execute("DELETE FROM lane_control")
    await _lanes_read(owner, *range(P - 1))
    assert (await admin.get("/api/journeys")).json()["journeys"][0]["status"] == "publishing"
    await _lanes_read(owner)
    assert (await admin.get("/api/journeys")).json()["journeys"][0]["status"] == "live"
    shown = (await admin.get("/api/journeys/welcome")).json()
    assert (shown["status"], shown["live_version"], "draft" in shown) == ("live", 1, False)
    assert [each["version"] for each in shown["versions"]] == [1]


@pytest.mark.integration
async def test_publish_waits_until_the_lanes_have_it(admin: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    await _ready(admin)
    began = time.monotonic()
    late = await admin.post("/api/journeys/welcome/publish?wait=0.3")
    assert (late.json()["status"], late.json()["seen"]) == ("publishing", False)
    assert 0.3 <= time.monotonic() - began < 5
    waiting = asyncio.create_task(admin.post("/api/journeys/welcome/publish?wait=20"))
    await asyncio.wait([waiting], timeout=0.2)
    assert not waiting.done()
    await _lanes_read(owner)
    assert (await waiting).json() == {"version": 1, "status": "live", "seen": True, "problem": None}


@pytest.mark.integration
async def test_what_the_control_agent_refuses_is_shown_as_a_problem(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _ready(admin)
    waiting = asyncio.create_task(admin.post("/api/journeys/welcome/publish?wait=20"))
    refuse = "UPDATE control_outbox SET error = 'does not compile' WHERE workspace_id = $1 AND kind = 'journey'"
    while await owner.execute(refuse, shop.id) != "UPDATE 1":
        assert not waiting.done()
    answer = (await waiting).json()
    assert (answer["status"], answer["problem"]) == ("publishing", "does not compile")
    assert (await admin.get("/api/journeys/welcome")).json()["problem"] == "does not compile"
    assert (await admin.get("/api/journeys")).json()["journeys"][0]["problem"] == "does not compile"


@pytest.mark.integration
async def test_a_draft_is_saved_beside_the_live_version(admin: httpx.AsyncClient) -> None:
    await _ready(admin)
    await admin.post("/api/journeys/welcome/publish")
    same = (await admin.put("/api/journeys/welcome", json=journey())).json()
    assert (same["changed"], same["status"]) == (False, "publishing")
    other = (await admin.put("/api/journeys/welcome", json=journey(name="Welcome back"))).json()
    assert other["changed"]
    shown = (await admin.get("/api/journeys/welcome")).json()
    assert (shown["body"]["name"], shown["draft"]["name"], shown["live_version"]) == ("Welcome", "Welcome back", 1)
    assert (await admin.get("/api/journeys")).json()["journeys"][0]["drafted"]
    assert (await admin.post("/api/journeys/welcome/publish")).json()["version"] == 2
    shown = (await admin.get("/api/journeys/welcome")).json()
    assert (shown["body"]["name"], "draft" in shown) == ("Welcome back", False)
    assert [each["version"] for each in shown["versions"]] == [2, 1]
    past = (await admin.get("/api/journeys/welcome?version=1")).json()
    assert (past["body"]["name"], past["live_version"]) == ("Welcome", 2)
    for version, status in (("3", 404), ("0", 422), ("99999999999", 422)):
        assert (await admin.get(f"/api/journeys/welcome?version={version}")).status_code == status


@pytest.mark.integration
async def test_publishing_again_without_a_change_makes_no_version(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _ready(admin)
    for _ in range(2):
        assert (await admin.post("/api/journeys/welcome/publish")).json()["version"] == 1
    count = "SELECT count(*) FROM control_outbox WHERE workspace_id = $1 AND kind = 'journey'"
    assert await owner.fetchval(count, shop.id) == 1


MOVES = {
    "draft": {"publish": "live"},
    "live": {"publish": "live", "pause": "paused", "drain": "draining", "stop": "stopped"},
    "paused": {"publish": "live", "resume": "live", "drain": "draining", "stop": "stopped"},
    "draining": {"publish": "live", "pause": "paused", "resume": "live", "stop": "stopped"},
    "stopped": {"publish": "live"},
}


@pytest.mark.integration
@pytest.mark.parametrize("status", MOVES)
@pytest.mark.parametrize("wish", ["publish", "pause", "resume", "drain", "stop"])
async def test_r7_a_status_changes_only_where_it_can(
    status: str, wish: str, admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _ready(admin)
    if status != "draft":
        await admin.post("/api/journeys/welcome/publish")
    await owner.execute("UPDATE journeys SET status = $1 WHERE workspace_id = $2", status, shop.id)
    orders = "SELECT status FROM control_outbox WHERE workspace_id = $1 AND kind = 'journey' ORDER BY outbox_id"
    before = await owner.fetch(orders, shop.id)
    answer = await admin.post(f"/api/journeys/welcome/{wish}")
    after = await owner.fetch(orders, shop.id)
    now = await owner.fetchval("SELECT status FROM journeys WHERE workspace_id = $1", shop.id)
    if wish in MOVES[status]:
        assert answer.status_code == 200
        assert now == MOVES[status][wish]
        if (status, wish) != ("live", "publish"):
            assert [row["status"] for row in after[len(before) :]] == [now]
    else:
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert answer.json()["detail"].endswith("possible now: " + ", ".join(MOVES[status]))
        assert (now, after) == (status, before)


@pytest.mark.integration
async def test_two_publish_at_once_and_one_version_comes_out(admin: httpx.AsyncClient) -> None:
    await _ready(admin)
    answers = await asyncio.gather(*(admin.post("/api/journeys/welcome/publish") for _ in range(5)))
    assert {answer.json()["version"] for answer in answers} == {1}


@pytest.mark.integration
async def test_r60_what_is_wrong_is_pointed_at_and_nothing_is_saved(admin: httpx.AsyncClient) -> None:
    bad = journey(start="nowhere")
    bad["steps"]["hello"] = {"teleport": {}, "next": "done"}
    answer = await admin.put("/api/journeys/bad", json=bad)
    assert answer.status_code == 422
    problems = answer.json()["problems"]
    assert any(problem["pointer"].startswith("/steps/hello") and problem["fix"] for problem in problems)
    assert (await admin.get("/api/journeys/bad")).status_code == 404
    assert (await admin.put("/api/journeys/bad", content=b'{"name": ')).status_code == 400
    assert (await admin.put("/api/journeys/bad", json=[])).status_code == 422
    other = await admin.put("/api/journeys/bad", json=journey(id="good"))
    assert [problem["pointer"] for problem in other.json()["problems"]] == ["/id"]


@pytest.mark.integration
async def test_r60_a_missing_template_warns_in_a_draft_and_stops_a_publish(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    saved = await admin.put("/api/journeys/welcome", json=journey())
    assert saved.status_code == 200
    assert any("template" in warning["pointer"] for warning in saved.json()["warnings"])
    answer = await admin.post("/api/journeys/welcome/publish")
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["problems"]] == ["/steps/hello/message/template"]
    assert await owner.fetchval("SELECT count(*) FROM journey_versions WHERE workspace_id = $1", shop.id) == 0
    assert await owner.fetchval("SELECT count(*) FROM control_outbox WHERE workspace_id = $1", shop.id) == 0
    assert (await admin.get("/api/journeys/welcome")).json()["status"] == "draft"


@pytest.mark.integration
async def test_r60_an_audience_of_nobody_is_doubted_when_it_is_saved(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _ready(admin)

    async def doubted(where: dict[str, Any], audience: dict[str, Any] | None = None) -> bool:
        body = journey() | {"entry": [{"audience": audience or {}, "where": where}]}
        saved = await admin.put("/api/journeys/welcome", json=body)
        assert saved.status_code == 200, saved.text
        return any(warning["pointer"] == "/entry/0/where" for warning in saved.json()["warnings"])

    pro, event = {"customer.plan": {"equals": "pro"}}, {"event": {"name": "bought"}}
    assert not await doubted(pro), "nobody is there at all"
    await owner.execute(
        "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, 'ann', $2)",
        shop.id,
        {"plan": "free"},
    )
    assert await doubted(pro)
    assert await doubted({"all": [pro, event]})
    assert not await doubted(event), "only lanes know"
    assert not await doubted(pro, {"of": "future"})
    assert not await doubted({"entry.sale": {"equals": 1}}, {"signal": "sale"})
    assert not await doubted({"segment": "nowhere"}), "that is told in other words"
    await owner.execute("UPDATE customers SET attributes = $2 WHERE workspace_id = $1", shop.id, {"plan": "pro"})
    assert not await doubted(pro)


@pytest.mark.integration
@pytest.mark.parametrize("path", ["", "/stats", "/publish", "/pause"])
async def test_an_unknown_journey_is_not_found(path: str, admin: httpx.AsyncClient) -> None:
    method = "POST" if path in ("/publish", "/pause") else "GET"
    answer = await admin.request(method, f"/api/journeys/nobody{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.integration
@pytest.mark.parametrize("wait", ["-1", "31", "soon", "nan"])
async def test_an_odd_wait_is_refused(wait: str, admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"/api/journeys/x/publish?wait={wait}")
    assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (422, "/wait")


@pytest.mark.integration
async def test_counters_of_all_lanes_are_summed(admin: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    await _ready(admin)
    await admin.post("/api/journeys/welcome/publish")
    counts = [("", "entered", 5), ("hello", "arrived", 5), ("hello", "requested", 4), ("hello", "left:sent", 4),
              ("hello", "sent", 3), ("done", "arrived", 4), ("", "ended:greeted", 4),
              ("done", "ended:greeted", 4)]  # fmt: skip
    await owner.executemany(
        "INSERT INTO step_counts VALUES ($1, 'welcome', $2, $3, $4, $5, $6)",
        [(shop.id, version, step, counter, p, n) for step, counter, n in counts for p in (0, 1) for version in (1, 2)],
    )
    stats = (await admin.get("/api/journeys/welcome/stats")).json()
    assert (stats["version"], stats["entered"], stats["active"], stats["ended"]) == (1, 10, 2, {"greeted": 8})
    assert stats["steps"]["hello"]["here"] == 2
    assert stats["steps"]["done"]["here"] == 0
    assert (await admin.get("/api/journeys/welcome/stats?version=3")).json()["entered"] == 0
    (line,) = (await admin.get("/api/journeys")).json()["journeys"]
    assert (line["entered"], line["active"], line["completed"], line["messages"], line["sent"]) == (20, 4, 16, 16, 12)
    overview = (await admin.get("/api/overview")).json()
    assert (overview["runs_entered"], overview["runs_active"]) == (20, 4)
    assert (overview["messages"], overview["messages_sent"]) == (16, 12)


def test_counters_nobody_knows_are_passed_over() -> None:
    odd = [("a", "unheard_of"), ("a", "here"), ("", "steps"), ("", "version")]
    known = [("a", "arrived", 1), ("a", "refused:cap", 2), ("a", "left", 1)]
    stats = summed(1, [*known, *((step, counter, 9) for step, counter in odd)])
    assert (stats.version, stats.steps["a"].refused, stats.steps["a"].here) == (1, {"cap": 2}, 0)


async def test_r58_a_journey_says_since_when_it_counts(admin: httpx.AsyncClient) -> None:
    order, opened = {"event": {"name": "order", "at_least": 2}}, {"message": {"is": "opened"}}
    for condition in ({"customer.plan": {"equals": "gold"}}, order, {"any": [order, opened]}):
        steps = {
            "ask": {"split": {"branches": [{"condition": condition, "next": "done"}], "else": "done"}},
            "done": {"exit": {"outcome": "done"}},
        }
        body = {"entry": [{"event": {"name": "go"}}], "start": "ask", "steps": steps}
        assert (await admin.put("/api/journeys/asking", json=body)).status_code == 200
        assert (await admin.post("/api/journeys/asking/publish")).status_code == 200
    shown = (await admin.get("/api/journeys/asking")).json()
    published = {each["version"]: each["published_at"] for each in shown["versions"]}
    found = {each["name"]: each for each in shown["counted"]}
    assert found["order"]["since"] == published[2], "version 1 did not ask it"
    assert found["order"]["reaches"] == published[2] - 90 * 86_400_000
    assert (found["opened"]["since"], found["opened"]["reaches"]) == (published[3], published[3])


@pytest.mark.integration
async def test_r60_a_check_says_what_a_publish_would_and_keeps_nothing(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    await _ready(admin)
    body = {**journey(), "id": "fresh"}
    assert (await admin.post("/api/check/journey", json=body)).json() == {"problems": [], "doubts": []}
    gone = {"message": {"channel": "email", "template": "gone", "subscription": "news"}, "next": "nowhere"}
    wrong = {**body, "steps": {**body["steps"], "hello": gone}}
    said = (await admin.post("/api/check/journey", json=wrong)).json()
    assert [(each["pointer"], each["message"]) for each in said["problems"]] == [
        ("/steps/hello/message/template", "there is no template 'gone'"),
    ]
    named = {"message": {"channel": "email", "template": "hello", "subscription": "news"}, "next": "done"}
    said = (await admin.post("/api/check/journey", json={**body, "steps": {**body["steps"], "hello": named}})).json()
    assert [each["pointer"] for each in said["problems"]] == ["/steps/hello/message/subscription"]
    assert (await admin.post("/api/check/journey", json={})).json()["problems"][0]["pointer"] == "/id"
    again = {"emit": {"enter": "fresh"}, "next": "done"}  # itself, which is there once it is saved
    itself = {**body, "start": "again", "steps": {"again": again, "done": body["steps"]["done"]}}
    assert (await admin.post("/api/check/journey", json=itself)).json()["problems"] == []
    assert (await admin.get("/api/journeys/fresh")).status_code == 404
    assert (await admin.get("/api/journeys/welcome")).json()["body"] == {**journey(), "id": "welcome"}


@pytest.mark.integration
async def test_r60_a_check_looks_for_an_audience_only_if_it_is_asked_to(admin: httpx.AsyncClient, shop: Any) -> None:
    await _ready(admin)
    body = journey(id="all", entry=[{"audience": {}, "where": {"customer.plan": {"equals": "por"}}}])
    asked = [await admin.post(f"/api/check/journey{query}", json=body) for query in ("", "?thorough=true")]
    assert [each.json()["doubts"] for each in asked] == [[], []]  # there is no customer at all
    key = (shop.write_key, "")
    traits = {"userId": "ann", "traits": {"plan": "pro", "first_name": "Ann"}}
    assert (await admin.post("/v1/identify", json=traits, headers={"Authorization": ""}, auth=key)).status_code == 200
    asked = [await admin.post(f"/api/check/journey{query}", json=body) for query in ("", "?thorough=true")]
    assert [[each["pointer"] for each in answer.json()["doubts"]] for answer in asked] == [[], ["/entry/0/where"]]


@pytest.mark.integration
async def test_the_schemas_are_those_of_the_files(admin: httpx.AsyncClient) -> None:
    journeys = (await admin.get("/api/schema/journey")).json()
    assert set(journeys["properties"]) == {*definition.FIELDS}
    segments = (await admin.get("/api/schema/segment")).json()
    assert [form["required"] for form in segments["oneOf"]] == [["id", "condition"], ["id", "manual"]]
