"""Writes of lanes in a real PostgreSQL (A19, R53)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any

from agents.projector import Decisions, Writes
from laudstream.journey.customer import Pending
from laudstream.journey.write import Write
from laudstream.journey.writing import over
from laudstream.postgres import connect, queries
from tests.agents.projecting import WORKSPACE, customer, decision, insert, take

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


async def test_r54_nothing_is_carried_out_for_who_was_deleted_before_the_row(pool: Pool) -> None:
    """What the lane wrote before it knew is still on its way. Who comes behind it is another one."""
    erased = "INSERT INTO erasures (workspace_id, customer_id, number) VALUES ($1, 'ann', 40)"
    await pool.execute(erased, WORKSPACE)
    before = [
        Write(WORKSPACE, "ann", 1, "first_sight", 1),
        Write(WORKSPACE, "ann", 2, "set", 2, {"city": "Bern"}),
        Write(WORKSPACE, "ann", 3, "consent", 2, {"email/": "subscribed"}),
    ]
    handler = Writes(pool)
    await take(handler, before)
    assert await pool.fetchval("SELECT count(*) FROM customers") == 0
    await insert(pool, "ann")  # by an identify
    await take(handler, [Write(WORKSPACE, "ann", 4, "set", 2, {"city": "Basel"})], 3)
    assert await customer(pool) == ({}, 0)
    assert await pool.fetchval("SELECT count(*) FROM consents") == 0
    await pool.execute("DELETE FROM customers")
    after = [
        Write(WORKSPACE, "ann", 5, "set", 3, {"city": "Genf"}),
        Write(WORKSPACE, "ann", 1, "forgotten", 3, born=39),  # of a deletion before
        Write(WORKSPACE, "ann", 6, "first_sight", 4),
        Write(WORKSPACE, "ann", 1, "forgotten", 5, born=40),
        Write(WORKSPACE, "ann", 1, "first_sight", 5),
        Write(WORKSPACE, "ann", 2, "set", 5, {"plan": "pro"}),
    ]
    await take(handler, after[:3], 4)
    assert await pool.fetchval("SELECT count(*) FROM customers") == 0
    await take(handler, after[3:], 7)
    assert await customer(pool) == ({"plan": "pro"}, 2)
    assert await pool.fetchval("SELECT count(*) FROM erasures") == 0


async def test_r54_writes_wait_for_a_deletion_that_is_under_way(
    pool: Pool, until: Callable[..., Awaitable[None]]
) -> None:
    handler = Writes(pool)
    async with pool.acquire() as other, other.transaction():
        await other.execute(queries("customers")["alone_with_writes"])
        taken = asyncio.create_task(take(handler, [Write(WORKSPACE, "ann", 1, "first_sight", 1)]))
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        await until(lambda: pool.fetchval(waits))
        await other.execute(
            "INSERT INTO erasures (workspace_id, customer_id, number) VALUES ($1, 'ann', 40)", WORKSPACE
        )
    await taken
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


async def test_a19_a_write_that_is_refused_is_named_with_its_customer_and_step(pool: Pool) -> None:
    moved = decision(7, "moved", step="mark", to="look", data={"customer.large": "xxx"})
    await take(Decisions(pool), [decision(5, "moved", step="early", data={"customer.large": 1}), moved])
    log = [
        Write(WORKSPACE, "ann", 1, "first_sight", 1),
        Write(WORKSPACE, "ann", 2, "set", moved.at, {"large": [1] * 6_000}),
        Write(WORKSPACE, "ann", 3, "set", moved.at, {"more": [1] * 6_000}),
    ]
    await take(Writes(pool), log)
    said = [row[0] for row in await pool.fetch("SELECT error FROM dead_letters ORDER BY record_offset")]
    assert said[0].startswith("PostgreSQL refuses write 2 (set large) to customer ann of step mark of journey cart: ")
    assert said[1].startswith("PostgreSQL refuses write 3 (set more) to customer ann of a step not known here: ")


async def test_a19_a_write_that_nobody_can_carry_out_is_not_waited_for(pool: Pool) -> None:
    """`null` is what JSON makes of a sum beyond all floats."""
    log = [
        Write(WORKSPACE, "ann", 1, "first_sight", 1),
        Write(WORKSPACE, "ann", 2, "increment", 2, {"n": None}),
    ]
    await take(Writes(pool), log)
    assert await customer(pool) == ({}, 2)
    (said,) = await pool.fetch("SELECT error FROM dead_letters")
    assert said[0].startswith("write 2 (increment n) to customer ann: ")
    await take(Writes(pool), [Write(WORKSPACE, "ann", 3, "set", 3, {"a": 1})], start=2)
    assert await customer(pool) == ({"a": 1}, 3)


async def test_r15_a_write_of_the_life_before_passes_nothing_over(pool: Pool) -> None:
    born = await insert(pool)
    await take(Writes(pool), [Write(WORKSPACE, "ann", 9, "increment", 1, {"n": None}, born=born + 1)])
    await take(Writes(pool), [Write(WORKSPACE, "ann", 1, "set", 2, {"new": True}, born=born)], start=1)
    assert await customer(pool) == ({"new": True}, 1)


async def test_a23_a_row_to_which_nothing_can_be_written_stops_no_other_customer(pool: Pool, database: str) -> None:
    """Of before there was a limit."""
    await insert(pool)
    owner = await connect(database.replace("laudstream_worker@", "laudstream@"), max_size=1)
    limit = "CHECK (octet_length(attributes::text) <= 262144) NOT VALID"
    await owner.execute("ALTER TABLE customers DROP CONSTRAINT customers_attributes_as_text")
    await owner.execute("UPDATE customers SET attributes = jsonb_build_object('n', $1::jsonb)", [1e308] * 900)
    await owner.execute(f"ALTER TABLE customers ADD CONSTRAINT customers_attributes_as_text {limit}")
    await owner.close()
    log = [Write(WORKSPACE, "ann", 1, "set", 1, {"a": 1}), Write(WORKSPACE, "bob", 1, "first_sight", 1)]
    await take(Writes(pool), log)
    assert await customer(pool, "bob") == ({}, 1)
    (said,) = await pool.fetch("SELECT error FROM dead_letters")
    assert "customer ann" in said[0]
    assert "as it does all that is written to its row" in said[0]


async def test_a_first_sight_that_postgresql_refuses_is_buried_and_the_others_have_their_rows(pool: Pool) -> None:
    log = [Write(WORKSPACE, id, 1, "first_sight", 1) for id in ("ann", "x" * 201, "bob")]
    await take(Writes(pool), log)
    assert [row[0] for row in await pool.fetch("SELECT customer_id FROM customers ORDER BY 1")] == ["ann", "bob"]
    assert await pool.fetchval("SELECT record_offset FROM dead_letters") == 1
    assert await Writes(pool).position(Writes.topics[0], 3) == 3
