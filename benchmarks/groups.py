"""A change of a group's traits reaches its members (A18): rows a second, in slices as the control agent writes them.

PostgreSQL alone, with write-ahead logging for CDC; attributes of about 300 bytes. Told besides: how long what a `group`
call of another customer does there takes meanwhile. Gate: every row has the new traits, and was written once.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from agents.groups import SLICE, Groups
from benchmarks.report import cuts
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.postgres import connect, queries
from laudstream.postgres.pool import BY_INDEX

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

PORTS = 36000
CALLS_EVERY_S = 0.01
SQL = queries("groups")
FILL = """
INSERT INTO customers (workspace_id, customer_id, attributes)
SELECT $1, 'c' || n, jsonb_build_object('email', 'c' || n || '@shop.example', 'first_name', 'Name ' || n,
    'about', repeat(md5(n::text), 6), 'group', '{"id": "acme", "plan": "free"}'::jsonb)
FROM generate_series(1, $2) AS n
"""
JOIN = """
INSERT INTO group_members (workspace_id, customer_id, group_id, joined, seen)
SELECT workspace_id, customer_id, group_id, g.revision, g.revision FROM customers JOIN groups g USING (workspace_id)
WHERE workspace_id = $1
"""
RIGHT = """
SELECT count(*) FROM customers
WHERE workspace_id = $1 AND attributes -> 'group' = '{"id": "acme", "plan": "pro"}' AND revision > $2
"""


def measure(*, quick: bool) -> dict[str, Any]:
    return uvloop.run(_measure(20_000 if quick else 100_000))


async def _measure(members: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("workspace",)) as stack:
            pool = await connect(stack.settings.worker_dsn, max_size=3, planner=BY_INDEX)
            owner = await connect(stack.settings.database_url, max_size=1)
            try:
                return await _measured(pool, owner, stack.workspace, members)
            finally:
                await pool.close()
                await owner.close()


async def _measured(pool: Pool, owner: Pool, workspace: str, members: int) -> dict[str, Any]:
    await pool.execute(SQL["put"], workspace, ["acme"], [{"plan": "free"}])
    await pool.execute(FILL, workspace, members, timeout=600)
    await pool.execute(JOIN, workspace, timeout=600)
    await owner.execute("VACUUM ANALYZE customers, group_members", timeout=600)
    await pool.execute(SQL["put"], workspace, ["acme"], [{"plan": "pro"}])
    before = await owner.fetchval("SELECT last_value FROM row_revision")
    groups, calls = Groups(pool), _Calls(pool, workspace)
    beside = asyncio.create_task(calls.run())
    began, looked_at = time.monotonic(), 0
    while some := await groups.look():
        looked_at += some
    seconds = time.monotonic() - began
    calls.over = True
    await beside
    written = await owner.fetchval("SELECT last_value FROM row_revision") - before - calls.written
    right = await pool.fetchval(RIGHT, workspace, before)
    return {
        "members": members,
        "slice": SLICE,
        "seconds": round(seconds, 2),
        "members_per_second": round(members / seconds),
        "call_ms": cuts(calls.took_ms),
        "calls": len(calls.took_ms),
        "correct": looked_at == members == written and right == members + calls.written,
    }


class _Calls:
    """Customers who join meanwhile, one after another."""

    def __init__(self, pool: Pool, workspace: str) -> None:
        self._pool, self._workspace = pool, workspace
        self.took_ms: list[float] = []
        self.written = 0
        self.over = False

    async def run(self) -> None:
        while not self.over:
            began = time.monotonic()
            who = [f"new{len(self.took_ms)}"]
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.fetch(SQL["share"], self._workspace, ["acme"], [{}])
                await connection.execute(SQL["join"], self._workspace, who, ["acme"])
                await connection.execute(SQL["belong"], self._workspace, who, ["acme"])
            self.written += 1
            self.took_ms.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(CALLS_EVERY_S)
