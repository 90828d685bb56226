"""Experiments and their winners over the API (R45)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

BODY = {
    "entry": [{"event": {"name": "go"}}],
    "goal": {"event": {"name": "buy"}, "within": "P1D"},
    "start": "test",
    "steps": {
        "test": {
            "experiment": {
                "arms": {"a": 45, "b": 45}, "holdout": 10,
                "winner": {"metric": "goal", "minimum": 50, "hold_rest": True},
            },
            "next": {"a": "done", "b": "done", "holdout": "done"},
        },
        "done": {"exit": {"outcome": "done"}},
    },
}  # fmt: skip
ADDRESS = "/api/journeys/letter/experiments"


@pytest.fixture
async def published(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await admin.put("/api/journeys/letter", json=BODY)).status_code == 200
    assert (await admin.post("/api/journeys/letter/publish")).status_code == 200
    return admin


async def test_r45_a_person_chooses_the_winner(published: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    answer = await published.put(f"{ADDRESS}/test/winner", json={"arm": "b"})
    assert (answer.status_code, answer.json()) == (200, {"experiment": "letter/test", "arm": "b", "seen": False})
    rows = await owner.fetch(
        "SELECT id, status, body FROM control_outbox WHERE workspace_id = $1 AND kind = 'winner'", shop.id
    )
    assert [tuple(row) for row in rows] == [("letter/test", "b", None)]
    (found,) = (await published.get(ADDRESS)).json()["experiments"]
    assert (found["winner"]["arm"], found["winner"]["by"]) == ("b", "person")
    again = await published.put(f"{ADDRESS}/test/winner", json={"arm": "a"})
    assert again.json()["arm"] == "a"


async def test_the_arms_are_shown_with_what_came_of_them(published: httpx.AsyncClient, owner: Pool, shop: Any) -> None:
    for run, arm in (("r1", "a"), ("r2", "a"), ("r3", "b")):
        await owner.execute(
            """INSERT INTO runs (workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at,
                ended_at, arms, last_n) VALUES ($1, $2, 'ann', 'letter', 1, 'done', now(), now(), now(), $3, 5)""",
            shop.id, run, {"test": arm},
        )  # fmt: skip
    await owner.execute("INSERT INTO step_counts VALUES ($1, 'letter', 1, 'test', 'goal:a', 0, 1)", shop.id)
    (found,) = (await published.get(ADDRESS)).json()["experiments"]
    assert found["arms"] == [
        {"name": "a", "weight": 45.0, "customers": 1, "runs": 2, "met": 1},
        {"name": "b", "weight": 45.0, "customers": 1, "runs": 1, "met": 0},
        {"name": "holdout", "weight": 10.0, "customers": 0, "runs": 0, "met": 0},
    ]
    assert (found["step"], found["metric"], found["minimum"], found["hold_rest"]) == ("test", "goal", 50, True)
    assert found["winner"] is None


@pytest.mark.parametrize(
    ("step", "arm", "status"), [("test", "c", 422), ("test", "holdout", 422), ("done", "a", 404), ("nope", "a", 404)]
)
async def test_r60_what_cannot_win_is_named(published: httpx.AsyncClient, step: str, arm: str, status: int) -> None:
    answer = await published.put(f"{ADDRESS}/{step}/winner", json={"arm": arm})
    assert answer.status_code == status, answer.text


async def test_a_journey_that_is_not_published_has_none(admin: httpx.AsyncClient) -> None:
    assert (await admin.get(ADDRESS)).status_code == 404
