"""Traits of groups reach the rows of all members, exactly once, whatever happens beside (A18); in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from agents.groups import Groups
from api.call import Call, Context
from api.identifying import write_rows
from api.identities import Identities
from api.items import Group, Identify
from api.memberships import with_groups
from api.taken import Taken
from laudstream.postgres import connect, queries, tenancy
from laudstream.settings import Settings
from tests.database import WORKSPACE

if TYPE_CHECKING:
    from laudstream.errors import Invalid
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

SQL = queries("groups")
MEMBERS = 60
CATCH_UP = """
import asyncio, sys
from agents.groups import Groups
from laudstream.postgres import connect

async def run():
    groups = Groups(await connect(sys.argv[1], max_size=1), slice=5)
    while await groups.look():
        print("slice", flush=True)

asyncio.run(run())
"""


class Api:
    """What the API does with items, in its role."""

    def __init__(self, pool: Pool) -> None:
        nothing: Any = None
        self.pool = pool
        context = Context(Settings(), pool, nothing, nothing, Identities(pool), nothing)
        self.call = Call({"state": {"context": context}}, nothing, WORKSPACE)

    async def take(self, *items: tuple[str, Any]) -> dict[int, Invalid]:
        """(customer, item); gives what was refused."""
        wrong: dict[int, Invalid] = {}
        taken = [Taken(index, item, customer, b"", 0) for index, (customer, item) in enumerate(items)]
        await write_rows(self.call, taken, wrong)
        for each in await with_groups(self.call, taken, wrong):
            assert each.row is not None
        return wrong

    async def group(self, customer: str, group: str, **traits: Any) -> dict[int, Invalid]:
        return await self.take((customer, Group(user_id=customer, group_id=group, traits=traits)))

    async def delete(self, group: str) -> None:
        async with tenancy.workspace(self.pool, WORKSPACE) as connection:
            if await connection.fetchval(SQL["lock"], WORKSPACE, group):
                await connection.execute(SQL["delete"], WORKSPACE, group)


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    pool = await connect(database.replace("laudstream_worker@", "laudstream_api@"), max_size=8)
    yield Api(pool)
    await pool.close()


async def fill(pool: Pool, group: str = "acme", many: int = MEMBERS) -> None:
    """Members whose rows have seen nothing yet."""
    await pool.execute(
        "INSERT INTO customers (workspace_id, customer_id, attributes)"
        " SELECT $1, 'c' || lpad(n::text, 6, '0'), jsonb_build_object('n', n) FROM generate_series(1, $2) AS n",
        WORKSPACE, many,
    )  # fmt: skip
    for traits in ({"plan": "free"}, {"plan": "pro"}):
        await pool.execute(SQL["put"], WORKSPACE, [group], [traits])
    await pool.execute(
        "INSERT INTO group_members (workspace_id, customer_id, group_id, joined, seen)"
        " SELECT workspace_id, customer_id, group_id, groups.born, 0 FROM customers JOIN groups USING (workspace_id)"
        " WHERE group_id = $1",
        group,
    )


async def all_told(pool: Pool, slice: int = 7) -> int:
    """Rounds until nobody is behind; gives how many members were looked at."""
    groups, looked_at = Groups(pool, slice), 0
    while some := await groups.look():
        looked_at += some
    return looked_at


async def values(pool: Pool) -> list[Any]:
    return [r["g"] for r in await pool.fetch("SELECT attributes -> 'group' AS g FROM customers ORDER BY customer_id")]


async def count_writes(owner: Pool) -> Callable[[], Awaitable[list[int]]]:
    """Gives how often each customer's row was written since."""
    await owner.execute(
        "CREATE TABLE written (customer_id text);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " $$ BEGIN INSERT INTO written VALUES (NEW.customer_id); RETURN NULL; END $$;"
        "CREATE TRIGGER note AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note();"
    )

    async def counted() -> list[int]:
        rows = await owner.fetch("SELECT count(*) AS n FROM written GROUP BY customer_id")
        return sorted(row["n"] for row in rows)

    return counted


async def test_a_change_reaches_all_members_in_slices_and_each_row_once(pool: Pool, owner: Pool, api: Api) -> None:
    await fill(pool)
    counted = await count_writes(owner)
    assert await all_told(pool) == MEMBERS
    assert await values(pool) == [{"id": "acme", "plan": "pro"}] * MEMBERS
    assert await counted() == [1] * MEMBERS
    await api.group("c000001", "acme", plan="pro")
    await api.group("c000002", "acme")
    assert await all_told(pool) == 0
    assert await counted() == [1] * MEMBERS  # the same again writes nothing
    await api.group("c000003", "acme", plan="free", seats=5)
    assert await all_told(pool) == MEMBERS - 1
    assert await values(pool) == [{"id": "acme", "plan": "free", "seats": 5}] * MEMBERS
    assert await counted() == [2] * MEMBERS
    assert await pool.fetchval("SELECT count(*) FROM group_changes") == 0


