"""A real PostgreSQL and a real Kafka as long as the session, and the real API in a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from laudstream.customers.event import Event
from laudstream.local.child import environment as child_environment
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.postgres import connect
from laudstream.postgres.workspaces import create_workspace
from laudstream.records import codec
from laudstream.settings import Settings, environment
from laudstream.topics import EVENTS
from tests.api.merging import People

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

START_S = 30.0
SERVE = "from api.app import serve\nfrom laudstream.settings import load\nserve(load())"


class Server(NamedTuple):
    """An API process."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path


class Shop(NamedTuple):
    """A workspace and what opens it."""

    id: str
    write_key: str
    admin_token: str


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostgreSQL and Kafka, migrated, with topics."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-api-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    stack = Stack(folder / "data", ports=Ports.above(free_base()), parts=("workspace", "topics"))
    try:
        asyncio.run(stack.start())
        yield stack
    finally:
        asyncio.run(stack.stop())
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def serve(stack: Stack) -> Iterator[Callable[..., Server]]:
    """Starts an API with other settings; they all end with the session."""
    running: list[Server] = []

    def start(port: int = stack.ports.api, **changes: object) -> Server:
        address = f"http://127.0.0.1:{port}"
        settings = msgspec.structs.replace(stack.settings, api_port=port, api_url=address, **changes)
        log = stack.data / "logs" / f"api-{port}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", SERVE],
                env={**child_environment(environment(settings)), "PYTHONPATH": str(Path(__file__).parents[2])},
                stderr=file,
            )
        running.append(Server(settings, process, log))
        deadline = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if httpx.get(f"{address}/readyz").status_code == 200:
                    return running[-1]
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(log.read_text())

    yield start
    for server in running:
        server.process.terminate()
    for server in running:
        server.process.wait(20)


@pytest.fixture(scope="session")
def inbox(stack: Stack) -> Path:
    """Where the API looks for the inbox."""
    return stack.data / "inbox-test.db"


@pytest.fixture(scope="session")
def api(serve: Callable[..., Server], inbox: Path) -> Server:
    return serve(inbox_db=str(inbox), development=True)


@pytest.fixture
async def owner(stack: Stack) -> AsyncIterator[Pool]:
    """The database in the role that owns it."""
    pool = await connect(stack.settings.database_url, max_size=2)
    yield pool
    await pool.close()


@pytest.fixture
async def new_shop(owner: Pool) -> Callable[[], Awaitable[Shop]]:
    """Makes a workspace of its own."""

    async def make() -> Shop:
        id = f"shop{os.urandom(6).hex()}"
        return Shop(id, *await create_workspace(owner, id, "A shop"))

    return make


@pytest.fixture
async def shop(new_shop: Callable[[], Awaitable[Shop]]) -> Shop:
    return await new_shop()


@pytest.fixture
def people(owner: Pool, shop: Shop) -> People:
    """The customers of `shop`, in PostgreSQL."""
    return People(owner, owner, shop.id)


@pytest.fixture
async def admin(api: Server, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the admin token of `shop`."""
    headers = {"Authorization": f"Bearer {shop.admin_token}"}
    async with httpx.AsyncClient(base_url=api.settings.api_url, headers=headers, timeout=40) as client:
        yield client


@pytest.fixture
async def site(api: Server, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the write key of `shop`."""
    auth = httpx.BasicAuth(shop.write_key, "")
    async with httpx.AsyncClient(base_url=api.settings.api_url, auth=auth, timeout=40) as client:
        yield client


class Taken(NamedTuple):
    key: str
    partition: int
    event: Event


@pytest.fixture
async def taken(stack: Stack, shop: Shop) -> AsyncIterator[Callable[[int], Awaitable[list[Taken]]]]:
    """`await taken(n)`: the first n events of the shop in Kafka, partition by partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.settings.kafka, isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(EVENTS, p) for p in range(stack.settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        for partition in partitions:
            await consumer.position(partition)

        async def first(n: int) -> list[Taken]:
            found: list[Taken] = []
            async with asyncio.timeout(20):
                while len(found) < n:
                    for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                        mine = [each for each in records if each.key.decode().startswith(f"{shop.id}:")]
                        found += [Taken(e.key.decode(), tp.partition, codec.event(e.value)) for e in mine]
            return found

        yield first
    finally:
        await consumer.stop()


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """`await until(condition)`: as soon as the awaited condition is true; fails after 20 s."""

    async def wait(condition: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in servers
                await asyncio.sleep(0.02)

    return wait
