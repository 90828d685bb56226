"""A real PostgreSQL with the migrations applied, and a real Kafka; both live as long as the session."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laudstream.postgres import connect
from tests import database as database_server
from tests.database import free_port

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

_CACHE = Path(__file__).parents[2] / ".cache"
_KAFKA = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{control}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/logs
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
auto.create.topics.enable=false
message.max.bytes=10485760
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[int]:
    """Port of a PostgreSQL."""
    with database_server.running() as port:
        yield port


@pytest.fixture
async def database(postgres: int) -> str:
    return await database_server.fresh(postgres)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await connect(database, max_size=4)
    yield pool
    await pool.close()


@pytest.fixture
async def owner(database: str) -> AsyncIterator[Pool]:
    """The same database in the role that owns it."""
    pool = await connect(database.replace("laudstream_worker@", "laudstream@"), max_size=1)
    yield pool
    await pool.close()


class Kafka:
    """A broker that can be killed and started again; its data stay."""

    def __init__(self, folder: Path) -> None:
        jar = next(_CACHE.rglob("kafka-clients-*.jar"), None)
        assert jar is not None, f"no Kafka under {_CACHE}: run `make setup`"
        self.folder, self.port = folder, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{jar.parent}/*"]
        self._properties = folder / "server.properties"
        self._properties.write_text(_KAFKA.format(port=self.port, control=free_port(), folder=folder))
        storage = [*self._java, "kafka.tools.StorageTool", "format", "-t", "3sFvR2TCQ6mGzVtHh0pSdA"]
        subprocess.run([*storage, "-c", self._properties], check=True, capture_output=True)
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            server = self._server = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._properties)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A Kafka without topics."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-kafka-"))
    broker = Kafka(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """`await until(condition)`: as soon as the awaited condition is true; fails after 20 s."""

    async def wait(condition: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in servers
                await asyncio.sleep(0.02)

    return wait