async def test_who_is_killed_in_the_middle_leaves_the_rest_to_the_next(pool: Pool, owner: Pool, database: str) -> None:
    await fill(pool)
    counted = await count_writes(owner)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CATCH_UP, database, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(3):
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"slice\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    done = sum(value is not None for value in await values(pool))
    assert 15 <= done < MEMBERS
    assert await all_told(pool) >= MEMBERS - done - 5  # a slice of the dead may have been committed since
    assert await values(pool) == [{"id": "acme", "plan": "pro"}] * MEMBERS
    assert await counted() == [1] * MEMBERS


async def test_a_member_whose_row_would_be_too_large_keeps_the_old_values_and_stops_nobody(
    pool: Pool, api: Api
) -> None:
    await fill(pool)
    await all_told(pool)
    most = await api.take(("c000007", Identify(user_id="c000007", traits={"a": "x" * 31_000, "b": "y" * 31_000})))
    assert not most
    await api.group("c000001", "acme", plan="free", about="z" * 8_000)
    with capture_logs() as logs:
        await all_told(pool)
    (line,) = [log for log in logs if log["event"] == "group_rows_too_large"]
    assert (line["workspace"], line["group"], line["customers"], line["some"]) == (WORKSPACE, "acme", 1, ["c000007"])
    rows = await values(pool)
    assert rows.pop(6) == {"id": "acme", "plan": "pro"}
    assert {row["plan"] for row in rows} == {"free"}
    of = await pool.fetchrow(SQL["of_customer"], WORKSPACE, "c000007")
    assert of is not None
    assert (of["too_large"], of["behind"]) == (True, False)
    assert await all_told(pool) == 0
    await api.group("c000001", "acme", about="")
    await all_told(pool)
    assert (await values(pool))[6] == {"id": "acme", "plan": "free", "about": ""}
    assert await pool.fetchval("SELECT count(*) FROM group_members WHERE too_large") == 0


async def test_what_fits_is_what_the_table_takes(pool: Pool) -> None:
    """`attributes_fit` says what the constraints of `customers` say, at their edges too."""
    deep: Any = 1
    for _ in range(99):
        deep = [deep]
    close = {"text": ["x" * 65_480, "x" * 65_600], "numbers": [[1e300] * 850, [1e300] * 900], "deep": [deep, [[deep]]]}
    seen = []
    for name, some in close.items():
        for value in some:
            fits = await pool.fetchval("SELECT attributes_fit($1)", {name: value})
            command = "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, $2, $3)"
            try:
                await pool.execute(command, WORKSPACE, f"{name}{len(seen)}", {name: value})
            except asyncpg.CheckViolationError:
                seen.append((fits, False))
            else:
                seen.append((fits, True))
    assert seen == [(True, True), (False, False)] * 3


async def test_members_of_a_deleted_group_leave_it_and_who_joins_again_stays(pool: Pool, api: Api) -> None:
    await fill(pool)
    await all_told(pool)
    await api.delete("acme")
    assert await pool.fetchval(SQL["of_customer"], WORKSPACE, "c000001") is None
    await Groups(pool, 10).look()
    await api.group("c000050", "acme", plan="new")
    assert await pool.fetchval("SELECT traits FROM groups") == {"plan": "new"}  # nothing of the old one
    await all_told(pool)
    rows = await values(pool)
    assert rows.pop(49) == {"id": "acme", "plan": "new"}
    assert rows == [None] * (MEMBERS - 1)
    assert await pool.fetchval("SELECT count(*) FROM group_members") == 1
    await api.delete("acme")
    await all_told(pool)
    assert await values(pool) == [None] * MEMBERS
    assert await pool.fetchval("SELECT count(*) FROM groups") == 0
    assert await pool.fetchval("SELECT count(*) FROM customers WHERE attributes ? 'n'") == MEMBERS


async def test_a_group_in_trouble_holds_up_no_other(pool: Pool, owner: Pool, api: Api) -> None:
    await fill(pool)
    await api.group("zoe", "other", plan="a")
    await api.group("zed", "other")
    await owner.execute("ALTER TABLE customers ADD CONSTRAINT trouble CHECK (attributes -> 'group' ->> 'id' <> 'acme')")
    await api.group("zoe", "other", plan="b")
    assert await Groups(pool).look() == 1
    assert (await values(pool))[-2:] == [{"id": "other", "plan": "b"}] * 2


async def test_a_row_in_use_is_not_waited_for(pool: Pool) -> None:
    await fill(pool)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM customers WHERE customer_id = 'c000001' FOR UPDATE")
        assert await asyncio.wait_for(all_told(pool), 10) == MEMBERS - 1
    assert await all_told(pool) == 1


async def test_who_joins_while_traits_change_is_not_missed(pool: Pool, api: Api) -> None:
    """The change waits for the one who joins, else the row had the old traits and the membership the new revision."""
    await api.group("zoe", "acme", plan="old")
    async with tenancy.workspace(api.pool, WORKSPACE) as connection:
        assert (await connection.fetchrow(SQL["share"], WORKSPACE, ["acme"], [{}]))["same"]  # type: ignore[index]
        await connection.execute(SQL["join"], WORKSPACE, ["ann"], ["acme"])
        change = asyncio.create_task(api.group("zoe", "acme", plan="new"))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(10):
            while not change.done() and not await pool.fetchval(waiting):
                await all_told(pool)
        await connection.execute(SQL["belong"], WORKSPACE, ["ann"], ["acme"])
    await change
    await all_told(pool)
    assert await values(pool) == [{"id": "acme", "plan": "new"}] * 2


