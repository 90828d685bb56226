"""Runs, timelines, counts, members and messages in a real PostgreSQL (A22, A23, R15, R48)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.projector import Decisions, Deliveries
from agents.streams import Step
from laudstream import topics
from laudstream.journey.decision import Decision
from tests.agents.projecting import REQUEST, STORY, batch, counted, decision, delivery, insert, tables, take

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool


async def test_decisions_become_timeline_runs_counts_and_messages(pool: Pool) -> None:
    await take(Decisions(pool), STORY)
    run = await pool.fetchrow("SELECT * FROM runs")
    assert run is not None
    assert (run["step"], run["outcome"], run["reason"], run["arms"]) == ("bye", "asked", None, {"arms": "plain"})
    assert (run["entered_at"].timestamp(), run["ended_at"].timestamp()) == (1.0, 5.0)
    timeline = await pool.fetch("SELECT n, body FROM decisions ORDER BY n")
    assert [row["n"] for row in timeline] == [1, 2, 3, 4, 5]
    assert timeline[1]["body"]["data"] == {"experiment": "cart/arms"}
    assert (await counted(pool))["", "ended:asked"] == 1
    message = await pool.fetchrow("SELECT status, template_id, requested_at FROM messages")
    assert message is not None
    assert (message[0], message[1], message[2].timestamp()) == ("requested", "reminder", 3.005)


async def test_a_run_told_in_two_batches_is_the_run_told_in_one(pool: Pool) -> None:
    handler = Decisions(pool)
    await take(handler, STORY[:2])
    open_run = await pool.fetchrow("SELECT step, ended_at, arms FROM runs")
    assert open_run is not None
    assert tuple(open_run) == ("mail", None, {"arms": "plain"})
    await take(handler, STORY[2:], start=2)
    run = await pool.fetchrow("SELECT step, outcome, arms, entered_at, last_n FROM runs")
    assert run is not None
    assert (run[0], run[1], run[2], run[3].timestamp(), run[4]) == ("bye", "asked", {"arms": "plain"}, 1.0, 5)


async def test_r48_a_run_that_was_moved_is_on_the_new_version_whatever_comes_first(pool: Pool) -> None:
    moved = decision(3, "migrated", version=2, step="mail", to="again", data={"of": 1, "migration": 1})
    handler = Decisions(pool)
    await take(handler, [moved])
    await take(handler, STORY[:2], start=1)
    assert tuple((await pool.fetchrow("SELECT version, step FROM runs")) or ()) == (2, "again")
    await take(handler, [decision(4, "moved", version=3, step="again", to="bye", branch="sent")], start=3)
    assert await pool.fetchval("SELECT version FROM runs") == 3


async def test_r48_what_lanes_counted_is_kept_once(pool: Pool) -> None:
    cells = [[1, "look", False, 4, 3]]
    told = [
        decision(0, "counted", customer="", run="", data={"seq": 7, "partition": p, "cells": cells}) for p in (3, 3, 4)
    ]
    handler = Decisions(pool)
    await take(handler, told)
    await take(handler, told[:1], start=3)
    rows = await pool.fetch("SELECT control_seq, partition, journey_id, cells FROM presence_counts ORDER BY partition")
    assert [tuple(row) for row in rows] == [(7, 3, "cart", cells), (7, 4, "cart", cells)]
    assert await pool.fetchval("SELECT count(*) FROM decisions") == 0


async def test_a_deletion_erases_what_is_kept_of_the_customer_but_no_counter(pool: Pool) -> None:
    """R15; also of what the lane had decided before it heard of the deletion."""
    handler = Decisions(pool)
    await take(handler, [*STORY[:4], decision(1, "entered", customer="bob", run="run-2", to="arms")])
    await take(handler, [decision(5, "ended", step="bye", reason="deleted")], start=5)
    for name in ("decisions", "runs"):
        assert await pool.fetch(f"SELECT DISTINCT customer_id FROM {name}") == [("bob",)]
    assert await tables(pool, "messages") == [[]]
    assert (await counted(pool))["", "ended:deleted"] == 1


@pytest.mark.parametrize("back", [False, True])
async def test_r15_a_delivery_that_comes_after_the_deletion_brings_no_message_back(pool: Pool, back: bool) -> None:
    born = await insert(pool)
    await take(Deliveries(pool), [delivery("sent", 8_000, life=born)])
    assert await pool.fetchval("SELECT status FROM messages") == "sent"
    await pool.execute("DELETE FROM customers")
    await take(Decisions(pool), [decision(5, "ended", step="bye", reason="deleted")])
    life = await insert(pool) if back else 0
    await take(Deliveries(pool), [delivery("opened", 9_000, life=born)], start=1)
    assert await tables(pool, "messages") == [[]]
    if back:
        await take(Deliveries(pool), [delivery("sent", 9_500, "send-2", life=life)], start=2)
        assert await pool.fetchval("SELECT send_id FROM messages") == "send-2"


async def test_lanes_report_how_far_they_have_read_control_and_never_go_back(pool: Pool) -> None:
    handler = Decisions(pool)
    for start, seq in enumerate((4, 2)):
        told = decision(0, "control", customer="", data={"partition": 3, "seq": seq})
        await take(handler, [told], start)
    assert [tuple(row) for row in await pool.fetch("SELECT * FROM lane_control")] == [(3, 4)]
    assert await tables(pool, "decisions", "runs", "step_counts") == [[], [], []]


async def test_deliveries_before_and_after_the_request_give_the_same_message(pool: Pool) -> None:
    await take(Deliveries(pool), [delivery("opened", 9_000), delivery("sent", 8_000)])
    await take(Decisions(pool), [REQUEST])
    row = await pool.fetchrow("SELECT status, status_at, sent_at, requested_at, channel, message_class FROM messages")
    assert row is not None
    assert [row[0], *(at.timestamp() for at in row[1:4]), *row[4:]] == ["opened", 9, 8, 3.005, "email", "marketing"]


async def test_a_repeated_delivery_counts_once_whether_in_one_batch_or_later(pool: Pool) -> None:
    handler = Deliveries(pool)
    await take(handler, [delivery("sent", 8_000), delivery("sent", 8_000), delivery("clicked", 9_500)])
    await take(handler, [delivery("sent", 8_000), delivery("opened", 9_000), delivery("clicked", 9_700)], start=3)
    assert await counted(pool) == {("mail", "sent"): 1, ("mail", "clicked"): 1, ("mail", "opened"): 1}
    assert await pool.fetchval("SELECT status FROM messages") == "clicked"


async def test_members_of_segments_are_who_entered_last_and_did_not_leave_and_go_with_the_customer(pool: Pool) -> None:
    def change(n: int, segment: str, word: str) -> Decision:
        return decision(n, "segment", run="", journey="", data={"segment": segment, "change": word})

    handler = Decisions(pool)
    await take(handler, [change(1, "gold", "entered"), change(2, "club", "entered"), change(3, "gold", "left")])
    rows = await pool.fetch("SELECT segment, member, last_n FROM segment_customers ORDER BY segment")
    assert [tuple(row) for row in rows] == [("club", True, 2), ("gold", False, 3)]
    await handler.apply([Step(batch(topics.DECISIONS, [decision(4, "ended", reason="deleted", step="x")], 3), 3)])
    assert await pool.fetch("SELECT FROM segment_customers") == []
