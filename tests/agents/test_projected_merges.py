"""What lanes decided for a customer before they heard that it was merged, in a real PostgreSQL (R50, A18)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from agents.projection.handler import Projection
from agents.projector import Decisions, Deliveries, Writes
from agents.streams import Batch, Step
from laudstream.journey.decision import Decision
from laudstream.journey.write import Write
from tests.agents.projecting import (
    WORKSPACE,
    batch,
    counted,
    decision,
    delivery,
    insert,
    merge_customers,
    merge_rows,
    tables,
    take,
)

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

PROJECTED = ("decisions", "runs", "messages", "step_counts", "segment_customers")


def of_visitor(n: int, kind: str, **fields: Any) -> Decision:
    return decision(n, kind, customer="visitor", **{"run": "run-v", **fields})


def of_ann(n: int, kind: str, **fields: Any) -> Decision:
    return replace(decision(n, kind, **{"run": "run-a", **fields}), id=f"ann/{n}")


INTO = of_visitor(9, "merged", run="", journey="", version=0, data={"into": "ann", "merge": 1})
FROM = of_ann(10, "merged", run="", journey="", version=0, data={"from": "visitor", "merge": 1})
VISITOR = [
    of_visitor(1, "entered", to="arms"),
    of_visitor(2, "moved", step="arms", to="mail", branch="plain", data={"experiment": "cart/arms"}),
    of_visitor(3, "segment", run="", journey="", data={"segment": "club", "change": "entered"}),
    of_visitor(4, "message", step="mail", data={"send_id": "send-1", "template": "reminder"}),
    of_visitor(5, "moved", step="mail", to="hold", branch="sent"),
    of_visitor(6, "entered", run="run-w", to="hold"),
]
ANN = [
    of_ann(1, "entered", to="hold"),
    of_ann(2, "segment", run="", journey="", data={"segment": "gold", "change": "entered"}),
]
AFTER = [
    of_ann(11, "moved", run="run-v", step="hold", to="bye", branch="next"),
    of_ann(12, "ended", run="run-v", step="bye", outcome="asked"),
    of_ann(13, "ended", run="run-w", step="hold", reason="merged"),
]


async def owners(pool: Pool) -> dict[str, set[str]]:
    """Who has rows in which table."""
    names = ("decisions", "runs", "messages", "segment_customers")
    return {name: {row[0] for row in await pool.fetch(f"SELECT DISTINCT customer_id FROM {name}")} for name in names}


async def runs(pool: Pool) -> set[tuple[Any, ...]]:
    rows = await pool.fetch("SELECT run_id, customer_id, step, outcome, reason, last_n FROM runs")
    return {tuple(row) for row in rows}


async def test_what_was_decided_before_the_merge_and_comes_after_it_is_the_roots(pool: Pool) -> None:
    await insert(pool, "visitor")
    await take(Decisions(pool), VISITOR[:1])
    await merge_customers(pool)
    await take(Decisions(pool), VISITOR[1:], 1)
    assert await owners(pool) == {
        "decisions": {"ann"}, "runs": {"ann"}, "messages": {"ann"}, "segment_customers": set(),
    }  # fmt: skip
    await take(Decisions(pool), [INTO, FROM, *AFTER], 6)
    assert await runs(pool) == {
        ("run-v", "ann", "bye", "asked", None, 12),
        ("run-w", "ann", "hold", None, "merged", 13),
    }
    assert (await counted(pool))["", "ended:merged"] == 1
    assert [row[0] for row in await pool.fetch("SELECT n FROM decisions WHERE kind = 'merged' ORDER BY n")] == [9, 10]
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0


async def late(pool: Pool) -> None:
    """The visitor's decisions, written while the merge was made: neither sees what the other has not committed yet."""
    handler = Decisions(pool)
    async with pool.acquire() as connection, connection.transaction():
        await handler.write(connection, [(3, handler.read(batch(handler.topics[0], VISITOR), []))])
        await merge_customers(pool)
    assert (await owners(pool))["runs"] == {"visitor"}


