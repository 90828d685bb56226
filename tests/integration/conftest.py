"""The whole stack, for the session, and what tests of it need."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest

from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack

WaitUntil = Callable[..., Awaitable[None]]
Condition = Callable[[], object]
DEADLINE_S = 30.0


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything that `laudstream up` starts, on ports and in a folder of its own."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "data", ports=Ports.above(free_base()))
    asyncio.run(stack.start())
    yield stack
    asyncio.run(stack.stop())


@pytest.fixture(autouse=True)
def everything_lives(stack: Stack) -> Iterator[None]:
    """No part dies by itself, before or during a test."""
    stack.check()
    yield
    stack.check()


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The management API, with the admin token."""
    headers = {"Authorization": f"Bearer {stack.settings.api_token}"}
    async with httpx.AsyncClient(base_url=stack.settings.api_url, headers=headers, timeout=30, trust_env=False) as http:
        yield http


@pytest.fixture
async def ingest(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The ingestion API, with the write key."""
    auth = httpx.BasicAuth(stack.settings.write_key, "")
    async with httpx.AsyncClient(base_url=stack.settings.api_url, auth=auth, timeout=30, trust_env=False) as http:
        yield http


@pytest.fixture
def wait_until() -> WaitUntil:
    """Waits for a condition, which may be a coroutine function; fails after `deadline` seconds."""

    async def wait(condition: Condition, deadline: float = DEADLINE_S) -> None:
        end = time.monotonic() + deadline
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return
            assert time.monotonic() < end, f"not so after {deadline:g} s; last it was {found!r}"
            await asyncio.sleep(0.05)

    return wait
