"""Brings the traits of groups into the rows of their members (A18). Runs beside the control agent, once.

What is to be done stands in PostgreSQL: a group has a revision, a member the one that its row has seen. A slice of
members is one statement, so whoever dies in between leaves the rest to the next, and no row is written twice. It waits
for nobody: a row that is in use comes with a later slice.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from laudstream.postgres import queries

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

log = structlog.get_logger(__name__)

SQL = queries("groups")

EVERY_S = 1.0
MOST_GROUPS = 200
"""Looked at in a round, the longest behind first; each gets a slice."""
SLICE = 500
"""Members in one transaction."""
NAMED = 10
"""Customers in a line of the log."""


class Groups:
    def __init__(self, pool: Pool, slice: int = SLICE) -> None:
        """`pool`: connections that see all workspaces."""
        self._pool, self._slice = pool, slice

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            busy = 0
            try:
                busy = await self.look()
            except Exception as error:
                log.warning("groups_failed", error=repr(error))
            if not busy:
                await asyncio.sleep(EVERY_S)

    async def look(self) -> int:
        """One round: a slice of each group that has members behind. Gives how many members were looked at."""
        looked_at = 0
        for workspace, group, revision in await self._behind():
            try:
                looked_at += await self._catch_up(workspace, group, revision)
            except Exception as error:  # one group's trouble is not another's
                log.warning("group_failed", workspace=workspace, group=group, error=repr(error))
        return looked_at

    async def _behind(self) -> list[tuple[str, str, int]]:
        """(workspace, group, revision) of those that have members behind; the others are settled."""
        async with self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetch(SQL["changes"], MOST_GROUPS)
            if not found:
                return []
            names = [row["workspace_id"] for row in found], [row["group_id"] for row in found]
            open_ = await connection.fetch(SQL["settle"], *names)
        return [(row["workspace_id"], row["group_id"], row["revision"]) for row in open_]

    async def _catch_up(self, workspace: str, group: str, revision: int) -> int:
        done = await self._pool.fetchrow(SQL["catch_up"], workspace, group, revision, self._slice)
        assert done is not None, "an aggregate always has a row"
        if done["too_large"]:
            log.warning(
                "group_rows_too_large",
                workspace=workspace, group=group, customers=len(done["too_large"]), some=done["too_large"][:NAMED],
            )  # fmt: skip
        return int(done["looked_at"])
