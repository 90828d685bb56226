"""Customers from a CSV file straight into PostgreSQL; lanes get them by CDC.

Chunks of CHUNK rows, each its own transaction: an import that breaks off is simply run again, for rows that would not
change are not touched. A row that PostgreSQL refuses is found by halving its chunk, and reported like other bad ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from laudstream.cli.csv_file import CsvFile, Rejected
from laudstream.cli.csv_types import Reader
from laudstream.errors import Invalid, NotFound, Problem
from laudstream.postgres import queries

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool
    from laudstream.postgres.tenancy import Connection

CHUNK = 5000
CONNECTIONS = 2
_REFUSALS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.ProgramLimitExceededError)
_Customer = tuple[str, dict[str, Any]]
_SQL = queries("customer_import")
_IDENTITIES = queries("identities")


class _MergedMeanwhile(Exception):
    """A row was written under an id that is an alias since; nothing of it stays."""


class Imported(msgspec.Struct):
    """What an import did; with `dry_run`, what it would do (an id that stands in two chunks counts twice then)."""

    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = []


class _Chunk(msgspec.Struct):
    rows: int = 0
    customers: dict[str, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    rejected: list[Rejected] = []


async def workspace_of(connection: Connection, wanted: str) -> str:
    """The workspace to import into: the one wanted, else the only one there is."""
    there = [row["workspace_id"] for row in await connection.fetch(_SQL["workspaces"])]
    if wanted:
        if wanted not in there:
            raise NotFound(f"no workspace {wanted}; there are: {', '.join(there) or 'none'}")
        return wanted
    if len(there) == 1:
        return str(there[0])
    if not there:
        raise NotFound("no workspace yet: start laudstream first")
    raise Invalid("which workspace?", (Problem("--workspace", f"there are: {', '.join(there)}", "--workspace ID"),))


async def import_file(
    pool: Pool,
    workspace: str,
    file: CsvFile,
    reader: Reader,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> Imported:
    """Import every good row of the file. `progress` is told the rows done with each chunk."""
    done = Imported()
    chunks = _chunks(file, reader)
    chunk = next(chunks, None)
    while chunk is not None:
        _, following = await asyncio.gather(
            _store(pool, workspace, chunk, done, dry_run), asyncio.to_thread(next, chunks, None)
        )
        done.rows += chunk.rows
        done.rejected += chunk.rejected
        progress(chunk.rows)
        chunk = following
    done.rejected.sort()
    return done


def _chunks(file: CsvFile, reader: Reader) -> Iterator[_Chunk]:
    """Rows by the chunk. Of rows with the same id the later one's attributes win, as if they came one after another."""
    chunk = _Chunk()
    for row in file.rows():
        chunk.rows += 1
        customer = row if isinstance(row, Rejected) else reader.customer(row)
        if isinstance(customer, Rejected):
            chunk.rejected.append(customer)
        else:
            name, attributes = customer
            chunk.customers.setdefault(name, {}).update(attributes)
            chunk.lines[name] = row.line
        if chunk.rows == CHUNK:
            yield chunk
            chunk = _Chunk()
    if chunk.rows:
        yield chunk


async def _store(pool: Pool, workspace: str, chunk: _Chunk, done: Imported, dry_run: bool) -> None:
    """Each connection takes its share: the customers of a chunk differ, so neither waits for the other."""
    roots = await _roots(pool, workspace, list(chunk.customers))
    customers = _of_roots(list(chunk.customers.items()), roots)
    for id, root in roots.items():
        chunk.lines[root] = max(chunk.lines[id], chunk.lines.get(root, 0))
    shares = [customers[at::CONNECTIONS] for at in range(CONNECTIONS)]
    await asyncio.gather(*(_store_share(pool, workspace, share, chunk, done, dry_run) for share in shares))


async def _store_share(
    pool: Pool, workspace: str, share: list[_Customer], chunk: _Chunk, done: Imported, dry_run: bool
) -> None:
    parts = [share] if share else []
    async with pool.acquire() as connection:
        while parts:
            part = parts.pop()
            try:
                await _store_part(connection, workspace, part, done, dry_run)
            except _REFUSALS as error:
                if len(part) == 1:
                    chunk.rejected.append(Rejected(chunk.lines[part[0][0]], f"PostgreSQL: {error}"))
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]


async def _store_part(
    connection: Connection, workspace: str, part: list[_Customer], done: Imported, dry_run: bool
) -> None:
    while True:
        try:
            async with connection.transaction():
                await connection.execute(_SQL["stage"])
                await connection.copy_records_to_table("customer_staging", schema_name="pg_temp", records=part)
                counts = await connection.fetchrow(_SQL["compare" if dry_run else "merge"], workspace)
                if not dry_run and await connection.fetchval(_SQL["aliases_written"], workspace):
                    raise _MergedMeanwhile
            break
        except asyncpg.DeadlockDetectedError:  # with identifies or a merge; nothing of it was done
            continue
        except _MergedMeanwhile:
            part = _of_roots(part, await _roots(connection, workspace, [id for id, _ in part]))
    assert counts is not None, "an aggregate always has a row"
    done.created += counts["created"]
    done.changed += counts["changed"]
    done.unchanged += len(part) - counts["created"] - counts["changed"]


async def _roots(connection: Connection | Pool, workspace: str, ids: list[str]) -> dict[str, str]:
    return {row["alias"]: row["root"] for row in await connection.fetch(_IDENTITIES["roots"], workspace, ids)}


def _of_roots(part: list[_Customer], roots: dict[str, str]) -> list[_Customer]:
    """Attributes of an alias are those of its root (A18); of the same customer the later row's win."""
    customers: dict[str, dict[str, Any]] = {}
    for id, attributes in part:
        root = roots.get(id, id)
        customers[root] = {**customers.get(root, {}), **attributes}
    return list(customers.items())
