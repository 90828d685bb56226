"""Whether the process lives, and whether it can work."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.responses import Response

from api.call import Call, reply
from laudstream.errors import Unavailable
from laudstream.postgres import queries, tenancy

_SQL = queries("overview")

PATIENCE_S = 2.0


class Health(msgspec.Struct):
    status: str


async def live(call: Call) -> Response:
    """The process answers."""
    return reply(Health("live"))


async def ready(call: Call) -> Response:
    """Kafka and PostgreSQL answer; 503 names who does not."""
    asked = {"Kafka": call.context.events.answers(), "PostgreSQL": _postgres(call)}
    waits = [asyncio.wait_for(each, PATIENCE_S) for each in asked.values()]
    answers = await asyncio.gather(*waits, return_exceptions=True)
    silent = [name for name, answer in zip(asked, answers, strict=True) if isinstance(answer, BaseException)]
    if silent:
        raise Unavailable(f"no answer from {' and '.join(silent)}")
    return reply(Health("ready"))


async def _postgres(call: Call) -> None:
    with tenancy.reachable():
        async with call.context.pool.acquire(timeout=PATIENCE_S) as connection:
            await connection.fetchval(_SQL["ping"])
