"""What a migration map would do: lanes count who is where, and the map says where they would go (R48, A10)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, converted, reply
from api.journeys import locked
from api.publishing import POLL_S, Wait, order
from laudstream.errors import Invalid, NotFound
from laudstream.journey import migration
from laudstream.journey.control import COUNT
from laudstream.journey.presence import Cell, summed
from laudstream.journey.reader import Reader
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("versions")


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    migrate: dict[str, str] = {}
    """The map; who is at a step that it does not name stays."""
    order: Annotated[int, Meta(ge=1, le=2**62)] | None = None
    """Of a count that was asked for before; left out: a new one."""


class Going(msgspec.Struct):
    """People of one version at one step."""

    version: int
    step: str
    to: str
    """A step of the new version, exit or stay."""
    parked: bool
    """An error holds them here: they stay, whatever the map says (A6)."""
    people: int
    runs: int


class DryRun(msgspec.Struct):
    order: int | None
    """To ask again with; None: the journey was never published."""
    done: bool
    """Every lane has counted."""
    lanes: int
    """How many have."""
    cells: list[Going]


async def dry_run(call: Call) -> Response:
    """Counts the people at each step of each version, and says where a map would take them; nothing is moved."""
    id, wait, wish = call.named("id"), call.query(Wait).wait, converted(await call.read(), Wish)
    reader = Reader()
    steps = migration.read(reader, wish.migrate, "/migrate", None)
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer}: {first.message}", tuple(reader.problems))
    async with call.database() as connection:
        number = await _ordered(connection, call.workspace, id, wish.order)
    if number is None:
        return reply(DryRun(None, True, 0, []))
    deadline = monotonic() + wait
    while True:
        async with call.database() as connection:
            rows = await connection.fetch(_SQL["counted"], call.workspace, number)
        if len(rows) >= call.settings.partitions or monotonic() >= deadline:
            break
        await asyncio.sleep(min(POLL_S, max(0.0, deadline - monotonic())))
    cells = summed(msgspec.convert(cell, Cell) for row in rows for cell in row["cells"])
    done = len(rows) >= call.settings.partitions
    return reply(DryRun(number, done, len(rows), _going(cells, steps)))


async def _ordered(connection: Connection, workspace: str, id: str, number: int | None) -> int | None:
    """The order of the count; one that is still open serves whoever asks."""
    if number is not None:
        if not await connection.fetchval(_SQL["asked"], workspace, id, number):
            raise NotFound(f"nobody asked for a count {number} of journey {id}")
        return number
    row = await locked(connection, workspace, id)
    if row["live_version"] is None:
        return None
    open: int | None = await connection.fetchval(_SQL["open_count"], workspace, id)
    if open is not None:
        return open
    await connection.execute(_SQL["forget_counts"], workspace)
    return await order(connection, workspace, COUNT, id, row["live_version"], "live", None)


def _going(cells: tuple[Cell, ...], steps: dict[str, Any]) -> list[Going]:
    found = []
    for each in cells:
        to = migration.STAY if each.parked else migration.goes(steps, each.step)
        found.append(Going(each.version, each.step, to, each.parked, each.people, each.runs))
    return found
