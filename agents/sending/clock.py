"""What time it is for senders: PostgreSQL's, in which all of them keep their leases (A21).

A sender whose host is ahead by more than a lease would take what others have on the wire for lost, and send it again.
From each answer on a counter of the machine goes on, which nobody sets.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import structlog

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

ASK_S = 60.0
APART = timedelta(seconds=2)
"""A host that is off by more is named."""
_log = structlog.get_logger()


class ServerClock:
    """Until it has asked, the host's."""

    def __init__(self, counter: Callable[[], float] = time.monotonic, host: Callable[[], float] = time.time) -> None:
        self._counter, self._host = counter, host
        self._at, self._since = datetime.fromtimestamp(host(), UTC), counter()

    def __call__(self) -> datetime:
        return self._at + timedelta(seconds=self._counter() - self._since)

    async def ask(self, pool: Pool) -> None:
        """Errors are PostgreSQL's."""
        begun = self._counter()
        found = await pool.fetchval("SELECT clock_timestamp()")
        ended = self._counter()
        self._at, self._since = found, (begun + ended) / 2
        off = datetime.fromtimestamp(self._host(), UTC) - self()
        if abs(off) > APART:
            _log.warning("host_clock_is_off", seconds=round(off.total_seconds(), 1))

    async def follow(self, pool: Pool) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(ASK_S)
            try:
                await self.ask(pool)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("send.clock_not_asked", error=str(error) or type(error).__name__)
