"""Winners of experiments, chosen by what the projector has counted in a real PostgreSQL (R45)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from agents.choosing import Chooser
from laudstream.messages.delivery import KINDS

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

WORKSPACE = "testshop"
OPENED = 1 << KINDS.index("opened")


def journey(id: str, **winner: Any) -> dict[str, Any]:
    settings = {"arms": {"a": 50, "b": 50}, "winner": {"metric": "opened", "minimum": 20, **winner}}
    return {
        "id": id,
        "entry": [{"event": {"name": "go"}}],
        "goal": {"event": {"name": "buy"}, "within": "P1D"},
        "start": "test",
        "steps": {
            "test": {"experiment": settings, "next": "mail"},
            "mail": {"message": {"channel": "email", "template": "hello"}, "next": "done"},
            "done": {"exit": {"outcome": "done"}},
        },
    }


@pytest.fixture
async def clean(pool: Pool) -> AsyncIterator[Pool]:
    await pool.execute("DELETE FROM experiment_winners")
    yield pool
    for table in ("experiment_winners", "runs", "messages", "step_counts", "control_outbox"):
        await pool.execute(f"DELETE FROM {table}")
    await pool.execute("DELETE FROM journey_versions")
    await pool.execute("DELETE FROM journeys")


async def publish(pool: Pool, body: dict[str, Any], status: str = "live") -> None:
    await pool.execute(
        "INSERT INTO journeys (workspace_id, journey_id, name, status, live_version) VALUES ($1, $2, $2, $3, 1)",
        WORKSPACE, body["id"], status,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO journey_versions (workspace_id, journey_id, version, body) VALUES ($1, $2, 1, $3)",
        WORKSPACE, body["id"], body,
    )  # fmt: skip


async def passed(pool: Pool, journey: str, arm: str, customers: int, opened: int, goals: int = 0) -> None:
    """Runs that went an arm, and messages of which so many were opened."""
    for n in range(customers):
        run = f"{journey}{arm}{n}"
        await pool.execute(
            """INSERT INTO runs (workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at,
                ended_at, arms, last_n) VALUES ($1, $2, $2, $3, 1, 'done', now(), now(), now(), $4, 5)""",
            WORKSPACE, run, journey, {"test": arm},
        )  # fmt: skip
        await pool.execute(
            """INSERT INTO messages (workspace_id, send_id, customer_id, channel, message_class, journey_id, version,
                run_id, step, template_id, template_version, status, status_rank, status_at, kinds)
            VALUES ($1, $2, $2, 'email', 'marketing', $3, 1, $2, 'mail', 'hello', 1, 'sent', 40, now(), $4)""",
            WORKSPACE, run, journey, OPENED | 1 if n < opened else 1,
        )  # fmt: skip
    counts = [(f"left:{arm}", customers), *([(f"goal:{arm}", goals)] if goals else [])]
    for counter, amount in counts:
        await pool.execute(
            "INSERT INTO step_counts VALUES ($1, $2, 1, 'test', $3, 0, $4)", WORKSPACE, journey, counter, amount
        )


async def waits(pool: Pool, journey: str, since: str) -> None:
    await pool.execute(
        f"""INSERT INTO runs (workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at,
            last_n) VALUES ($1, $2, $2, $3, 1, 'test', now(), now() - interval '{since}', 1)""",
        WORKSPACE, f"{journey}w{since}", journey,
    )  # fmt: skip


async def orders(pool: Pool) -> list[tuple[str, str, str]]:
    rows = await pool.fetch("SELECT kind, id, status FROM control_outbox ORDER BY outbox_id")
    return [tuple(row) for row in rows]


async def test_r45_the_arm_that_leads_clearly_wins_once_and_what_was_counted_is_kept(clean: Pool) -> None:
    await publish(clean, journey("letter"))
    await passed(clean, "letter", "a", 40, 5)
    await passed(clean, "letter", "b", 19, 15)
    chooser = Chooser(clean)
    assert await chooser.look() == []  # b has not its minimum
    await passed(clean, "letter", "bb", 0, 0)
    await clean.execute("DELETE FROM step_counts WHERE counter = 'left:b'")
    await clean.execute("UPDATE runs SET arms = '{\"test\": \"b\"}' WHERE run_id = 'lettera39'")
    await clean.execute("INSERT INTO step_counts VALUES ($1, 'letter', 1, 'test', 'left:b', 1, 20)", WORKSPACE)
    assert await chooser.look() == [("letter/test", "b")]
    assert await chooser.look() == []
    assert await orders(clean) == [("winner", "letter/test", "b")]
    row = await clean.fetchrow("SELECT arm, chosen_by, counts FROM experiment_winners")
    assert (row["arm"], row["chosen_by"]) == ("b", "lead")
    assert row["counts"] == [
        {"arm": "a", "customers": 39, "runs": 39, "met": 5}, {"arm": "b", "customers": 20, "runs": 20, "met": 15},
    ]  # fmt: skip


async def test_r45_the_leading_arm_wins_when_the_first_has_waited_long_enough(clean: Pool) -> None:
    await publish(clean, journey("letter", hold_rest=True, hold_at_most="PT4H"))
    await passed(clean, "letter", "a", 2, 1)
    await passed(clean, "letter", "b", 2, 2)
    chooser = Chooser(clean)
    await waits(clean, "letter", "3 hours")
    assert await chooser.look() == []
    await waits(clean, "letter", "5 hours")
    assert await chooser.look() == [("letter/test", "b")]
    assert await clean.fetchval("SELECT chosen_by FROM experiment_winners") == "time"


async def test_r45_goals_count_where_the_metric_is_the_goal(clean: Pool) -> None:
    await publish(clean, journey("letter", metric="goal"))
    await passed(clean, "letter", "a", 40, 0, goals=30)
    await passed(clean, "letter", "b", 40, 40, goals=5)
    assert await Chooser(clean).look() == [("letter/test", "a")]


async def test_r45_of_a_journey_that_is_stopped_nothing_is_chosen(clean: Pool) -> None:
    await publish(clean, journey("letter"), "stopped")
    await passed(clean, "letter", "a", 40, 5)
    await passed(clean, "letter", "b", 40, 30)
    assert await Chooser(clean).look() == []


async def test_r45_two_that_choose_at_once_make_one_winner(clean: Pool) -> None:
    import asyncio

    await publish(clean, journey("letter"))
    await passed(clean, "letter", "a", 40, 5)
    await passed(clean, "letter", "b", 40, 30)
    found = await asyncio.gather(*(Chooser(clean).look() for _ in range(4)))
    assert sorted(map(len, found)) == [0, 0, 0, 1]
    assert json.dumps(await orders(clean)) == '[["winner", "letter/test", "b"]]'
