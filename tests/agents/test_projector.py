"""The projector against a real PostgreSQL (A19, A22, A23, R53)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.projection.handler import Projection
from agents.projector import DeadLetters, Decisions, Deliveries, Writes, handlers
from agents.streams import Batch, PositionMoved, Step
from laudstream import topics
from laudstream.journey.customer import Pending
from laudstream.journey.decision import Decision
from laudstream.journey.write import Write
from laudstream.journey.writing import over
from laudstream.messages.delivery import KINDS, Delivery
from laudstream.records.codec import encode
from laudstream.settings import Settings

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

WORKSPACE = "testshop"
NUL = r"\u0000"


def batch(topic: str, values: Sequence[object], start: int = 0, key: bytes = b"testshop:ann", **fields: Any) -> Batch:
    """Records as Kafka gives them; what is bytes already goes in as it is."""
    records = [
        SimpleNamespace(
            topic=topic, partition=3, offset=start + at, key=key, headers=fields.get("headers", ()),
            value=value if value is None or isinstance(value, bytes) else encode(value),
        )
        for at, value in enumerate(values)
    ]  # fmt: skip
    return Batch(topic, 3, records, start + len(records))


async def take(handler: Projection, values: Sequence[object], start: int = 0) -> None:
    topic = handler.topics[0]
    await handler.apply([Step(batch(topic, values, start), await handler.position(topic, 3))])


def decision(n: int, kind: str, **fields: Any) -> Decision:
    given_ = {"customer": "ann", "journey": "cart", "version": 1, "run": "run-1", **fields}
    return Decision(f"{n:032x}", kind, WORKSPACE, given_.pop("customer"), 1_000 * n, 1_000 * n + 5, n, **given_)


def delivery(kind: str, at: int, send: str = "send-1", reason: str = "", life: int = 0) -> Delivery:
    return Delivery(
        f"{send}/{kind}/{at}", send, WORKSPACE, "ann", kind, at, "email", "marketing", "cart", 1, "run-1", "mail", 1, 1,
        "reminder", 3, reason, life=life,
    )  # fmt: skip


REQUEST = decision(3, "message", step="mail", data={"send_id": "send-1", "template": "reminder", "template_version": 3})
STORY = [
    decision(1, "entered", to="arms"),
    decision(2, "moved", step="arms", to="mail", branch="plain", data={"experiment": "cart/arms"}),
    REQUEST,
    decision(4, "moved", step="mail", to="bye", branch="sent"),
    decision(5, "ended", step="bye", outcome="asked"),
]


async def tables(pool: Pool, *names: str) -> list[list[tuple[Any, ...]]]:
    return [sorted(tuple(map(str, row)) for row in await pool.fetch(f"SELECT * FROM {name}")) for name in names]


async def counted(pool: Pool) -> dict[tuple[str, str], int]:
    rows = await pool.fetch("SELECT step, counter, sum(amount)::int AS n FROM step_counts GROUP BY 1, 2")
    return {(row["step"], row["counter"]): row["n"] for row in rows}


async def test_each_topic_of_the_projector_has_one_handler(pool: Pool) -> None:
    found = [topic for handler in handlers(Settings(), pool) for topic in handler.topics]
    assert sorted(found) == sorted([topics.DECISIONS, topics.DELIVERIES, topics.WRITES, topics.DEAD_LETTERS])


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
    born = await _insert(pool)
    await take(Deliveries(pool), [delivery("sent", 8_000, life=born)])
    assert await pool.fetchval("SELECT status FROM messages") == "sent"
    await pool.execute("DELETE FROM customers")
    await take(Decisions(pool), [decision(5, "ended", step="bye", reason="deleted")])
    life = await _insert(pool) if back else 0
    await take(Deliveries(pool), [delivery("opened", 9_000, life=born)], start=1)
    assert await tables(pool, "messages") == [[]]
    if back:
        await take(Deliveries(pool), [delivery("sent", 9_500, "send-2", life=life)], start=2)
        assert await pool.fetchval("SELECT send_id FROM messages") == "send-2"


async def _insert(pool: Pool) -> int:
    """Ann's row; its birth."""
    born: int = await pool.fetchval(
        "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, 'ann', '{}') RETURNING born",
        WORKSPACE,
    )
    return born


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


async def test_members_of_segments_are_who_entered_last_and_did_not_leave_and_go_with_the_customer(pool: Pool) -> None:
    def change(n: int, segment: str, word: str) -> Decision:
        return decision(n, "segment", run="", journey="", data={"segment": segment, "change": word})

    handler = Decisions(pool)
    await take(handler, [change(1, "gold", "entered"), change(2, "club", "entered"), change(3, "gold", "left")])
    rows = await pool.fetch("SELECT segment, member, last_n FROM segment_customers ORDER BY segment")
    assert [tuple(row) for row in rows] == [("club", True, 2), ("gold", False, 3)]
    await handler.apply([Step(batch(topics.DECISIONS, [decision(4, "ended", reason="deleted", step="x")], 3), 3)])
    assert await pool.fetch("SELECT FROM segment_customers") == []


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


async def customer(pool: Pool, id: str = "ann") -> tuple[dict[str, Any], int] | None:
    row = await pool.fetchrow("SELECT attributes, writes FROM customers WHERE customer_id = $1", id)
    return None if row is None else (row["attributes"], row["writes"])


async def test_first_sight_makes_the_row_and_later_writes_change_it_in_order(pool: Pool) -> None:
    log = [
        Write(WORKSPACE, "ann", 1, "first_sight", 1_000),
        Write(WORKSPACE, "ann", 2, "set", 1_001, {"city": "Bern", "plan": "free", "nothing": None}),
        Write(WORKSPACE, "ann", 3, "set", 1_002, {"plan": {"name": "gold"}}),
        Write(WORKSPACE, "ann", 4, "unset", 1_003, names=["city"]),
    ]
    await take(Writes(pool), log)
    assert await customer(pool) == ({"plan": {"name": "gold"}, "nothing": None}, 4)
    assert await pool.fetchval("SELECT created_ms FROM customers") == 1_000