@pytest.mark.parametrize("told", [INTO, FROM], ids=["source", "target"])
async def test_what_was_written_while_the_merge_was_made_is_moved_when_a_lane_has_carried_it_out(
    pool: Pool, told: Decision
) -> None:
    await late(pool)
    before = await counted(pool)
    await take(Decisions(pool), [told])
    assert await owners(pool) == {
        "decisions": {"ann"}, "runs": {"ann"}, "messages": {"ann"}, "segment_customers": set(),
    }  # fmt: skip
    assert await counted(pool) == before
    assert await pool.fetchval("SELECT count(*) FROM decisions") == len(VISITOR) + 1


async def test_whose_a_run_is_its_newest_decision_says(pool: Pool) -> None:
    await late(pool)
    await take(Decisions(pool), AFTER[:2])
    assert ("run-v", "ann", "bye", "asked", None, 12) in await runs(pool)
    await take(Decisions(pool), [of_visitor(6, "moved", step="mail", to="hold", branch="sent")], 2)
    assert ("run-v", "ann", "bye", "asked", None, 12) in await runs(pool)


ORDERED: list[tuple[type[Projection], int, list[Any]]] = [
    (Decisions, 3, [*VISITOR, INTO]),
    (Decisions, 4, [*ANN, FROM, *AFTER]),
    (Deliveries, 3, [
        replace(delivery("sent", 4_500, customer="visitor"), run="run-v"),
        replace(delivery("clicked", 9_900, customer="visitor"), run="run-v"),
    ]),
]  # fmt: skip
HEARD = (INTO, FROM, *AFTER)
"""What lanes tell only after the merge was made: they hear of it from PostgreSQL."""


async def test_in_whatever_order_partitions_and_the_merge_come_the_tables_are_the_same(pool: Pool) -> None:
    """Each partition in its own order, in batches of any size."""
    wanted: list[Any] = []
    for seed in range(25):
        for name in (*PROJECTED, "customers", "stream_positions"):
            await pool.execute(f"DELETE FROM {name}")
        await insert(pool, "visitor")
        await project_in_any_order(pool, Random(seed))
        found = await tables(pool, *PROJECTED)
        wanted = wanted or found
        assert found == wanted, f"seed {seed}"
    assert await runs(pool) == {
        ("run-a", "ann", "hold", None, None, 1),
        ("run-v", "ann", "bye", "asked", None, 12),
        ("run-w", "ann", "hold", None, "merged", 13),
    }
    assert await tables(pool, "dead_letters") == [[]]


async def project_in_any_order(pool: Pool, random: Random) -> None:
    done, merged = [0] * len(ORDERED), False
    while not merged or any(at < len(log) for at, (_, _, log) in zip(done, ORDERED, strict=True)):
        if not merged and random.random() < 0.2:
            await merge_customers(pool)
            merged = True
        which = random.randrange(len(ORDERED))
        handler, partition, log = ORDERED[which]
        start = done[which]
        some = [each for each in log[start : start + random.randint(1, 4)] if merged or each not in HEARD]
        if some:
            part = batch(handler.topics[0], some, start)._replace(partition=partition)
            await handler(pool).apply([Step(part, start or None)])
            done[which] += len(some)


def _seen(*numbers: int) -> list[Write]:
    return [Write(WORKSPACE, "visitor", number, "first_sight", 1_000) for number in numbers]


async def test_first_sight_of_an_alias_makes_no_row(pool: Pool) -> None:
    await insert(pool)
    await merge_customers(pool)
    await take(Writes(pool), [*_seen(1), Write(WORKSPACE, "bob", 1, "first_sight", 1_000)])
    ids = [row[0] for row in await pool.fetch("SELECT customer_id FROM customers ORDER BY 1")]
    assert ids == ["ann", "bob"]


