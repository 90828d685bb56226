"""Names of the events that each workspace tracks: a journey that waits for one that nobody sends is doubted (R60).

Ingestion says what it took, and a new name is written beside the answer. What could not be written is tried again with
the next new name; nothing depends on it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import structlog

from laudstream.errors import Unavailable
from laudstream.postgres import queries, tenancy

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool
    from laudstream.postgres.tenancy import Connection

log = structlog.get_logger()
_SQL = queries("event_names")

MOST_NAMES = 1_000
"""Of a workspace; who has more is not judged."""
MOST_WORKSPACES = 1_000
STOP_S = 5.0


class EventNames:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._seen: OrderedDict[str, set[str]] = OrderedDict()
        self._new: defaultdict[str, set[str]] = defaultdict(set)
        self._writing: asyncio.Task[None] | None = None

    def took(self, workspace: str, names: AbstractSet[str]) -> None:
        """Events of these names were taken. Costs next to nothing for names that were taken before."""
        seen = self._seen.get(workspace)
        if seen is None:
            seen = self._seen[workspace] = set()
            if len(self._seen) > MOST_WORKSPACES:
                self._seen.popitem(last=False)
        if names <= seen or len(seen) >= MOST_NAMES:
            return
        self._new[workspace] |= names - seen
        seen |= names
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Waits for what is being written."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=STOP_S)
            self._writing.cancel()

    async def _write(self) -> None:
        while self._new:
            workspace, names = self._new.popitem()
            try:
                async with tenancy.workspace(self._pool, workspace) as connection:
                    await connection.execute(_SQL["add"], workspace, sorted(names), MOST_NAMES)
            except Exception as error:  # whatever it is, they are taken for new when they come again
                self._seen.pop(workspace, None)
                if not isinstance(error, Unavailable):
                    log.error("event_names_not_kept", workspace=workspace, error=repr(error))


async def known(connection: Connection, workspace: str) -> frozenset[str] | None:
    """Events that were tracked, and those that live journeys emit; None: too many to be judged, or none yet."""
    tracked = await connection.fetch(_SQL["tracked"], workspace)
    if not 0 < len(tracked) < MOST_NAMES:
        return None
    emitted = await connection.fetch(_SQL["emitted"], workspace)
    return frozenset(row["name"] for row in (*tracked, *emitted))
