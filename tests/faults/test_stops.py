"""A worker that is told to stop ends at once, whatever its group waits for."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from laudstream import kafka_admin, topics
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from tests.integration.kit import WORKERS, wait_until

pytestmark = pytest.mark.faults

SETTINGS = Settings(session_timeout_s=55, heartbeat_s=1)
"""A worker that is silent holds up a join for longer than `Child.stop` waits (10 s)."""


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    folder = tempfile.mkdtemp(prefix="laudstream-stops-")
    ports = Ports.above(free_base())
    async with Stack(Path(folder) / "data", ports=ports, parts=WORKERS, workers=2, settings=SETTINGS) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_worker_that_waits_for_another_one_to_join_the_group_ends_when_it_is_told_to(stack: Stack) -> None:
    silent, other = (stack.part(name) for name in WORKERS)
    silent.freeze()
    try:
        assert await other.stop()  # the group waits for the silent one from now on
        starting = asyncio.create_task(other.start())
        await wait_until(lambda: _joining(stack.settings), 30, "both are members")
        assert not starting.done()
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        assert await other.stop(), "it had to be killed"
        assert other.exit_code == 0
    finally:
        silent.thaw()
    await wait_until(silent.server.ready, 20, "who was silent has all lanes: nobody else is waited for")


async def _joining(settings: Settings) -> bool:
    """Two members, and no lanes shared out."""
    group = await kafka_admin.group(settings, settings.app_id, topics.EVENTS)
    return len(group.members) == 2 and not group.settled
