"""Customers: who they are, what they went through, merging and erasing them."""

from __future__ import annotations

from time import time
from typing import Annotated, Any

import asyncpg
import msgspec
from msgspec import Meta
from starlette.responses import Response

from api import identifying
from api.call import Call, converted, reply
from api.erasing import erased, say
from api.identities import not_yet
from api.paging import Limit, Place, moment, ms, place, placed
from laudstream.errors import Invalid, NotFound, Problem
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("customers")
_DECISIONS = queries("decisions")
_IDENTITIES = queries("identities")
_GROUPS = queries("groups")

MAX_RUNS = 200
MAX_ALIASES = 100


class CustomerQuery(msgspec.Struct, forbid_unknown_fields=True):
    query: Annotated[str, Meta(max_length=200, description="beginning of an id or of a mail address")] = ""
    after: Place = ""
    limit: Limit = 50


class CustomerLine(msgspec.Struct):
    id: str
    email: str | None
    created_at: int
    attributes: dict[str, Any]


class CustomerPage(msgspec.Struct):
    customers: list[CustomerLine]
    next: str | None
    """None: there are no more."""


class Run(msgspec.Struct):
    id: str
    journey: str
    version: int
    step: str
    """Where it is; the last step once it has ended."""
    entered_at: int | None
    moved_at: int | None
    ended_at: int | None
    outcome: str | None
    reason: str | None
    arms: dict[str, str]
    """Experiment -> arm."""


class Consent(msgspec.Struct):
    channel: str
    subscription: str
    """Empty: the whole channel."""
    status: str
    updated_at: int | None


class Suppression(msgspec.Struct):
    channel: str
    reason: str
    updated_at: int | None


class Membership(msgspec.Struct):
    id: str
    name: str
    since: int | None


class Belongs(msgspec.Struct):
    """The group that a customer is in; its traits are the attribute `group`."""

    id: str
    since: int | None
    behind: bool
    """The row does not hold the newest traits yet."""
    too_large: bool
    """It keeps older ones, since it would be too large with the newest."""


class Customer(msgspec.Struct):
    id: str
    """Who is asked for by an alias is shown by this."""
    email: str | None
    created_at: int
    attributes: dict[str, Any]
    runs: list[Run]
    """The newest first, at most 200."""
    consents: list[Consent]
    suppressions: list[Suppression]
    segments: list[Membership]
    """Those that the customer is in, the last one first."""
    aliases: list[str] = []
    """Ids that were merged into this one, the last one first, at most 100."""
    group: Belongs | None = None


class MergeWish(msgspec.Struct, forbid_unknown_fields=True):
    into: Annotated[str, Meta(min_length=1, max_length=200, description="who goes on, by any id")]


class Merged(msgspec.Struct):
    id: str
    """Who both are now."""
    merged: bool
    """They were two before."""


class TimelineQuery(msgspec.Struct, forbid_unknown_fields=True):
    before: Place = ""
    limit: Limit = 50


class Timeline(msgspec.Struct):
    decisions: list[dict[str, Any]]
    """Records of `laudstream.decisions`, the newest first."""
    next: str | None
    """None: there are no more."""


async def all(call: Call) -> Response:
    """Customers, the newest first."""
    query = call.query(CustomerQuery)
    at = placed(query.after, "after", tuple[int, str]) or (None, None)
    escaped = query.query.strip().lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    pattern = escaped + "%" if escaped else None
    async with call.database() as connection:
        rows = await connection.fetch(_SQL["page"], call.workspace, *at, query.limit + 1, pattern)
    shown = rows[: query.limit]
    lines = [
        CustomerLine(each["customer_id"], email_of(each), each["created_ms"], each["attributes"]) for each in shown
    ]
    next = place(shown[-1]["created_ms"], shown[-1]["customer_id"]) if len(rows) > len(shown) else None
    return reply(CustomerPage(lines, next))


def email_of(row: asyncpg.Record) -> str | None:
    email = row["attributes"].get("email")
    return email if isinstance(email, str) else None


