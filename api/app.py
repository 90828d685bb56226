"""The API as a Starlette application: `uvicorn --factory api.app:create_app`, or `laudstream api`."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from api import problems
from api.auth import Keys
from api.call import Context
from api.event_log import EventLog
from api.event_names import EventNames
from api.identities import Identities
from api.routes import short_cuts, starlette_routes
from laudstream import away
from laudstream import settings as configuration
from laudstream.errors import LaudstreamError
from laudstream.log import configure
from laudstream.postgres import connect
from laudstream.settings import Settings

DRAIN_S = 10
"""At a stop, running requests get so long."""


GC_THRESHOLD = 20_000
"""Objects between two collections: a request leaves no cycles behind."""


class State(TypedDict):
    context: Context


class Api(Starlette):
    """Starlette, with a short cut for the routes that take events."""

    short_cuts = short_cuts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            direct = self.short_cuts.get((scope["method"], scope["path"]))
            if direct is not None:
                await direct(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Starlette:
    """The application; `settings` from the environment if not given. Its start raises Unavailable without servers."""
    chosen = settings or configuration.load()
    return Api(
        routes=list(starlette_routes()),
        exception_handlers={
            LaudstreamError: problems.of_error,
            HTTPException: problems.of_http,
            Exception: problems.of_bug,
        },
        lifespan=_lifespan(chosen),
    )


def _lifespan(settings: Settings) -> Callable[[Starlette], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        pool = await connect(settings.api_dsn, application="laudstream api")
        events = EventLog(settings)
        try:
            await events.start()
            names = EventNames(pool)
            try:
                yield {"context": Context(settings, pool, events, Keys(pool), Identities(pool), names)}
            finally:
                await names.stop()
                await events.stop()
        finally:
            await pool.close()

    return lifespan


def serve(settings: Settings) -> None:
    """Listens as soon as Kafka and PostgreSQL answer, until it is told to stop."""
    configure(settings, "api")
    asyncio.run(away.servers(settings, settings.api_dsn, "api"))
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # what stands now stays: the collector need not look at it again and again
    gc.set_threshold(GC_THRESHOLD)
    uvicorn.run(
        app,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        timeout_graceful_shutdown=DRAIN_S,
    )
