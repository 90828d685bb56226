"""A real PostgreSQL with the migrations applied, and a small real HTTP server that fails when told to."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laudstream.cli.apply import apply
from laudstream.postgres import connect
from tests import database as database_server
from tests.cli.applying import JOURNEY, TEMPLATE, Workspace

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool


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
    pool = await connect(database, max_size=2)
    yield pool
    await pool.close()


@asynccontextmanager
async def _serving(app: Starlette, port: int = 0) -> AsyncIterator[str]:
    """The address at which `app` is served: a real HTTP server on loopback."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


class _Log:
    """`POST /v1/batch`: keeps what was accepted, each messageId once, in the order of arrival."""

    def __init__(self, *failures: int | str) -> None:
        self.failures = list(failures)
        """Status with which requests fail, one after another; 'lost': taken, but the answer is an error."""
        self.events: dict[str, dict[str, Any]] = {}
        self.requests = 0
        self.largest = 0
        self.max_bytes = 1 << 20
        self.keys: set[str] = set()
        self.app = Starlette(routes=[Route("/v1/batch", self.batch, methods=["POST"])])

    async def batch(self, request: Request) -> Response:
        body = await request.body()
        self.requests += 1
        self.keys.add(request.headers.get("authorization", ""))
        await asyncio.sleep(0.001 * (self.requests % 7))  # requests overtake each other
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, int):
            return JSONResponse({"title": "no", "status": failure, "detail": f"fails with {failure}"}, failure)
        if len(body) > self.max_bytes:
            return JSONResponse({"title": "Too large", "status": 413, "detail": "larger"}, 413)
        batch = json.loads(body)["batch"]
        self.largest = max(self.largest, len(batch))
        rejected = []
        for index, event in enumerate(batch):
            if event.get("userId"):
                self.events.setdefault(event["messageId"], event)
            else:
                problems = [{"pointer": f"/batch/{index}/userId", "message": "is missing"}]
                rejected.append({"index": index, "problems": problems})
        if failure == "lost":
            return JSONResponse({"title": "no", "status": 503, "detail": "lost"}, 503)
        return JSONResponse({"success": not rejected, "accepted": len(batch) - len(rejected), "rejected": rejected})


@pytest.fixture
def serving() -> Callable[..., AbstractAsyncContextManager[str]]:
    """`async with serving(app) as url`."""
    return _serving


@pytest.fixture
def batch_log() -> type[_Log]:
    """What makes a stand-in for `POST /v1/batch`."""
    return _Log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journey and its template, as files."""
    for name, content in (("journeys/hello.yaml", JOURNEY), ("templates/welcome.yaml", TEMPLATE)):
        path = tmp_path / "all" / name
        path.parent.mkdir(parents=True)
        path.write_text(content)
    return tmp_path / "all"


@pytest.fixture
def shop(serving: Any) -> Any:
    """Runs `laudstream apply` with arguments against a workspace; the value has both."""

    class Shop:
        workspace = Workspace()

        async def apply(self, *arguments: str | Path) -> Result:
            async with serving(self.workspace.app) as url:
                environ = {"LAUDSTREAM_API_URL": url, "LAUDSTREAM_API_TOKEN": "t"}
                return await asyncio.to_thread(CliRunner(env=environ).invoke, apply, [str(a) for a in arguments])

        async def changes(self, *arguments: str | Path) -> list[str]:
            result = await self.apply(*arguments, "--json")
            assert result.exit_code == 0, result.output
            return [f"{row['id']} {row['change']}" for row in json.loads(result.output)]

    return Shop()
