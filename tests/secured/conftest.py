"""The whole stack on a Kafka that gives nobody more than the rights of the table, for the module."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from tests.integration.kit import Shop
from tests.secured import kit

PORT_BASE = "LAUDTEST_PORT_BASE"
SETTINGS = Settings(partitions=2, session_timeout_s=6, heartbeat_s=1, send_timeout_s=3)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Stack]:
    """Every process has the user of its role; what `settings` says is the operator's."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-secured-"))
    folder.chmod(0o755)  # the user `postgres` must reach its part of it
    ports = Ports.above(int(os.environ.get(PORT_BASE, 0)) or free_base())
    running = Stack(folder / "data", ports=ports, settings=SETTINGS, secured=kit.secured(ports, folder))

    async def start() -> None:
        await running.start()
        await kit.by_tool(running.site, running.context.of(kit.ROOT))

    try:
        asyncio.run(start())
        yield running
    finally:
        asyncio.run(running.stop())
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def guarded_shop(guarded: Stack) -> AsyncIterator[Shop]:
    async with Shop(guarded) as there:
        yield there
