"""Groups as people look at them: traits and members. Who is a member is told by `group` calls (memberships.py)."""

from __future__ import annotations

from typing import Annotated, Any

import asyncpg
import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, reply
from api.customers import email_of
from api.paging import Limit, Place, ms, place, placed
from laudstream.errors import NotFound
from laudstream.postgres import queries

_SQL = queries("groups")

MAX_COUNTED = 10_000
"""Members of a group that a list counts."""


class GroupQuery(msgspec.Struct, forbid_unknown_fields=True):
    query: Annotated[str, Meta(max_length=200, description="beginning of an id or of the trait `name`")] = ""
    after: Place = ""
    limit: Limit = 50


class GroupLine(msgspec.Struct):
    id: str
    traits: dict[str, Any]
    created_at: int | None
    updated_at: int | None
    members: int
    more: bool
    """There are more members than were counted: a list counts 10,000 of a group."""
    behind: int
    """Members whose rows do not hold the newest traits yet."""


class GroupPage(msgspec.Struct):
    groups: list[GroupLine]
    next: str | None
    """None: there are no more."""


class GroupMembersQuery(msgspec.Struct, forbid_unknown_fields=True):
    after: Place = ""
    limit: Limit = 50


class GroupMember(msgspec.Struct):
    id: str
    email: str | None
    since: int | None
    too_large: bool
    """The row keeps older traits, since it would be too large with the newest."""


class GroupDetails(GroupLine):
    too_large: int
    """Members whose rows would be too large with them, and keep older ones."""
    customers: list[GroupMember]
    """A page of the members, by id."""
    next: str | None
    """None: there are no more."""


async def all(call: Call) -> Response:
    """Groups, by id."""
    query = call.query(GroupQuery)
    after = placed(query.after, "after", tuple[str])
    escaped = query.query.strip().lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    pattern = escaped + "%" if escaped else None
    async with call.database() as connection:
        rows = await connection.fetch(
            _SQL["page"], call.workspace, after[0] if after else None, query.limit + 1, pattern, MAX_COUNTED + 1
        )
    shown = rows[: query.limit]
    lines = [_line(each) for each in shown]
    return reply(GroupPage(lines, place(shown[-1]["group_id"]) if len(rows) > len(shown) else None))


def _line(row: asyncpg.Record) -> GroupLine:
    members, behind = min(row["members"], MAX_COUNTED), min(row["behind"], MAX_COUNTED)
    return GroupLine(
        row["group_id"], row["traits"], ms(row["created_at"]), ms(row["updated_at"]), members,
        row["members"] > MAX_COUNTED, behind,
    )  # fmt: skip


async def one(call: Call) -> Response:
    """A group with its traits and a page of its members."""
    id, query = call.named("id"), call.query(GroupMembersQuery)
    after = placed(query.after, "after", tuple[str])
    async with call.database() as connection:
        group = await connection.fetchrow(_SQL["one"], call.workspace, id)
        if group is None:
            raise NotFound(f"there is no group {id}")
        rows = await connection.fetch(_SQL["members"], call.workspace, id, after[0] if after else None, query.limit + 1)
    shown = rows[: query.limit]
    members = [GroupMember(each["customer_id"], email_of(each), ms(each["since"]), each["too_large"]) for each in shown]
    next = place(shown[-1]["customer_id"]) if len(rows) > len(shown) else None
    return reply(
        GroupDetails(
            id, group["traits"], ms(group["created_at"]), ms(group["updated_at"]), group["members"], False,
            group["behind"], group["too_large"], members, next,
        )
    )  # fmt: skip


async def delete(call: Call) -> Response:
    """Deletes a group: its traits now, then `group` from the rows of its members, who stay."""
    id = call.named("id")
    async with call.database() as connection:
        if await connection.fetchval(_SQL["lock"], call.workspace, id) is None:
            raise NotFound(f"there is no group {id}")
        await connection.execute(_SQL["delete"], call.workspace, id)
    return Response(status_code=204)
