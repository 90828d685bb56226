"""Transactions that see one workspace only.

Row-level security compares `workspace_id` with `app.workspace`, which is set for the transaction and
gone with it: a pooled connection never carries a workspace over to the next request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg import exceptions as pg

from laudstream.errors import Unavailable

if TYPE_CHECKING:  # generic in asyncpg's stubs, not at run time
    from asyncpg.pool import PoolConnectionProxy

    from laudstream.postgres.pool import Pool

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

ACQUIRE_S = 5.0
"""A request waits so long for a free connection."""

_GONE = (
    OSError,
    TimeoutError,
    pg.PostgresConnectionError,
    pg.OperatorInterventionError,  # shut down, crashed, starting
    pg.InsufficientResourcesError,  # too many connections, no memory
    pg.ReadOnlySQLTransactionError,  # a replica answered after a failover
    pg.InternalClientError,
)


@contextmanager
def reachable() -> Iterator[None]:
    """Raises Unavailable where PostgreSQL does not answer or has no room; other errors pass."""
    try:
        yield
    except pg.DiskFullError as error:
        raise Unavailable("PostgreSQL has no room on its disk: nothing new is kept until there is some") from error
    except _GONE as error:
        raise Unavailable(f"PostgreSQL does not answer ({type(error).__name__})") from error
    except asyncpg.InterfaceError as error:
        if isinstance(error, ValueError):  # a value that does not fit its parameter: our bug or theirs
            raise
        raise Unavailable(f"PostgreSQL does not answer ({error})") from error


@asynccontextmanager
async def workspace(pool: Pool, workspace_id: str) -> AsyncIterator[Connection]:
    """A transaction that sees and writes only rows of `workspace_id`. Raises Unavailable."""
    with reachable():
        async with pool.acquire(timeout=ACQUIRE_S) as connection, connection.transaction():
            await connection.execute("SELECT set_config('app.workspace', $1, true)", workspace_id)
            yield connection
