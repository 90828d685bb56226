"""Development only: the webhooks that the sink of `laudstream up` took."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, reply
from api.paging import Limit, Place, place, placed
from laudstream.errors import NotFound
from laudstream.local import sink_store
from laudstream.local.sink_store import MAX_PAGE


class SinkQuery(msgspec.Struct, forbid_unknown_fields=True):
    query: Annotated[str, Meta(max_length=200, description="words of paths and bodies")] = ""
    after: Place = ""
    limit: Limit = 50


class CallLine(msgspec.Struct):
    id: int
    received_at: int
    method: str
    path: str
    status: int
    """What the sink answered."""
    send_id: str
    size: int


class CallPage(msgspec.Struct):
    calls: list[CallLine]
    next: str | None
    """None: there are no more."""


class Received(msgspec.Struct):
    id: int
    received_at: int
    method: str
    path: str
    status: int
    send_id: str
    headers: list[tuple[str, str]]
    body: str


async def all(call: Call) -> Response:
    """Webhooks, the newest first."""
    path, query = _file(call), call.query(SinkQuery)
    after, limit = placed(query.after, "after", tuple[int]), min(query.limit, MAX_PAGE - 1)
    rows = await asyncio.to_thread(sink_store.list_calls, path, query.query, after[0] if after else None, limit + 1)
    shown = msgspec.convert(rows[:limit], list[CallLine])
    return reply(CallPage(shown, place(shown[-1].id) if len(rows) > limit else None))


async def one(call: Call) -> Response:
    """A webhook as it came."""
    path, id = _file(call), call.named("id")
    if not (id.isascii() and id.isdecimal() and len(id) < 19):
        raise NotFound(f"there is no call {id}")
    return reply(msgspec.convert(await asyncio.to_thread(sink_store.get_call, path, int(id)), Received))


def _file(call: Call) -> str:
    if not (call.settings.development and call.settings.sink_db):
        raise NotFound("there is a sink in development only")
    return call.settings.sink_db
