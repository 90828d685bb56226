"""A database, mail servers that do as they are told, and what senders need besides."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from laudstream.ids import derive
from laudstream.messages.request import SendRequest
from laudstream.postgres import connect
from laudstream.postgres.migrate import migrate
from tests.database import free_port

HOUR = 3_600_000


@pytest.fixture(scope="session")
def dsn(postgres: int) -> str:
    """A migrated database for all of these tests, in the role of workers: each test has a workspace of its own."""
    asyncio.run(_make(postgres))
    return f"postgresql://laudstream_worker@127.0.0.1:{postgres}/sending"


async def _make(port: int) -> None:
    admin = await connect(f"postgresql://root@127.0.0.1:{port}/postgres", max_size=1)
    await admin.execute("CREATE DATABASE sending OWNER laudstream")
    await admin.close()
    owner = await connect(f"postgresql://laudstream@127.0.0.1:{port}/sending", max_size=1)
    await migrate(owner)
    await owner.close()


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Any]:
    pool = await connect(dsn, max_size=4)
    yield pool
    await pool.close()


class Shop:
    """A workspace of its own with customers c0 … c9, and requests to them."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.id = secrets.token_hex(8)
        self._number = 0

    async def open(self) -> Shop:
        await self.pool.execute("INSERT INTO workspaces (workspace_id, name) VALUES ($1, 'Shop')", self.id)
        await self.pool.execute(
            "INSERT INTO customers (workspace_id, customer_id) SELECT $1, 'c' || n FROM generate_series(0, 9) n",
            self.id,
        )
        return self

    def request(self, at: int = 0, **more: Any) -> SendRequest:
        """At `at` (ms), to be sent within an hour."""
        self._number += 1
        given: dict[str, Any] = {
            "send_id": derive("send", self.id, self._number), "workspace": self.id, "customer": f"c{self._number % 10}",
            "channel": "email", "message_class": "marketing", "journey": "welcome", "version": 1, "run": "run",
            "step": "mail", "visit": 1, "attempt": 1, "template": "t", "template_version": 1,
            "to": "ann@shop.example", "requested_at": at, "send_before": at + HOUR,
        }  # fmt: skip
        return SendRequest(**{**given, **more})

    async def rows(self) -> dict[str, Any]:
        """Claims by send id."""
        found = await self.pool.fetch("SELECT * FROM send_claims WHERE workspace_id = $1", self.id)
        return {row["send_id"]: row for row in found}


@pytest.fixture
async def shop(pool: Any) -> Shop:
    return await Shop(pool).open()


@pytest.fixture
def new_shop() -> Callable[[Any], Shop]:
    return Shop


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Awaitable[None]]:
    """Waits for a condition, awaitable or not, with a deadline."""

    async def wait(condition: Callable[[], Any], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while True:
                met = condition()
                if await met if asyncio.iscoroutine(met) else met:
                    return
                await asyncio.sleep(0.01)

    return wait


class MailServer:
    """A real SMTP server that does what the recipient's name says.

    later@ 451 to RCPT · gone@ 550 to RCPT · spam@ 554 to the content · busy@ 451 to the content
    cut@ hangs up at RCPT · lost@ hangs up after the content · silent@ never answers the content · others: 250
    `repent` makes the next mails of a name go through.
    """

    def __init__(self, *, pipelining: bool = True) -> None:
        self.port = free_port()
        self.pipelining = pipelining
        self.mails: list[tuple[str, bytes]] = []
        self.contents = 0  # contents that came in whole, whatever was answered
        self.connections = 0
        self.commands: list[str] = []
        self.repented: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self._server: asyncio.Server | None = None
        self._transports: list[Any] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0)

    def _session(self) -> Any:
        outer = self

        class Session(SMTP):
            def connection_made(self, transport: Any) -> None:
                outer.connections += 1
                outer._transports.append(transport)
                super().connection_made(transport)

        return Session(self, loop=asyncio.get_running_loop(), hostname="test")

    def _name(self, address: str) -> str:
        name = address.partition("@")[0]
        return "" if name in self.repented else name

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, host: str, lines: list[str]) -> list[str]:
        session.host_name = host
        return [*lines[:-1], "250-PIPELINING", lines[-1]] if self.pipelining else lines

    async def handle_RSET(self, server: Any, session: Any, envelope: Any) -> str:
        self.commands.append("RSET")
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        name = self._name(address)
        if name == "cut":
            server.transport.abort()
        if name in ("later", "gone"):
            return {"later": "451 4.7.1 come again", "gone": "550 5.1.1 no such user"}[name]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await self.gate.wait()
        self.contents += 1
        name = self._name(envelope.rcpt_tos[0])
        if name == "lost":
            server.transport.abort()
        if name == "silent":
            await asyncio.sleep(60)
        if name in ("spam", "busy"):
            return {"spam": "554 5.7.1 spam", "busy": "451 4.3.0 busy"}[name]
        self.mails.append((envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 kept"


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.open()
    yield server
    await server.close()


@pytest.fixture
async def slow_talker() -> AsyncIterator[MailServer]:
    """A server without PIPELINING."""
    server = MailServer(pipelining=False)
    await server.open()
    yield server
    await server.close()
