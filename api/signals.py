"""Signals: events that belong to no customer (R34). An order in the outbox, so every lane gets each of them once."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, converted, reply
from api.problems import TooMany
from api.publishing import order
from laudstream.journey.signals import SIGNAL, parse
from laudstream.postgres import queries

_SQL = queries("signals")

MOST_AN_HOUR = 60
"""Of a workspace: each of them looks at all its customers."""


class SignalWish(msgspec.Struct, rename="camel"):
    """Something happened that is about no single customer."""

    event: Annotated[str, Meta(min_length=1, max_length=200)]
    properties: dict[str, Any] = {}
    """What `entry.…` reads, at most 8 KB."""
    message_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """A repeat of an id within 24 h changes nothing; made up if missing."""


class Signalled(msgspec.Struct):
    success: bool
    number: int
    """Of the signals of the workspace."""


async def signal(call: Call) -> Response:
    """An event that belongs to no customer: starts the audiences that listen to it."""
    wish = converted(await call.read(), SignalWish)
    body = {"properties": wish.properties}
    parse(body)
    message = wish.message_id or str(uuid4())
    async with call.database() as connection:
        await connection.execute(_SQL["alone"], call.workspace)
        number = await connection.fetchval(_SQL["known"], call.workspace, message)
        if number is None:
            (row,) = await connection.fetch(_SQL["lately"], call.workspace)
            if row["lately"] >= MOST_AN_HOUR:
                raise TooMany(f"more than {MOST_AN_HOUR} signals within an hour; send it later")
            number = row["last"] + 1
            ordered = await order(connection, call.workspace, SIGNAL, wish.event, number, "live", body)
            await connection.execute(_SQL["add"], call.workspace, number, message, wish.event, ordered)
            await connection.execute(_SQL["forget"], call.workspace, number)
    return reply(Signalled(True, number))
