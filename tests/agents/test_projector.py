"""The projector against a real PostgreSQL: batches, positions, dead letters (A23)."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.projector import DeadLetters, Decisions, Deliveries, handlers
from agents.streams import Batch, PositionMoved, Step
from laudstream import topics
from laudstream.journey.decision import Decision
from laudstream.messages.delivery import KINDS, Delivery
from laudstream.records.codec import encode
from laudstream.settings import Settings
from tests.agents.projecting import NUL, STORY, WORKSPACE, batch, counted, decision, delivery, tables, take

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool


async def test_each_topic_of_the_projector_has_one_handler(pool: Pool) -> None:
    found = [topic for handler in handlers(Settings(), pool) for topic in handler.topics]
    assert sorted(found) == sorted([topics.DECISIONS, topics.DELIVERIES, topics.WRITES, topics.DEAD_LETTERS])


def of_bob() -> Batch:
    """Another partition: a customer of its own, the same steps."""
    values = [decision(1, "entered", customer="bob", run="run-2", to="arms")]
    return batch(topics.DECISIONS, values, key=b"testshop:bob")._replace(partition=4)


async def test_partitions_that_share_a_transaction_keep_their_own_counters_and_positions(pool: Pool) -> None:
    handler = Decisions(pool)
    await handler.apply([Step(batch(topics.DECISIONS, STORY), None), Step(of_bob(), None)])
    counts = await pool.fetch("SELECT partition, amount FROM step_counts WHERE counter = 'entered' ORDER BY 1")
    assert [tuple(row) for row in counts] == [(3, 1), (4, 1)]
    assert [await handler.position(topics.DECISIONS, partition) for partition in (3, 4)] == [5, 1]
    assert [row[0] for row in await pool.fetch("SELECT run_id FROM runs ORDER BY 1")] == ["run-1", "run-2"]


async def test_where_one_of_the_partitions_has_moved_none_of_them_is_written(pool: Pool) -> None:
    handler = Decisions(pool)
    await handler.apply([Step(of_bob(), None)])
    before = await tables(pool, "decisions", "runs", "step_counts", "stream_positions")
    for expected in (None, 7):
        with pytest.raises(PositionMoved):
            await handler.apply([Step(batch(topics.DECISIONS, STORY), None), Step(of_bob(), expected)])
        assert await tables(pool, "decisions", "runs", "step_counts", "stream_positions") == before


async def test_a_frozen_projector_that_thaws_changes_nothing(pool: Pool) -> None:
    """Two of them know the same position; whoever is second is told so and has written nothing (A23)."""
    frozen, successor = Decisions(pool), Decisions(pool)
    await take(successor, STORY[:2])
    batches = batch(topics.DECISIONS, STORY[2:], 2)
    answers = await asyncio.gather(*(h.apply([Step(batches, 2)]) for h in (frozen, successor)), return_exceptions=True)
    assert sorted(map(str, answers)) == ["None", "laudstream.decisions/3 is not at 2 any more"]
    before = await tables(pool, "decisions", "runs", "step_counts", "messages", "stream_positions")
    with pytest.raises(PositionMoved):
        await frozen.apply([Step(batch(topics.DECISIONS, STORY), None)])
    assert await tables(pool, "decisions", "runs", "step_counts", "messages", "stream_positions") == before
    assert (await counted(pool))["", "ended:asked"] == 1


async def test_what_cannot_be_read_becomes_a_dead_letter_and_the_rest_goes_on(pool: Pool) -> None:
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    await take(Decisions(pool), [STORY[0], b"{", None, decision(2, "guessed"), deep, STORY[1]])
    letters = await pool.fetch("SELECT record_offset, workspace_id FROM dead_letters ORDER BY record_offset")
    assert [tuple(row) for row in letters] == [(at, WORKSPACE) for at in (1, 2, 3, 4)]
    assert (await counted(pool))["arms", "left:plain"] == 1


async def test_a_record_that_postgresql_refuses_is_singled_out(pool: Pool) -> None:
    """A customer id longer than an index takes; a version larger than its column."""
    long = decision(9, "entered", customer="".join(f"{at:x}" for at in range(9_000)), to="arms")
    large = decision(9, "entered", version=1 << 40, to="arms")
    await take(Decisions(pool), [*STORY[:3], long, *STORY[3:], large])
    letters = await pool.fetch("SELECT record_offset FROM dead_letters ORDER BY record_offset")
    assert [row[0] for row in letters] == [3, 6]
    assert (await counted(pool))["", "ended:asked"] == 1
    assert await Decisions(pool).position(topics.DECISIONS, 3) == 7


async def test_a_value_with_a_nul_character_is_kept_without_it(pool: Pool) -> None:
    told = encode(decision(1, "entered", to="arms", data={"text": "aXb"})).replace(b"X", NUL.encode())
    await take(Decisions(pool), [told])
    body = await pool.fetchval("SELECT body FROM decisions")
    assert body["data"] == {"text": "ab"}
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_a_dead_letter_is_kept_under_its_origin_and_one_without_stands_for_itself(pool: Pool) -> None:
    handler = DeadLetters(pool)
    headers = (("origin", b"laudstream.events/5/77"), ("error", b"not JSON"))
    await handler.apply([Step(batch(handler.topics[0], [b"?"], headers=headers), None)])
    await handler.apply([Step(batch(handler.topics[0], [b"?"], 1, key=b"\xff", headers=(("origin", b"5"),)), 1)])
    rows = await pool.fetch(
        "SELECT topic, partition, record_offset, workspace_id, error FROM dead_letters ORDER BY topic DESC"
    )
    assert [tuple(row) for row in rows] == [
        ("laudstream.events", 5, 77, WORKSPACE, "not JSON"),
        ("laudstream.dead_letters", 3, 1, None, "unknown"),
    ]


async def test_a_letter_that_was_retried_or_dropped_is_forgotten_and_one_that_waits_is_not(pool: Pool) -> None:
    handler = DeadLetters(pool)

    async def take_one(offset: int, *marks: str, at: int) -> None:
        headers = (("origin", f"laudstream.events/5/{at}".encode()), *(("mark", mark.encode()) for mark in marks))
        await handler.apply([Step(batch(handler.topics[0], [b"{}"], offset, headers=headers), offset or None)])

    for offset, at in enumerate((70, 71, 72)):
        await take_one(offset, at=at)
    for offset, (mark, at) in enumerate((("retrying", 70), ("retried", 71), ("dropped", 72)), 3):
        await take_one(offset, mark, at=at)
    assert [row[0] for row in await pool.fetch("SELECT record_offset FROM dead_letters")] == [70]
    letter = batch(handler.topics[0], [b"?"], 6, headers=(("origin", b"laudstream.events/5/73"),))
    mark = batch(handler.topics[0], [b"{}"], 7, headers=(("origin", b"laudstream.events/5/73"), ("mark", b"dropped")))
    both = letter._replace(records=[*letter.records, *mark.records], next_offset=8)
    await handler.apply([Step(both, 6)])
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 1


KEPT = ("decisions", "runs", "step_counts", "messages", "lane_control", "stream_positions")
RUNS = st.sampled_from(["run-1", "run-2"])
STEPS = st.sampled_from("xy")
DECIDED = st.one_of(
    st.builds(lambda run, to: ("entered", {"run": run, "to": to}), RUNS, STEPS),
    st.builds(
        lambda run, step, to: ("moved", {"run": run, "step": step, "to": to, "branch": to, "data": {"experiment": 1}}),
        RUNS, STEPS, STEPS,
    ),
    st.builds(
        lambda run, send: ("message", {"run": run, "step": "x", "data": {"send_id": send}}),
        RUNS, st.sampled_from(["send-1", "send-2", "send-3"]),
    ),
    st.builds(lambda run: ("ended", {"run": run, "step": "x", "outcome": "done"}), RUNS),
    st.builds(lambda run: ("ended", {"run": run, "step": "x", "reason": "deleted"}), RUNS),
)  # fmt: skip
TOLD = st.builds(delivery, st.sampled_from(KINDS), st.integers(1, 5), st.sampled_from(["send-1", "send-2"]))


async def project(pool: Pool, decided: list[Decision], told: list[Delivery], cuts: set[int], lost: set[int]) -> Any:
    """The tables after both logs, cut into batches; after batches in `lost` the projector is told nothing and
    applies the same batch once more."""
    await pool.execute("TRUNCATE " + ", ".join(KEPT))
    for handler, log in ((Decisions(pool), decided), (Deliveries(pool), told)):
        edges = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
        for a, b in pairwise(edges):
            part = batch(handler.topics[0], log[a:b], a)
            await handler.apply([Step(part, a or None)])
            if a in lost:
                with pytest.raises(PositionMoved):
                    await handler.apply([Step(part, a or None)])
    return await tables(pool, *KEPT)


async def test_any_split_into_batches_and_any_repeated_batch_give_the_same_tables(pool: Pool, owner: Pool) -> None:
    await owner.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO laudstream_worker")

    async def check(decided: list[Any], told: list[Delivery], cuts: set[int], lost: set[int]) -> None:
        log = [decision(n, kind, **fields) for n, (kind, fields) in enumerate(decided, 1)]
        whole = await project(pool, log, told, set(), set())
        assert await project(pool, log, told, cuts, lost) == whole

    loop = asyncio.get_running_loop()

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(DECIDED, max_size=12), st.lists(TOLD, max_size=12), st.sets(st.integers(1, 11)),
        st.sets(st.integers(0, 11)),
    )  # fmt: skip
    def run(decided: list[Any], told: list[Delivery], cuts: set[int], lost: set[int]) -> None:
        asyncio.run_coroutine_threadsafe(check(decided, told, cuts, lost), loop).result()

    await asyncio.to_thread(run)