async def test_a_merge_that_is_under_way_at_the_first_sight_is_found_afterwards(
    pool: Pool, until: Callable[..., Awaitable[None]]
) -> None:
    await insert(pool)

    async def waits() -> bool:
        return bool(await pool.fetchval("SELECT true FROM pg_locks WHERE NOT granted"))

    async with pool.acquire() as connection:
        async with connection.transaction():
            await merge_rows(connection)
            writing = asyncio.create_task(take(Writes(pool), [*_seen(1, 2), *_bob()]))
            await until(waits)
        await writing
    ids = [row[0] for row in await pool.fetch("SELECT customer_id FROM customers ORDER BY 1")]
    assert ids == ["ann", "bob"]
    assert await Writes(pool).position(Writes.topics[0], 3) == 3


def _bob() -> list[Write]:
    return [Write(WORKSPACE, "bob", 1, "first_sight", 1_000)]


async def test_writes_to_an_alias_change_nothing_and_hold_nothing_up(pool: Pool) -> None:
    born = await insert(pool, "visitor")
    await insert(pool)
    await merge_customers(pool)
    log = [
        Write(WORKSPACE, "visitor", 2, "set", 1, {"city": "Bern"}, born=born),
        Write(WORKSPACE, "visitor", 3, "consent", 2, {"email/": "subscribed"}),
        Write(WORKSPACE, "visitor", 4, "member", 3, {"vip": True}),
        Write(WORKSPACE, "visitor", 5, "set", 4, {"large": "x" * 70_000}, born=born),
        Write(WORKSPACE, "ann", 1, "set", 5, {"city": "Basel"}),
    ]
    await take(Writes(pool), log)
    assert [tuple(row) for row in await pool.fetch("SELECT customer_id, attributes, writes FROM customers")] == [
        ("ann", {"city": "Basel"}, 1)
    ]
    assert await tables(pool, "consents", "segment_members", "dead_letters") == [[], [], []]
    assert await Writes(pool).position(Writes.topics[0], 3) == 5


async def test_r15_a_message_of_a_merged_life_is_over_when_its_root_was_deleted(pool: Pool) -> None:
    born = await insert(pool, "visitor")
    await insert(pool)
    await merge_customers(pool)
    handler = Deliveries(pool)
    told = [delivery("sent", 8_000, "send-1", life=born, customer="visitor")]
    await take(handler, [*told, delivery("sent", 8_000, "send-0", life=born + 100, customer="visitor")])
    rows = await pool.fetch("SELECT send_id, customer_id FROM messages")
    assert [tuple(row) for row in rows] == [("send-1", "ann")]
    await pool.execute("DELETE FROM messages; DELETE FROM customers")
    await take(handler, [delivery("opened", 9_000, "send-1", life=born, customer="visitor")], 2)
    assert await tables(pool, "messages") == [[]]


async def test_r15_what_a_lane_had_decided_for_an_alias_whose_root_was_deleted_goes_away(pool: Pool) -> None:
    """The deletion was projected first: it lies in the partition of the root. What came under the id since stays."""
    handler = Decisions(pool)
    await insert(pool, "visitor")
    await merge_customers(pool)
    await handler.apply([Step(_of_root([*ANN, FROM]), None)])
    await pool.execute("DELETE FROM customers")
    await handler.apply([Step(_of_root([of_ann(14, "ended", step="hold", reason="deleted")], 3), 3)])
    await take(handler, [*VISITOR, INTO, decision(11, "entered", customer="visitor", run="run-x", to="hold")])
    assert [tuple(row) for row in await pool.fetch("SELECT run_id, customer_id FROM runs")] == [("run-x", "visitor")]
    assert [row[0] for row in await pool.fetch("SELECT n FROM decisions")] == [11]
    assert await tables(pool, "messages", "segment_customers") == [[], []]
    assert (await counted(pool))["mail", "requested"] == 1


def _of_root(values: list[Decision], start: int = 0) -> Batch:
    return batch(Decisions.topics[0], values, start)._replace(partition=4)


async def test_a_merge_that_names_nobody_is_a_dead_letter(pool: Pool) -> None:
    await take(Decisions(pool), [of_visitor(1, "merged", data={"merge": 1}), of_visitor(2, "merged", data={"into": 7})])
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 2
