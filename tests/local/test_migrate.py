"""Migrations on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laudstream.errors import Invalid
from laudstream.local.stack import Stack
from laudstream.postgres import connect
from laudstream.postgres.migrate import FOLDER, migrate, read
from tests import database

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool


def write(folder: Path, *statements: str) -> Path:
    for number, sql in enumerate(statements, 1):
        (folder / f"{number:04}_step.sql").write_text(sql)
    return folder


async def test_a_new_database_gets_all_of_the_product_and_a_second_run_nothing(servers: Stack) -> None:
    pool = await connect(servers.settings.database_url, max_size=1)
    try:
        assert [one.file for one in await migrate(pool)] == sorted(path.name for path in FOLDER.glob("*.sql"))
        assert await migrate(pool) == []
    finally:
        await pool.close()


async def test_the_api_role_sees_no_workspace_unless_it_says_which(servers: Stack) -> None:
    pool = await connect(servers.settings.database_url, max_size=1)
    await migrate(pool)
    await pool.execute("INSERT INTO workspaces (workspace_id, name) VALUES ('fencedshop', 'x') ON CONFLICT DO NOTHING")
    await pool.close()
    api = await connect(servers.settings.api_database_url, max_size=1)
    seen = await api.fetch("SELECT * FROM workspaces")
    await api.close()
    worker = await connect(servers.settings.worker_database_url, max_size=1)
    everything = await worker.fetchval("SELECT count(*) FROM workspaces WHERE workspace_id = 'fencedshop'")
    await worker.close()
    assert (seen, everything) == ([], 1)


async def test_a_migration_that_fails_leaves_nothing_and_keeps_those_before(empty: Pool, tmp_path: Path) -> None:
    folder = write(tmp_path, "CREATE TABLE a ()", "CREATE TABLE b (); SELECT 1 / 0")
    with pytest.raises(Invalid, match=r"0002_step.sql: division by zero; nothing of it was applied"):
        await migrate(empty, folder)
    assert await empty.fetchval("SELECT to_regclass('a') IS NOT NULL AND to_regclass('b') IS NULL")
    write(tmp_path, "CREATE TABLE a ()", "CREATE TABLE b ()")
    assert [one.number for one in await migrate(empty, folder)] == [2]


async def test_a_file_changed_after_it_was_applied_is_refused(empty: Pool, tmp_path: Path) -> None:
    await migrate(empty, write(tmp_path, "CREATE TABLE a ()"))
    folder = write(tmp_path, "CREATE TABLE a (n int)", "CREATE TABLE b ()")
    with pytest.raises(Invalid, match=r"0001_step.sql was changed after it was applied") as raised:
        await migrate(empty, folder)
    assert "new migration" in raised.value.problems[0].fix
    assert await empty.fetchval("SELECT to_regclass('b') IS NULL")


async def test_a_database_of_a_later_release_is_refused(empty: Pool, tmp_path: Path) -> None:
    folder = write(tmp_path, "CREATE TABLE a ()", "CREATE TABLE b ()")
    await migrate(empty, folder)
    (folder / "0002_step.sql").unlink()
    with pytest.raises(Invalid, match=r"0002_step.sql was applied and is not here"):
        await migrate(empty, folder)


async def test_two_that_migrate_at_once_apply_everything_once(empty: Pool, tmp_path: Path) -> None:
    folder = write(tmp_path, "CREATE TABLE a ()", "CREATE TABLE b (); SELECT pg_sleep(0.2)", "CREATE TABLE c ()")
    done = await asyncio.gather(migrate(empty, folder), migrate(empty, folder))
    assert sorted(one.number for applied in done for one in applied) == [1, 2, 3]


def test_holes_and_wrong_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("")
    (tmp_path / "0003_c.sql").write_text("")
    with pytest.raises(Invalid, match=r"0003_c.sql stands where number 0002 should be"):
        read(tmp_path)
    (tmp_path / "second.sql").write_text("")
    with pytest.raises(Invalid, match=r"second.sql is no migration"):
        read(tmp_path)


async def test_templates_become_definitions_with_all_their_versions(empty: Pool, tmp_path: Path) -> None:
    before = [
        (FOLDER / f"{name}.sql").read_text() for name in ("0001_workspaces", "0003_definitions", "0012_definitions")
    ]
    await migrate(empty, write(tmp_path, *before))
    await empty.execute("INSERT INTO workspaces (workspace_id, name) VALUES ('bookshop', 'Books')")
    await empty.execute("INSERT INTO templates VALUES ('bookshop', 'hello', 'email', 2, 7, '2026-01-02Z')")
    for version in (1, 2):
        body = {"channel": "email", "subject": f"Hi {version}", "requires": []}
        sql = "INSERT INTO template_versions VALUES ('bookshop', 'hello', $1, $2, '2026-01-01Z')"
        await empty.execute(sql, version, body)
    await migrate(empty, write(tmp_path, *before, (FOLDER / "0019_templates.sql").read_text()))
    row = await empty.fetchrow("SELECT * FROM definitions WHERE updated_at = '2026-01-02Z'")
    assert row is not None
    assert (row["kind"], row["id"], row["live_version"], row["control_id"]) == ("template", "hello", 2, 7)
    rows = await empty.fetch("SELECT * FROM definition_versions WHERE published_at = '2026-01-01Z' ORDER BY version")
    assert [(row["kind"], row["version"], row["body"]["subject"]) for row in rows] == [
        ("template", 1, "Hi 1"),
        ("template", 2, "Hi 2"),
    ]


@pytest.fixture
async def unmigrated() -> AsyncIterator[Pool]:
    """A PostgreSQL of its own: a publication belongs to a whole database."""
    with database.running() as port:
        admin = await connect(f"postgresql://root@127.0.0.1:{port}/postgres", max_size=1)
        await admin.execute("CREATE DATABASE shop OWNER laudstream")
        await admin.close()
        pool = await connect(f"postgresql://laudstream@127.0.0.1:{port}/shop", max_size=1)
        yield pool
        await pool.close()


async def test_a18_customers_from_before_identities_are_known_by_their_attributes_and_not_touched(
    unmigrated: Pool, tmp_path: Path
) -> None:
    files = sorted(FOLDER.glob("*.sql"))
    until = next(n for n, path in enumerate(files) if path.name == "0022_identities.sql")
    for path in files[:until]:
        (tmp_path / path.name).write_text(path.read_text())
    await migrate(unmigrated, tmp_path)
    await unmigrated.execute("INSERT INTO workspaces (workspace_id, name) VALUES ('bookshop', 'Books')")
    for id, attributes in (("told", {"plan": "gold"}), ("seen", {})):
        await unmigrated.execute("INSERT INTO customers VALUES ('bookshop', $1, '', 0, 0, $2)", id, attributes)
    rows = "SELECT customer_id, revision, xmin::text, ctid::text FROM customers ORDER BY 1"
    before = await unmigrated.fetch(rows)
    path = files[until]
    (tmp_path / path.name).write_text(path.read_text())
    await migrate(unmigrated, tmp_path)
    assert await unmigrated.fetch(rows) == before
    await unmigrated.execute("INSERT INTO customers VALUES ('bookshop', 'new', '', 0, 0, '{\"plan\": \"gold\"}')")
    known = await unmigrated.fetch("SELECT customer_id, is_known(c) FROM customers c ORDER BY 1")
    assert [tuple(row) for row in known] == [("new", False), ("seen", False), ("told", True)]
    assert (
        await unmigrated.fetchval("SELECT number FROM levels WHERE name = 'state_format'") == 2
    )  # lanes may have worked
