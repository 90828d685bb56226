"""The whole stack on a Kafka that gives nobody more than the rights of the table, for the tests of this folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from laudstream.local.child import tail
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from tests.integration.kit import Shop
from tests.secured import kit

PORT_BASE = "LAUDTEST_PORT_BASE"
SETTINGS = Settings(partitions=2, session_timeout_s=6, heartbeat_s=1, send_timeout_s=3)


_STACK = pytest.StashKey[Stack]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that fails shows the ends of the logs."""
    report = yield
    running = item.session.stash.get(_STACK, None)
    for name, child in running.children.items() if report.failed and running else ():
        report.sections.append((f"log of {name}", tail(child.log, 25)))
    return report


@pytest.fixture(scope="package")
def guarded(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Every process has the user of its role; what `settings` says is the operator's."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-secured-"))
    folder.chmod(0o755)  # the user `postgres` must reach its part of it
    ports = Ports.above(int(os.environ.get(PORT_BASE, 0)) or free_base())
    running = Stack(folder / "data", ports=ports, settings=SETTINGS, secured=kit.secured(ports, folder))

    try:
        asyncio.run(running.start())
        request.session.stash[_STACK] = running
        yield running
    finally:
        asyncio.run(running.stop())
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def guarded_shop(guarded: Stack) -> AsyncIterator[Shop]:
    async with Shop(guarded) as there:
        yield there
