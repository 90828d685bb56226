"""The real stack, started once for all tests that need it, and the order of the tests: what needs it comes last."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from laudstream.local.child import tail
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from tests.integration.kit import Shop

PORT_BASE = "LAUDTEST_PORT_BASE"
"""Environment variable: the ports above it are used instead of free ones."""
SETTINGS = Settings(session_timeout_s=6, heartbeat_s=1, send_timeout_s=3)
ORDER = ("integration/", "sdks/", "e2e/", "faults/", "chaos/test_chaos.py", "cluster/")


# A busy machine is no failure; in CI the same examples come each time, elsewhere new ones.
hypothesis_settings.register_profile("here", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Faults come after what they could disturb, the replay of everything at the very end."""

    def place(item: pytest.Item) -> int:
        return max((n for n, part in enumerate(ORDER, 1) if f"tests/{part}" in str(item.path)), default=0)

    replay = [item for item in items if item.path.stem == "test_replay"]
    items[:] = sorted((item for item in items if item not in replay), key=place) + replay


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that fails on the stack shows the ends of the logs."""
    report = yield
    if report.failed and "stack" in getattr(item, "fixturenames", ()):
        running: Stack | None = item.session.stash.get(_STACK, None)
        for name, child in running.children.items() if running else ():
            report.sections.append((f"log of {name}", tail(child.log, 25)))
    return report


_STACK = pytest.StashKey[Stack]()


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Kafka, Connect, PostgreSQL, the inbox, the API, a sender, a projector and two journey workers."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-stack-"))
    folder.chmod(0o755)  # the user `postgres` must reach its part of it
    base = int(os.environ.get(PORT_BASE, 0)) or free_base()
    running = Stack(folder / "data", ports=Ports.above(base), workers=2, settings=SETTINGS)
    try:
        asyncio.run(running.start())
        request.session.stash[_STACK] = running
        yield running
        running.check()
    finally:
        asyncio.run(running.stop())
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    """The stack as its clients see it, with names that no other test has."""
    async with Shop(stack) as there:
        yield there
