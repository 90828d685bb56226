"""Migrations: `migrations/NNNN_name.sql`, numbered from 1 without holes, forward only.

Each file is one transaction. What was applied stands in `schema_migrations` with its checksum; a file that was
applied and then changed or lost is refused, since nobody can say what the database looks like then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from laudstream.errors import Invalid, Problem
from laudstream.postgres.named_queries import queries

if TYPE_CHECKING:
    from laudstream.postgres.pool import Connection, Pool

FOLDER = Path(__file__).parent / "migrations"
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK = 0x6C617564  # "laud": two deployments that migrate at once wait for each other
_PATIENCE_S = 600.0


class Migration(NamedTuple):
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()

    @property
    def file(self) -> str:
        return f"{self.number:04}_{self.name}.sql"


class Applied(NamedTuple):
    number: int
    name: str
    checksum: str


def read(folder: Path = FOLDER) -> list[Migration]:
    """All migrations in their order. Raises Invalid for names that are none, numbers twice and holes."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if not match:
            raise Invalid(f"{path.name} is no migration: NNNN_name.sql with a-z, 0-9 and _")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    for at, migration in enumerate(found, 1):
        if migration.number != at:
            raise Invalid(f"migrations: {migration.file} stands where number {at:04} should be")
    return found


def pending(there: Iterable[Migration], applied: Iterable[Applied]) -> list[Migration]:
    """What is still to be applied. Raises Invalid if what was applied is not what the files say."""
    files = {migration.number: migration for migration in there}
    problems = []
    done = set()
    for row in applied:
        done.add(row.number)
        file = files.get(row.number)
        name = f"{row.number:04}_{row.name}.sql"
        if file is None:
            fix = "this database was migrated by a later laudstream: use that one or a later one"
            problems.append(Problem(f"/{name}", f"{name} was applied and is not here", fix))
        elif file.checksum != row.checksum:
            fix = "put the file back as it was, and write the change as a new migration"
            problems.append(Problem(f"/{file.file}", f"{file.file} was changed after it was applied", fix))
    if problems:
        raise Invalid("; ".join(problem.message for problem in problems), tuple(problems))
    return [migration for number, migration in sorted(files.items()) if number not in done]


async def applied(connection: Connection) -> list[Applied]:
    """What `schema_migrations` says; nothing if there is no such table."""
    sql = queries("schema_migrations")
    if not await connection.fetchval(sql["exists"]):
        return []
    return [Applied(*row) for row in await connection.fetch(sql["list"])]


async def migrate(pool: Pool, folder: Path = FOLDER) -> list[Migration]:
    """Apply what is pending; returns that. Raises Invalid, also for a migration that PostgreSQL refuses."""
    sql = queries("schema_migrations")
    there = read(folder)
    async with pool.acquire() as connection:
        await connection.execute(sql["lock"], _LOCK, timeout=_PATIENCE_S)
        try:
            await connection.execute(sql["create"])
            todo = pending(there, [Applied(*row) for row in await connection.fetch(sql["list"])])
            for migration in todo:
                try:
                    async with connection.transaction():
                        await connection.execute(migration.sql, timeout=_PATIENCE_S)
                        await connection.execute(sql["add"], migration.number, migration.name, migration.checksum)
                except asyncpg.PostgresError as error:
                    raise Invalid(f"migration {migration.file}: {error}; nothing of it was applied") from error
        finally:
            await connection.execute(sql["unlock"], _LOCK)
    return todo
