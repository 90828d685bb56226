"""What journeys and templates share: an order to the lanes, and waiting until every lane has read it (A9)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from api.call import Call
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("journeys")

POLL_S = 0.05


class Wait(msgspec.Struct, forbid_unknown_fields=True):
    wait: Annotated[float, Meta(ge=0, le=30, description="seconds to wait until every lane has it")] = 0


class Which(msgspec.Struct, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=2**31 - 1, description="the live one if left out")] | None = None


class Version(msgspec.Struct):
    version: int
    published_at: int | None


class Seen(NamedTuple):
    seen: bool
    """Every lane has read it."""
    error: str | None
    """Why the control agent refused it."""


async def order(
    connection: Connection, workspace: str, kind: str, id: str, version: int, status: str, body: dict[str, Any] | None,
    share: int = 0,
) -> int:  # fmt: skip
    """Tells the lanes; takes effect with the transaction. Returns the order's number. `share`: of a trial."""
    return int(await connection.fetchval(_SQL["order"], workspace, kind, id, version, status, body, share))


async def seen(call: Call, order: int | None, wait: float) -> Seen:
    """Whether every lane has read the order, as soon as they have or `wait` seconds are over."""
    deadline = monotonic() + wait
    while order is not None:
        async with call.database() as connection:
            row = await connection.fetchrow(_SQL["seen"], order, call.settings.partitions)
        if row is None or row["seen"] or row["error"] or monotonic() >= deadline:
            return Seen(False, None) if row is None else Seen(row["seen"], row["error"])
        await asyncio.sleep(min(POLL_S, max(0.0, deadline - monotonic())))
    return Seen(True, None)


def shown(status: str, seen: bool) -> str:
    """The status that people see: live is `publishing` until every lane has read it."""
    return "publishing" if status == "live" and not seen else status
