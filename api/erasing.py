"""Erasing customers, and telling their lanes before the answer (R15, R54)."""

from __future__ import annotations

from contextlib import suppress
from time import time
from uuid import uuid4

from msgspec.structs import replace

from api.call import Call
from laudstream.customers.event import DELETE, Event
from laudstream.customers.row import Row
from laudstream.errors import Invalid, NotFound, Unavailable
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection
from laudstream.records.codec import encode

_SQL = queries("customers")
_IDENTITIES = queries("identities")


async def say(call: Call, rows: dict[str, Row], now: int) -> bool:
    """Rows reach the lanes of these customers before whatever is taken from now (ms) on. Without Kafka they come by CDC
    alone, a little later: False."""
    events, settled = call.context.events, set()
    with suppress(Unavailable):
        for customer, row in rows.items():
            event = Event(str(uuid4()), DELETE if row.deleted else "alias", timestamp=now, received=now, row=row)
            settled.add(events.append(*events.place(call.workspace, customer), encode(event), now))
        await events.settle(settled)
        return True
    return False


async def erased(call: Call, id: str) -> bool:
    """Deletes a customer by any id; False: nobody has it, but who becomes somebody by what was taken before is deleted.
    Raises Unavailable, NotFound for an id that nobody can have.

    Nothing that a lane has written, or is about to, before it knew the row makes a row or changes the next one. Only
    the lane ends that, so it is told before this is kept."""
    async with call.database() as connection:
        await connection.execute(_SQL["alone_with_writes"])
        now = int(time() * 1000)
        gone = await _erased(call, connection, id)
        if not gone:
            await _erase_unseen(call, connection, id, now)
        else:
            ids = list(gone)
            await connection.execute(_SQL["erase_seen"], call.workspace, ids, [number for _, number in gone.values()])
            rows = {one: replace(_over(*numbers, now), void=True) for one, numbers in gone.items()}
            if not await say(call, rows, now):
                await connection.execute(_SQL["untold"], call.workspace, ids)
    call.context.identities.forget(call.workspace, list(gone))
    return bool(gone)


def _over(born: int, number: int, now: int) -> Row:
    return Row(born, number, {}, deleted=True, at=now)


async def _erased(call: Call, connection: Connection, id: str) -> dict[str, tuple[int, int]]:
    """The customer and its aliases, who are deleted now -> (birth, number) of what was deleted; nobody: no row."""
    id = await connection.fetchval(_IDENTITIES["locked_root"], call.workspace, id)
    aliases = await connection.fetch(_IDENTITIES["aliases"], call.workspace, id, None)
    row = await connection.fetchrow(_SQL["delete"], call.workspace, id)
    if row is None:
        return {}
    gone = {id: (row["born"], row["revision"]), **{each["alias"]: (each["revision"],) * 2 for each in aliases}}
    for name in ("erase_runs", "erase_decisions", "erase_messages", "erase_segments", "erase_samples"):
        await connection.execute(_SQL[name], call.workspace, list(gone))
    return gone


async def _erase_unseen(call: Call, connection: Connection, id: str, now: int) -> None:
    """Deletes whomever a lane knows, or is about to. Raises Unavailable, NotFound for an id that nobody can have."""
    events = call.context.events
    try:
        place = events.place(call.workspace, id)
    except Invalid:
        raise NotFound(f"there is no customer {id}") from None
    number = await connection.fetchval(_SQL["erase_unseen"], call.workspace, id)
    event = Event(str(uuid4()), DELETE, timestamp=now, received=now, row=_over(0, number, now))
    await events.settle({events.append(*place, encode(event), now)})
