"""`laudstream customers import` against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laudstream.cli.customers import prepare, run
from laudstream.cli.import_customers import Imported
from laudstream.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

WORKSPACE = "testshop"


async def imported(
    database: str, tmp_path: Path, content: str | bytes, *, workspace: str = "", dry_run: bool = False, **options: Any
) -> Imported:
    path = tmp_path / "customers.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return await run(database, workspace, *prepare(path, **options), dry_run)


async def customers(pool: Pool) -> dict[str, dict[str, Any]]:
    rows = await pool.fetch("SELECT customer_id, attributes FROM customers ORDER BY customer_id")
    return {row["customer_id"]: row["attributes"] for row in rows}


async def test_a_file_makes_customers_with_typed_attributes(database: str, pool: Pool, tmp_path: Path) -> None:
    done = await imported(database, tmp_path, "id,email,visits,vip,since\nann,a@x.example,3,true,2024-02-03\nbob,,,,\n")
    assert (done.rows, done.created, done.changed, done.unchanged, done.rejected) == (2, 2, 0, 0, [])
    ann = {"email": "a@x.example", "visits": 3, "vip": True, "since": "2024-02-03"}
    assert await customers(pool) == {"ann": ann, "bob": {}}
    key = await pool.fetchval("SELECT customer_key FROM customers WHERE customer_id = 'ann'")
    assert key == f"{WORKSPACE}:ann"


async def test_attributes_are_merged_and_unchanged_rows_are_not_touched(
    database: str, pool: Pool, tmp_path: Path
) -> None:
    first = "id,email,plan\nann,a@x.example,free\nbob,b@x.example,free\n"
    await imported(database, tmp_path, first)
    before = dict(await pool.fetch("SELECT customer_id, revision FROM customers"))
    again = await imported(database, tmp_path, first)
    assert (again.created, again.changed, again.unchanged) == (0, 0, 2)
    assert dict(await pool.fetch("SELECT customer_id, revision FROM customers")) == before
    change = await imported(database, tmp_path, "id,plan,city\nann,,Bonn\nbob,free,\n")
    assert (change.created, change.changed, change.unchanged) == (0, 1, 1)
    assert (await customers(pool))["ann"] == {"email": "a@x.example", "plan": "free", "city": "Bonn"}
    after = dict(await pool.fetch("SELECT customer_id, revision FROM customers"))
    assert after["bob"] == before["bob"]
    assert after["ann"] > before["ann"]
    born = await pool.fetchval("SELECT born FROM customers WHERE customer_id = 'ann'")
    assert born == before["ann"]


async def test_of_rows_with_one_id_the_later_wins(database: str, pool: Pool, tmp_path: Path) -> None:
    done = await imported(database, tmp_path, "id,plan,city\nann,free,Bonn\nann,paid,\n")
    assert done.created == 1
    assert await customers(pool) == {"ann": {"plan": "paid", "city": "Bonn"}}


async def test_a18_rows_of_an_alias_go_to_its_root_and_make_it_known(database: str, pool: Pool, tmp_path: Path) -> None:
    await pool.execute("SELECT merge_customers($1, 'visitor', 'ann', 'asked')", WORKSPACE)
    assert not await pool.fetchval("SELECT known FROM customers")
    dry = await imported(database, tmp_path, "id,plan,city\nvisitor,free,Bonn\nann,paid,\n", dry_run=True)
    done = await imported(database, tmp_path, "id,plan,city\nvisitor,free,Bonn\nann,paid,\n")
    assert (dry.created, dry.changed) == (done.created, done.changed) == (0, 1)
    assert await customers(pool) == {"ann": {"plan": "paid", "city": "Bonn"}}
    assert await pool.fetchval("SELECT known FROM customers")
    again = await imported(database, tmp_path, "id,plan\nvisitor,paid\n")
    assert (again.created, again.changed, again.unchanged) == (0, 0, 1)


async def test_a18_who_becomes_an_alias_during_an_import_gets_no_row(database: str, pool: Pool, tmp_path: Path) -> None:
    async with pool.acquire() as connection:
        merging = connection.transaction()
        await merging.start()
        await connection.execute("SELECT merge_customers($1, 'visitor', 'ann', 'asked')", WORKSPACE)
        importing = asyncio.create_task(imported(database, tmp_path, "id,plan\nvisitor,free\nbob,paid\n"))
        async with asyncio.timeout(20):
            while not await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await merging.commit()
    assert (await importing).rejected == []
    assert await customers(pool) == {"ann": {"plan": "free"}, "bob": {"plan": "paid"}}


HOSTILE = (
    b"\xef\xbb\xbfid,name,note\r\n"
    b'"good","=cmd|\' /C calc\'!A0","he said ""hi"", then\r\nleft"\r\n'  # 2-3: formula and line end are only text
    b"nul,a\x00b,\r\n"  # 4
    b"\xff,bad utf-8,\r\n"  # 5
    b"short,row\r\n"  # 6
    b"long,row,x,y\r\n"  # 7
    b",no id,\r\n"  # 8
    + b"huge," + b"x" * 70_000 + b",\r\n"  # 9
    + b"i" * 201 + b",long id,\r\n"  # 10
    b"'; DROP TABLE customers; --,sql,\r\n"  # 11: an id like any other
    b'open,"quote that never closes,\r\n'  # 12
    b"last,\xf0\x9f\x98\x80,ok\r\n"
)  # fmt: skip


async def test_hostile_rows_are_named_and_the_others_are_in(database: str, pool: Pool, tmp_path: Path) -> None:
    done = await imported(database, tmp_path, HOSTILE)
    assert [row.line for row in done.rejected] == [4, 5, 6, 7, 8, 9, 10, 12]
    assert all(row.reason for row in done.rejected)
    assert await customers(pool) == {
        "'; DROP TABLE customers; --": {"name": "sql"},
        "good": {"name": "=cmd|' /C calc'!A0", "note": 'he said "hi", then\r\nleft'},
        "last": {"name": "😀", "note": "ok"},
    }
    assert done.rows == 11


async def test_a_row_that_postgresql_refuses_costs_only_itself(database: str, pool: Pool, tmp_path: Path) -> None:
    big = "x" * 40_000
    await imported(database, tmp_path, f"id,a\nfull,{big}\n")
    rows = "".join(f"c{n},y\n" for n in range(500))
    done = await imported(database, tmp_path, f"id,b\n{rows}full,{big}\n")  # merged it would be too large
    assert [row.line for row in done.rejected] == [502]
    assert "PostgreSQL" in done.rejected[0].reason
    assert done.created == 500
    assert (await customers(pool))["full"] == {"a": big}


async def test_a_dry_run_tells_and_changes_nothing(database: str, pool: Pool, tmp_path: Path) -> None:
    await imported(database, tmp_path, "id,plan\nann,free\nbob,free\n")
    done = await imported(database, tmp_path, "id,plan\nann,paid\nbob,free\ncy,free\n", dry_run=True)
    assert (done.created, done.changed, done.unchanged) == (1, 1, 1)
    assert await customers(pool) == {"ann": {"plan": "free"}, "bob": {"plan": "free"}}


async def test_the_workspace_must_be_named_where_there_are_two(database: str, pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="testshop"):
        await imported(database, tmp_path, "id\nann\n", workspace="nowhere1")
    await pool.execute("INSERT INTO workspaces (workspace_id, name) VALUES ('othershop', 'Other')")
    with pytest.raises(Invalid) as caught:
        await imported(database, tmp_path, "id\nann\n")
    assert "othershop" in caught.value.problems[0].message
    await imported(database, tmp_path, "id\nann\n", workspace="othershop")
    assert await pool.fetchval("SELECT workspace_id FROM customers") == "othershop"


async def test_forty_thousand_rows_go_in_chunks(database: str, pool: Pool, tmp_path: Path) -> None:
    lines = "".join(f"{n:05},{n}@cdnow.example,1997-01\n" for n in range(40_000))
    began = time.monotonic()
    done = await imported(database, tmp_path, "id,email,cohort\n" + lines)
    print(f"{done.rows / (time.monotonic() - began):,.0f} rows/s")
    assert (done.rows, done.created, done.rejected) == (40_000, 40_000, [])
    assert await pool.fetchval("SELECT count(*) FROM customers") == 40_000


def test_a_column_group_is_refused_since_group_calls_write_that_attribute(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("id,group\nann,acme\n")
    with pytest.raises(Invalid) as refused:
        prepare(path)
    (problem,) = refused.value.problems
    assert (problem.pointer, "`group` call" in (problem.fix or "")) == ("group", True)
    path.write_text("group,name\nacme,Acme\n")
    assert prepare(path, wanted_id="group")[2] == 1


async def test_a_postgresql_that_goes_away_in_the_middle_is_said(database: str, pool: Pool, tmp_path: Path) -> None:
    rows = "id,plan\n" + "".join(f"u{n},gold\n" for n in range(50_000))
    importing = asyncio.create_task(imported(database, tmp_path, rows))
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'laudstream import'"
    async with asyncio.timeout(30):
        while not await pool.fetchval("SELECT EXISTS (SELECT FROM customers)"):
            assert not importing.done()
        while not importing.done():
            await pool.fetch(end)
    with pytest.raises(Unavailable, match="PostgreSQL does not answer"):
        await importing
