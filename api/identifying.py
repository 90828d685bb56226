"""What identifies and aliases do in PostgreSQL before their events are taken: merges (A18), then rows (A17)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from api.call import Call
from api.identities import not_yet
from api.items import Alias, Identify, source_of, visitor_of
from api.taken import Taken
from laudstream.customers.row import Row
from laudstream.errors import Invalid, Problem, Refused, Unavailable
from laudstream.ids import MAX_CUSTOMER_ID
from laudstream.journey.handoff import QUOTA
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("customers")
_IDENTITIES = queries("identities")
KINDS = frozenset((Identify, Alias))
TRIES = 5

T = TypeVar("T")


class _Moved(Exception):
    """Rows were written under ids that are aliases since; nothing of it stays."""

    def __init__(self, roots: dict[str, str]) -> None:
        self.roots = roots


async def merge(call: Call, special: list[Taken], wrong: dict[int, Invalid]) -> None:
    """Carries out what identifies and aliases say of who is whom, in their order. Raises Unavailable."""
    identities, workspace = call.context.identities, call.workspace
    visitors = {each.index: visitor for each in special if (visitor := _visitor(each))}
    new: set[str] = set()
    if visitors and await identities.merges(workspace):
        new = await identities.newcomers(workspace, visitors.values())
    known: set[str] = set()  # by this request: rows are written behind the merges
    for each in special:
        if type(each.item) is Alias:
            try:
                await _alias(call, each, known)
            except Invalid as error:
                wrong[each.index] = error
            continue
        person = visitors.get(each.index, "")
        if person in new and person not in known:
            outcome = await identities.merge(workspace, person, each.customer, "identify")
            each.merged = outcome.name == "merged"
            new.discard(person)
        if each.item.user_id not in (None, ""):
            known.add(each.customer)


def _visitor(each: Taken) -> str:
    if type(each.item) is not Identify or each.customer.startswith(QUOTA):
        return ""
    visitor = visitor_of(each.item)
    return "" if len(visitor) > MAX_CUSTOMER_ID or visitor.startswith(QUOTA) else visitor


async def _alias(call: Call, each: Taken, known: set[str]) -> None:
    """Raises Invalid, also where a key that stands in web pages may not do it."""
    source, pointer = source_of(each.item)
    try:
        call.context.events.place(call.workspace, source)
        if source in known and not await _one(call, source, each.customer):
            raise _known(source, pointer)
        outcome = await call.context.identities.merge(call.workspace, source, each.customer, "alias")
    except Refused:
        raise
    except Invalid as error:
        where = "/userId" if each.customer.startswith(QUOTA) else pointer
        raise Invalid(str(error), (Problem(where, str(error)),)) from None
    if outcome.name == "not_yet":
        raise not_yet()
    if outcome.name == "known":
        raise _known(source, pointer)
    each.merged = outcome.name == "merged"


async def add_rows(call: Call, special: list[Taken]) -> None:
    """Adds the row to aliases that have merged somebody: their lane learns by it what it has to wait for (R50)."""
    told = [each for each in special if each.merged and type(each.item) is Alias]
    if told:
        rows = await rows_of(call, [each.customer for each in told])
        for each in told:
            each.row = rows.get(each.customer)


async def rows_of(call: Call, customers: list[str]) -> dict[str, Row]:
    """Rows as they travel with events (A17)."""
    async with call.database() as connection:
        rows = await connection.fetch(_SQL["rows"], call.workspace, customers)
    return {row["customer_id"]: row_of(row) for row in rows}


def row_of(row: asyncpg.Record) -> Row:
    return Row(
        row["born"], row["revision"], row["attributes"], row["created_ms"], False, row["writes"], merges=row["merges"]
    )


async def _one(call: Call, *ids: str) -> bool:
    roots = await call.context.identities.roots(call.workspace, ids)
    return len({roots.get(id, id) for id in ids}) == 1


def _known(source: str, pointer: str) -> Refused:
    said = f"{source} is a known customer, and a write key merges visitors only"
    fix = "POST /api/customers/{id}/merge with an admin token, or `laudstream customers merge`"
    return Refused(said, (Problem(pointer, said, fix),))


async def write_rows(call: Call, special: list[Taken], wrong: dict[int, Invalid]) -> None:
    """Writes the rows of identifies."""
    identifies = [each for each in special if type(each.item) is Identify]
    if not identifies:
        return
    rows = await moving(call, identifies, _written)
    for each, row in zip(identifies, rows, strict=True):
        if row is None:
            what = "the customer's attributes would be more than 64 KB, or 256 KB as text"
            too_much = Problem("/traits", what, "send less")
            wrong[each.index] = Invalid(too_much.message, (too_much,))
        else:
            each.row = row_of(row)


async def moving(call: Call, taken: list[Taken], act: Callable[[Call, list[Taken]], Awaitable[T]]) -> T:
    """Writes rows of what was taken, in the order of the customers so that two requests cannot deadlock, under the
    roots of those who are being merged meanwhile. Raises
    Unavailable."""
    for _ in range(TRIES):
        taken.sort(key=lambda each: each.customer)
        try:
            return await act(call, taken)
        except asyncpg.DeadlockDetectedError:  # with a merge whose root has no row yet; nothing of it was done
            continue
        except _Moved as moved:
            call.context.identities.moved(call.workspace, moved.roots)
            for each in taken:
                each.move(moved.roots, call.context.events.place, call.workspace)
    raise Unavailable("these customers are being merged; try again")


async def none_moved(connection: Connection, workspace: str, new: list[str]) -> None:
    """Rows that were there belong to nobody else: a merge deletes the row. A new one may come right behind a merge.
    Raises _Moved, within the transaction that wrote them."""
    if new:
        aliases = await connection.fetch(_IDENTITIES["roots"], workspace, new)
        if aliases:
            raise _Moved({row["alias"]: row["root"] for row in aliases})


async def _written(call: Call, identifies: list[Taken]) -> list[asyncpg.Record | None]:
    """The rows, None for one that PostgreSQL does not keep. Raises _Moved."""
    arguments = [
        (call.workspace, each.customer, each.item.traits or {}, each.item.user_id not in (None, ""))  # type: ignore[union-attr]
        for each in identifies
    ]
    async with call.database() as connection:
        try:
            async with connection.transaction():
                rows: list[asyncpg.Record | None] = list(await connection.fetchmany(_SQL["identify"], arguments))
        except (asyncpg.CheckViolationError, asyncpg.DataError):
            rows = [await _row_or_none(connection, one) for one in arguments]
        new = [one[1] for one, row in zip(arguments, rows, strict=True) if row and row["born"] == row["revision"]]
        await none_moved(connection, call.workspace, new)
    return rows


async def _row_or_none(connection: Connection, arguments: tuple[str, str, Any, bool]) -> asyncpg.Record | None:
    try:
        async with connection.transaction():
            return await connection.fetchrow(_SQL["identify"], *arguments)
    except (asyncpg.CheckViolationError, asyncpg.DataError):
        return None