async def test_first_sight_of_a_customer_who_has_a_row_says_only_that_the_row_contains_it(pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, 'ann', '{\"a\": 1}')", WORKSPACE
    )
    await take(Writes(pool), [Write(WORKSPACE, "ann", 1, "first_sight", 1)])
    assert await customer(pool) == ({"a": 1}, 1)


async def test_writes_that_the_row_contains_change_nothing_not_even_its_revision(pool: Pool) -> None:
    """R53: exactly once by number, also when the topic is read from its beginning again."""
    log = [Write(WORKSPACE, "ann", 1, "first_sight", 1), Write(WORKSPACE, "ann", 2, "set", 2, {"city": "Bern"})]
    handler = Writes(pool)
    await take(handler, log)
    await pool.execute('UPDATE customers SET attributes = \'{"city": "Basel"}\'')
    revision = await pool.fetchval("SELECT revision FROM customers")
    await pool.execute("DELETE FROM stream_positions")
    await take(handler, log)
    assert await customer(pool) == ({"city": "Basel"}, 2)
    assert await pool.fetchval("SELECT revision FROM customers") == revision


async def test_only_first_sight_makes_a_row_and_only_in_a_workspace_that_exists(pool: Pool) -> None:
    await take(
        Writes(pool), [Write(WORKSPACE, "gone", 5, "set", 1, {"a": 1}), Write("elsewhere", "ann", 1, "first_sight", 1)]
    )
    assert await pool.fetchval("SELECT count(*) FROM customers") == 0


async def test_a_write_meant_for_another_life_of_the_row_changes_nothing(pool: Pool) -> None:
    born = await pool.fetchval(
        "INSERT INTO customers (workspace_id, customer_id) VALUES ($1, 'ann') RETURNING born", WORKSPACE
    )
    await take(Writes(pool), [Write(WORKSPACE, "ann", 7, "set", 1, {"old": True}, born=born + 1)])
    assert await customer(pool) == ({}, 0)
    await take(Writes(pool), [Write(WORKSPACE, "ann", 1, "set", 2, {"new": True}, born=born)], start=1)
    assert await customer(pool) == ({"new": True}, 1)


async def test_r53_increments_add_to_what_is_there_once_and_in_order(pool: Pool) -> None:
    """Writes of a lane in batches of any size come to what the lane sees on top of the row."""
    random, names = Random(7), "abcd"
    log = [Write(WORKSPACE, "ann", 1, "first_sight", 1)]
    for number in range(2, 60):
        name, op = random.choice(names), random.choice(["set", "unset", "increment", "increment"])
        value: Any = random.choice([random.randint(-9, 9), round(random.uniform(-1, 1), 3), 0.1])
        value = random.choice([value, "text", [1]]) if op == "set" else value
        log.append(Write(WORKSPACE, "ann", number, op, 1, {} if op == "unset" else {name: value}, [name]))
    seen: dict[str, Any] = {}
    for write in log:
        seen = over(seen, Pending(write.number, write.op, write.attributes, tuple(write.names)))
    handler, done = Writes(pool), 0
    while done < len(log):
        some = log[done : done + random.randint(1, 15)]
        await take(handler, [*some, some[0]], start=done)  # a repeated record changes nothing
        await pool.execute("DELETE FROM stream_positions")
        done += len(some)
    assert await customer(pool) == (seen, 59)


async def test_r53_consents_and_members_are_written_once_and_only_in_their_life(pool: Pool) -> None:
    log = [
        Write(WORKSPACE, "ann", 1, "first_sight", 1),
        Write(WORKSPACE, "ann", 2, "consent", 2, {"email/": "unsubscribed", "sms/news": "subscribed"}),
        Write(WORKSPACE, "ann", 3, "member", 3, {"vip": True, "leads": True}),
        Write(WORKSPACE, "ann", 4, "member", 4, {"leads": False}),
        Write(WORKSPACE, "ann", 5, "consent", 5, {"email/": "subscribed"}, born=1 << 40),
    ]
    handler = Writes(pool)
    await take(handler, log)
    consents = "SELECT channel || '/' || subscription || ':' || status FROM consents ORDER BY 1"
    members = "SELECT segment || ':' || member::text FROM segment_members ORDER BY 1"
    found = [[row[0] for row in await pool.fetch(query)] for query in (consents, members)]
    assert found == [["email/:unsubscribed", "sms/news:subscribed"], ["leads:false", "vip:true"]]
    assert await customer(pool) == ({}, 4)
    await pool.execute("UPDATE consents SET status = 'pending'")
    await pool.execute("DELETE FROM stream_positions")
    await take(handler, log)
    assert [row[0] for row in await pool.fetch(consents)] == ["email/:pending", "sms/news:pending"]


async def test_a_write_that_postgresql_refuses_is_buried_and_its_lane_need_not_wait_for_it(pool: Pool) -> None:
    log = [
        Write(WORKSPACE, "ann", 1, "first_sight", 1),
        Write(WORKSPACE, "ann", 2, "set", 2, {"large": "x" * 70_000}),
        Write(WORKSPACE, "ann", 3, "set", 3, {"small": 1}),
    ]
    await take(Writes(pool), log[:2])
    assert await customer(pool) == ({}, 2)
    await take(Writes(pool), log[2:], start=2)
    assert await customer(pool) == ({"small": 1}, 3)
    assert await pool.fetchval("SELECT record_offset FROM dead_letters") == 1


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