async def test_r50_who_is_merged_while_a_change_is_settled_is_not_missed(pool: Pool, api: Api) -> None:
    """The attributes of a known customer win, those of the source's group among them; the target stays in its own."""
    await api.take(("ann", Identify(user_id="ann", traits={"n": 1})))
    await api.group("ann", "acme", plan="pro")
    for plan in ("free", "team"):  # the second one is a change, and nobody is behind
        await api.group("visitor", "other", plan=plan)
    async with tenancy.workspace(api.pool, WORKSPACE) as connection:
        merge = "SELECT outcome FROM merge_customers($1, 'ann', 'visitor', 'asked')"
        assert await connection.fetchval(merge, WORKSPACE) == "merged"
        await all_told(pool)
    assert await values(pool) == [{"id": "acme", "plan": "pro"}]
    await all_told(pool)
    assert await values(pool) == [{"id": "other", "plan": "team"}]


async def test_batches_that_name_the_same_customers_and_groups_do_not_wait_in_a_circle(pool: Pool, api: Api) -> None:
    names, who = [f"g{n}" for n in range(6)], [f"c{n}" for n in range(12)]

    async def batch(number: int) -> dict[int, Invalid]:
        turn = slice(None, None, 1 if number % 2 else -1)
        joins = zip(who[turn], (names * 2)[turn][number % 3 :] + names, strict=False)
        traits = {"n": number} if number % 4 == 0 else None
        return await api.take(*((id, Group(user_id=id, group_id=name, traits=traits)) for id, name in joins))

    for _ in range(3):
        assert await asyncio.gather(*(batch(number) for number in range(24))) == [{}] * 24
    await all_told(pool)
    assert None not in await values(pool)


async def test_those_who_join_all_the_time_hold_up_no_change(pool: Pool, api: Api) -> None:
    """They hold the group, and the members who are there already need not wait for a moment without any."""
    await fill(pool)
    async with tenancy.workspace(api.pool, WORKSPACE) as connection:
        await connection.fetch(SQL["share"], WORKSPACE, ["acme"], [{}])
        assert await asyncio.wait_for(all_told(pool), 10) == MEMBERS
        assert await pool.fetchval("SELECT count(*) FROM group_changes") == 0


@pytest.mark.parametrize("seed", range(6))
async def test_changes_joins_and_deletions_at_once_end_with_the_newest_traits(seed: int, pool: Pool, api: Api) -> None:
    """Many requests, some of them batches, beside two that catch up: nobody is missed, nobody waits in a circle."""
    names, who = ["a", "b", "c"], [f"c{n}" for n in range(25)]
    busy = True

    def items(random: random.Random) -> list[tuple[str, Any]]:
        made: list[tuple[str, Any]] = []
        for _ in range(random.choice((1, 1, 1, 6))):
            id = random.choice(who)
            traits = {random.choice("xy"): random.randrange(1000)} if random.random() < 0.5 else None
            joins = Group(user_id=id, group_id=random.choice(names), traits=traits)
            made.append((id, joins if random.random() < 0.8 else Identify(user_id=id, traits={"n": random.random()})))
        return made

    async def request(number: int) -> None:
        dice = random.Random(seed * 100 + number)
        for _ in range(25):
            if dice.random() < 0.04:
                await api.delete(dice.choice(names))
            elif dice.random() < 0.08:
                async with tenancy.workspace(api.pool, WORKSPACE) as connection:
                    delete = "DELETE FROM customers WHERE workspace_id = $1 AND customer_id = $2"
                    await connection.execute(delete, WORKSPACE, dice.choice(who))
            else:
                assert not await api.take(*items(dice))

    async def catch_up() -> None:
        groups = Groups(pool, 3)
        while busy:
            await groups.look()

    with capture_logs() as logs:
        beside = [asyncio.create_task(catch_up()) for _ in range(2)]
        await asyncio.gather(*(request(number) for number in range(6)))
        busy = False
        await asyncio.gather(*beside)
        await all_told(pool)
    assert [log for log in logs if log["log_level"] == "warning"] == []
    groups = {row["group_id"]: row["traits"] for row in await pool.fetch("SELECT group_id, traits FROM groups")}
    rows = await pool.fetch(
        "SELECT c.customer_id, c.attributes -> 'group' AS value, m.group_id"
        " FROM customers c LEFT JOIN group_members m USING (workspace_id, customer_id)"
    )
    assert rows
    for row in rows:
        id = row["group_id"]
        assert row["value"] == (None if id is None else {**groups[id], "id": id}), dict(row)
    assert await pool.fetchval("SELECT count(*) FROM group_changes") == 0
    assert await pool.fetchval("SELECT count(*) FROM groups WHERE deleted") == 0
