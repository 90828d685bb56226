"""PostgreSQL (empty, with our roles) and Kafka (without topics), as `laudstream up` starts them, for the session."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.postgres import connect

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

WaitUntil = Callable[..., Awaitable[None]]
_schemas = itertools.count(1)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(
        tmp_path_factory.mktemp("local") / "data", ports=Ports.above(free_base()), parts=("postgres", "kafka")
    )
    asyncio.run(stack.start())
    yield stack
    asyncio.run(stack.stop())


@pytest.fixture
async def empty(servers: Stack) -> AsyncIterator[Pool]:
    """A pool whose tables go to a schema of their own."""
    schema = f"test_{next(_schemas)}"
    pool = await connect(servers.settings.database_url, max_size=1)
    await pool.execute(f"CREATE SCHEMA {schema}")
    await pool.close()
    pool = await connect(f"{servers.settings.database_url}?{urlencode({'search_path': schema})}", max_size=3)
    yield pool
    await pool.close()


@pytest.fixture
def wait_until() -> WaitUntil:
    """Waits for a condition; fails after `seconds`."""

    async def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so after {seconds:g} s"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def repository() -> Path:
    return Path(__file__).parents[2]
