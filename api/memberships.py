"""`group` calls: a customer becomes a member of a group, and the group's traits come into the row (A18).

A call writes the group, the customer's row and the membership in one transaction, and the event carries that row (A17).
Rows of other members are brought up to date behind it (agents/groups.py). The same call again writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import asyncpg

from api import identifying
from api.items import Group, group_of
from laudstream.customers.row import Row
from laudstream.errors import Invalid, Problem
from laudstream.postgres import queries

if TYPE_CHECKING:
    from api.call import Call
    from api.taken import Taken
    from laudstream.postgres.tenancy import Connection

_SQL = queries("groups")
_CUSTOMERS = queries("customers")

_REFUSALS = (asyncpg.CheckViolationError, asyncpg.DataError, asyncpg.ProgramLimitExceededError)
_GROUP_TOO_LARGE = "the group's traits would be more than 32 KB, or 128 KB as text"
_ROW_TOO_LARGE = "with these traits the customer's attributes would be more than 64 KB, or 256 KB as text"


async def with_groups(call: Call, taken: list[Taken], wrong: dict[int, Invalid]) -> list[Taken]:
    """Carries out the group calls among what was taken; those that cannot be go to `wrong`. Of several of one customer
    the last counts, and all carry the row as it is after that."""
    joins = [each for each in taken if type(each.item) is Group]
    if not joins:
        return taken
    try:
        await identifying.moving(call, joins, _join)
    except _REFUSALS:  # each by itself: the others are taken
        for each in joins:
            try:
                await identifying.moving(call, [each], _join)
            except _REFUSALS as error:
                wrong[each.index] = _refusal(error)
    return [each for each in taken if each.index not in wrong]


def _refusal(error: Exception) -> Invalid:
    of_group = getattr(error, "table_name", "") == "groups"
    found = Problem("/traits", _GROUP_TOO_LARGE if of_group else _ROW_TOO_LARGE, "send less")
    return Invalid(found.message, (found,))


async def _join(call: Call, joins: Sequence[Taken]) -> None:
    """All or nothing, and the row of each. Raises what PostgreSQL refuses."""
    traits: dict[str, dict[str, Any]] = {}
    groups: dict[str, str] = {}
    for each in sorted(joins, key=lambda each: each.index):  # traits in the order in which they came
        assert type(each.item) is Group
        group = groups[each.customer] = group_of(each.item)
        traits[group] = {**traits.get(group, {}), **(each.item.traits or {})}
    for changes in (False, True):
        async with call.database() as connection:
            if await _held(connection, call.workspace, traits, changes):
                rows = await _members(connection, call.workspace, groups)
                break
    for each in joins:
        each.row = rows[each.customer]


async def _held(connection: Connection, workspace: str, traits: dict[str, dict[str, Any]], changes: bool) -> bool:
    """Holds the groups, as they are with these traits. Not `changes`: only if the traits change nothing, so that calls
    for one group do not wait for each other; whether they were held."""
    arguments = (workspace, list(traits), list(traits.values()))
    if changes:
        await connection.execute(_SQL["put"], *arguments)
        return True
    held = await connection.fetch(_SQL["share"], *arguments)
    return len(held) == len(traits) and all(row["same"] for row in held)


async def _members(connection: Connection, workspace: str, groups: dict[str, str]) -> dict[str, Row]:
    arguments = (workspace, list(groups), list(groups.values()))
    await connection.execute(_SQL["join"], *arguments)
    await connection.execute(_SQL["belong"], *arguments)
    rows = await connection.fetch(_CUSTOMERS["rows"], workspace, list(groups))
    new = [row["customer_id"] for row in rows if row["born"] == row["revision"]]
    await identifying.none_moved(connection, workspace, new)
    return {row["customer_id"]: identifying.row_of(row) for row in rows}
