"""Of how many customers a condition holds, exactly: every lane counts its own, by a sweep (A10).

A preview asks PostgreSQL's rows and estimates; this asks lanes, who know of events and changes too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import asyncpg
import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, converted, reply
from api.customers import email_of
from api.naming import neighbours
from api.problems import TooMany
from api.publishing import POLL_S, order
from api.segments import Sampled
from laudstream.errors import NotFound, Refused
from laudstream.journey import census
from laudstream.journey.census import CENSUS, SAMPLE
from laudstream.postgres import queries
from laudstream.segments.survey import Survey

if TYPE_CHECKING:
    from laudstream.postgres.tenancy import Connection

_SQL = queries("censuses")

MOST = 3
"""Under way at once in a workspace: each of them looks at all its customers."""
STATE_FORMAT = 3
"""From which on lanes know of censuses."""
WAIT_S = 5.0

Seconds = Annotated[float, Meta(ge=0, le=WAIT_S, description="seconds to wait until every lane has counted")]


class Patience(msgspec.Struct, forbid_unknown_fields=True):
    wait: Seconds = WAIT_S


class Glance(msgspec.Struct, forbid_unknown_fields=True):
    wait: Seconds = 0


class CensusWish(msgspec.Struct, forbid_unknown_fields=True):
    condition: dict[str, Any]


class Census(msgspec.Struct):
    id: int
    """To ask again with."""
    done: bool
    """Every lane has counted, so the numbers are those of all customers."""
    lanes: int
    """How many have counted."""
    of: int
    """How many lanes there are."""
    looked_at: int
    """Customers."""
    matching: int
    """Of those: it holds."""
    failed: int
    """Of those: asking it was an error; they do not match."""
    unseen: list[str]
    """Parts of the condition that are kept only from its publishing on: nobody counts as having done that before."""
    sample: list[Sampled]
    """Some who match."""


async def take(call: Call) -> Response:
    """Counts the customers for whom a condition holds, exactly: as a segment would that is published now."""
    patience, wish = call.query(Patience), converted(await call.read(), CensusWish)
    async with call.database() as connection:
        number = await _ordered(connection, call, wish.condition)
    return reply(await _awaited(call, number, patience.wait))


async def one(call: Call) -> Response:
    """How far a count is, for a day after it was asked for."""
    given = call.named("id")
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise NotFound(f"{given} is no count: those have numbers")
    return reply(await _awaited(call, int(given), call.query(Glance).wait))


async def _ordered(connection: Connection, call: Call, condition: dict[str, Any]) -> int:
    """The order; one for the same condition that was given a moment ago serves whoever asks."""
    workspace = call.workspace
    if (await connection.fetchval(_SQL["state_format"]) or 0) < STATE_FORMAT:
        raise Refused("lanes cannot count yet: finish the upgrade with `laudstream upgrade finish`")
    near = await neighbours(connection, workspace)
    await asyncio.to_thread(Survey, condition, near.segments.keys())
    id = census.id_of(condition)
    await connection.execute(_SQL["alone"], workspace)
    under_way = await connection.fetch(_SQL["under_way"], workspace, call.settings.partitions)
    for row in under_way:
        if row["id"] == id and row["fresh"]:
            return int(row["outbox_id"])
    if len(under_way) >= MOST:
        raise TooMany(f"{len(under_way)} counts are under way, and each looks at all customers; wait for one to end")
    await connection.execute(_SQL["forget"], workspace)
    return await order(connection, workspace, CENSUS, id, 1, "live", {"condition": condition})


async def _awaited(call: Call, number: int, wait: float) -> Census:
    """What is counted by the time when all lanes have, or `wait` seconds are over. Raises NotFound, Refused."""
    deadline, lanes = monotonic() + wait, call.settings.partitions
    while True:
        async with call.database() as connection:
            asked = await connection.fetchrow(_SQL["asked"], call.workspace, number)
            if asked is None:
                raise NotFound(f"nobody asked for a count {number} within the last day")
            if asked["error"]:
                raise Refused(f"the control agent refused it: {asked['error']}")
            rows = await connection.fetch(_SQL["counted"], call.workspace, number)
            if len(rows) >= lanes or monotonic() >= deadline:
                sample = await _named(connection, call.workspace, rows)
                break
        await asyncio.sleep(min(POLL_S, max(0.0, deadline - monotonic())))
    looked_at, matching, failed = (sum(row[name] for row in rows) for name in ("looked_at", "matching", "failed"))
    unseen = sorted({part for row in rows for part in row["unseen"]})
    return Census(number, len(rows) >= lanes, len(rows), lanes, looked_at, matching, failed, unseen, sample)


async def _named(connection: Connection, workspace: str, rows: Sequence[asyncpg.Record]) -> list[Sampled]:
    """A fair sample of those whom lanes name and who are still there."""
    found = sorted((msgspec.convert(one, census.Sampled) for row in rows for one in row["sample"]), key=_mark)
    there = await connection.fetch(_SQL["emails"], workspace, [one.id for one in found])
    emails = {row["customer_id"]: email_of(row) for row in there}
    return [Sampled(one.id, emails[one.id], one.looked_at) for one in found if one.id in emails][:SAMPLE]


def _mark(one: census.Sampled) -> str:
    return one.mark
