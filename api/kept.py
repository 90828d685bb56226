"""Definitions as PostgreSQL keeps them: what is live, the next version, and who is in a manual segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from api.kinds import Kind, Live
from api.paging import ms
from api.publishing import order, shown
from laudstream.errors import Unavailable
from laudstream.journey.parse_settings import workspace as parse_workspace
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("definitions")
_IDENTITIES = queries("identities")

SETTINGS = "workspace"
"""Id of the only definition of the kind `workspace`, and the kind."""


def live(row: Any) -> Live:
    status, updated_at = shown("live", row["seen"]), ms(row["updated_at"])
    return Live(row["id"], row["live_version"], status, updated_at, row["body"], row["error"])


async def live_horizon(connection: Connection, workspace: str) -> int:
    """How long a workspace keeps events, ms."""
    return parse_workspace(await live_body(connection, workspace, SETTINGS, SETTINGS) or {}).horizon_ms


async def live_body(connection: Connection, workspace: str, kind: str, id: str) -> dict[str, Any] | None:
    row = await connection.fetchrow(_SQL["one"], workspace, kind, id, 0)
    found: dict[str, Any] | None = None if row is None else row["body"]
    return found


async def publish(
    connection: Connection, workspace: str, kind: Kind, id: str, body: dict[str, Any]
) -> tuple[int, int | None, bool]:
    """(version, its order, whether it is new)."""
    row = await connection.fetchrow(_SQL["claim"], workspace, kind.name, id)
    assert row is not None
    last = row["live_version"]
    before = await connection.fetchrow(_SQL["same"], workspace, kind.name, id, last, body)
    if before is not None and not row["deleted"]:
        if before["same"]:
            return last, row["control_id"], False
        kind.replaces(id, before["body"], body)
    version = 1 + await connection.fetchval(_SQL["last_version"], workspace, kind.name, id)
    await connection.execute(_SQL["add_version"], workspace, kind.name, id, version, body)
    number = await order(connection, workspace, kind.name, id, version, "live", body)
    await connection.execute(_SQL["set_version"], workspace, kind.name, id, version, number, False)
    return version, number, True


async def set_members(
    connection: Connection, workspace: str, segment: str, add: Sequence[str], remove: Sequence[str]
) -> tuple[int, int, set[str]]:
    """(how many were added, how many were removed, those of both who are customers). Raises Unavailable."""
    wanted = [*add, *remove]
    aliases = await connection.fetch(_IDENTITIES["roots"], workspace, wanted)
    roots = {**{one: one for one in wanted}, **{row["alias"]: row["root"] for row in aliases}}
    came, left = ([roots[one] for one in ids] for ids in (add, remove))
    rows = await connection.fetch(_SQL["known"], workspace, [*came, *left])
    known = {row["customer_id"] for row in rows}
    try:
        added = await connection.fetch(_SQL["set_members"], workspace, segment, came, True)
        removed = await connection.fetch(_SQL["set_members"], workspace, segment, left, False)
    except asyncpg.ForeignKeyViolationError:
        raise Unavailable("one of these customers was deleted or merged at this moment") from None
    return len(added), len(removed), {one for one in wanted if roots[one] in known}
