"""The development sink for webhooks: an HTTP server that keeps every call in a SQLite file and answers 200.

`python -m laudstream.local.sink` listens at `sink_url` and writes `sink_db`. A call is answered once it is committed. A
path that begins with `/status/503` answers 503, so that one can see what becomes of a webhook that is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from typing import Any
from urllib.parse import urlsplit

import uvicorn
import uvloop

from laudstream.errors import Invalid
from laudstream.local import sink_store
from laudstream.local.sink_store import Received
from laudstream.log import configure
from laudstream.settings import Settings, load

MAX_BODY = 2 << 20  # bytes
_STATUS = re.compile(r"/status/([2-5][0-9]{2})(?=[/?]|\Z)")


class Sink:
    """An ASGI application."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._one_writes = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, status = await _body(receive), 200
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        if told := _STATUS.match(path):
            status = int(told[1])
        if body is None:
            body, status = b"", 413
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        send_id = dict(headers).get("idempotency-key", "")[:64]
        call = Received(
            int(time.time() * 1000), scope["method"], path[:2000], status, send_id, json.dumps(headers), body
        )  # fmt: skip
        async with self._one_writes:
            await asyncio.to_thread(sink_store.write, self._connection, call)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"kept\n"})


async def _body(receive: Any) -> bytes | None:
    """None: it is too large."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        chunks.append(chunk if size <= MAX_BODY else b"")
    return b"".join(chunks) if size <= MAX_BODY else None


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises Invalid if the settings name no sink."""
    place = urlsplit(settings.sink_url)
    if not settings.sink_db or place.port is None:
        raise Invalid("the sink needs sink_db, and sink_url with a port")
    connection = sink_store.create(settings.sink_db)
    config = uvicorn.Config(
        Sink(connection), host=place.hostname or "127.0.0.1", port=place.port, lifespan="off", access_log=False,
        log_config=None, server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    try:
        await uvicorn.Server(config).serve()
    finally:
        connection.close()


if __name__ == "__main__":
    started = load()
    configure(started, "sink")
    uvloop.run(serve(started))