async def one(call: Call) -> Response:
    """A customer with runs and consents."""
    id = call.named("id")
    async with call.database() as connection:
        id = await root(connection, call.workspace, id)
        row = await connection.fetchrow(_SQL["one"], call.workspace, id)
        if row is None:
            raise NotFound(f"there is no customer {id}")
        aliases = await connection.fetch(_IDENTITIES["aliases"], call.workspace, id, MAX_ALIASES)
        runs = await connection.fetch(_SQL["runs"], call.workspace, id, MAX_RUNS)
        consents = await connection.fetch(_SQL["consents"], call.workspace, id)
        suppressions = await connection.fetch(_SQL["suppressions"], call.workspace, id)
        segments = await connection.fetch(_SQL["segments"], call.workspace, id)
        group = await connection.fetchrow(_GROUPS["of_customer"], call.workspace, id)
    answer = Customer(
        id, email_of(row), row["created_ms"], row["attributes"], [_run(each) for each in runs], [], [], []
    )
    if group is not None:
        answer.group = Belongs(group["group_id"], ms(group["since"]), group["behind"], group["too_large"])
    answer.segments = [Membership(each["segment"], each["name"], ms(each["since"])) for each in segments]
    answer.consents = [
        Consent(each["channel"], each["subscription"], each["status"], ms(each["updated_at"])) for each in consents
    ]
    answer.suppressions = [
        Suppression(each["channel"], each["reason"], ms(each["updated_at"])) for each in suppressions
    ]
    answer.aliases = [each["alias"] for each in aliases]
    return reply(answer)


async def root(connection: Connection, workspace: str, id: str) -> str:
    """The customer who has this id, be it as an alias."""
    found: str = await connection.fetchval(_IDENTITIES["root"], workspace, id)
    return found


def _run(row: asyncpg.Record) -> Run:
    return Run(
        row["run_id"], row["journey_id"], row["version"], row["step"], ms(row["entered_at"]), ms(row["moved_at"]),
        ms(row["ended_at"]), row["outcome"], row["reason"], row["arms"],
    )  # fmt: skip


_Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_Id = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]*$")]


async def timeline(call: Call) -> Response:
    """What was decided for a customer and why, the newest first."""
    id, query = call.named("id"), call.query(TimelineQuery)
    at = _before(query.before)
    async with call.database() as connection:
        id = await root(connection, call.workspace, id)
        merged = len(at) == 3 if at else bool(await connection.fetch(_IDENTITIES["aliases"], call.workspace, id, 1))
        if merged:
            before = (moment(at[0], "before"), *at[1:]) if at else (None, None, None)
            rows = await connection.fetch(_DECISIONS["merged_timeline"], call.workspace, id, *before, query.limit + 1)
        else:
            number = at[0] if at else None
            rows = await connection.fetch(_DECISIONS["timeline"], call.workspace, id, number, query.limit + 1)
        if not rows and await connection.fetchrow(_SQL["one"], call.workspace, id) is None:
            raise NotFound(f"there is no customer {id}")
    shown = rows[: query.limit]
    next = None
    if len(rows) > len(shown):
        last = shown[-1]
        next = place(last["at"], last["n"], last["decision_id"]) if merged else place(last["n"])
    return reply(Timeline([each["body"] for each in shown], next))


def _before(text: str) -> list[Any]:
    """The place in a timeline: a number, or (μs, number, id) in that of a customer made of several. Raises Invalid."""
    at = placed(text, "before", list[_Number | _Id]) or []
    if [type(part) for part in at] not in ([], [int], [int, int, str]):
        said = "is no place in a timeline"
        raise Invalid(f"before {said}", (Problem("/before", said, "take `next` of a page"),))
    return at


async def merge(call: Call) -> Response:
    """Makes two customers one, for good: this one goes on as the other (R50)."""
    id, wish = call.named("id"), converted(await call.read(), MergeWish)
    call.context.events.place(call.workspace, wish.into)
    async with call.database() as connection:
        for one in (id, wish.into):
            there = await connection.fetchrow(_SQL["one"], call.workspace, await root(connection, call.workspace, one))
            if there is None:
                raise NotFound(f"there is no customer {one}")
    outcome = await call.context.identities.merge(call.workspace, id, wish.into, "asked")
    if outcome.name == "not_yet":
        raise not_yet()
    if outcome.name == "merged":
        await _tell(call, outcome.root)
    return reply(Merged(outcome.root, outcome.name == "merged"))


async def _tell(call: Call, customer: str) -> None:
    """An event brings the row to the customer's lane before later events come, which wait for the merge (R50)."""
    await say(call, await identifying.rows_of(call, [customer]), int(time() * 1000))


async def erase(call: Call) -> Response:
    """Deletes a customer: the row and what people look at now, the lane's state before it handles anything that is
    taken after the answer (R15, R54). 202: nobody has this id, but who becomes somebody by what was taken before is
    deleted."""
    return Response(status_code=204 if await erased(call, call.named("id")) else 202)
