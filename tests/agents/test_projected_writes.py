"""Writes of lanes in a real PostgreSQL (A19, R53)."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from agents.projector import Writes
from laudstream.journey.customer import Pending
from laudstream.journey.write import Write
from laudstream.journey.writing import over
from tests.agents.projecting import WORKSPACE, customer, take

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool


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


async def test_a_first_sight_that_postgresql_refuses_is_buried_and_the_others_have_their_rows(pool: Pool) -> None:
    log = [Write(WORKSPACE, id, 1, "first_sight", 1) for id in ("ann", "x" * 201, "bob")]
    await take(Writes(pool), log)
    assert [row[0] for row in await pool.fetch("SELECT customer_id FROM customers ORDER BY 1")] == ["ann", "bob"]
    assert await pool.fetchval("SELECT record_offset FROM dead_letters") == 1
    assert await Writes(pool).position(Writes.topics[0], 3) == 3
