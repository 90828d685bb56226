"""Customers: who they are, what they went through, and erasing them."""

from __future__ import annotations

from typing import Annotated, Any

import asyncpg
import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, reply
from api.paging import Limit, Place, ms, place, placed
from laudstream.errors import NotFound
from laudstream.postgres import queries

_SQL = queries("customers")
_DECISIONS = queries("decisions")

MAX_RUNS = 200


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


class Customer(msgspec.Struct):
    id: str
    email: str | None
    created_at: int
    attributes: dict[str, Any]
    runs: list[Run]
    """The newest first, at most 200."""
    consents: list[Consent]
    suppressions: list[Suppression]
    segments: list[Membership]
    """Those that the customer is in, the last one first."""


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
        row = await connection.fetchrow(_SQL["one"], call.workspace, id)
        if row is None:
            raise NotFound(f"there is no customer {id}")
        runs = await connection.fetch(_SQL["runs"], call.workspace, id, MAX_RUNS)
        consents = await connection.fetch(_SQL["consents"], call.workspace, id)
        suppressions = await connection.fetch(_SQL["suppressions"], call.workspace, id)
        segments = await connection.fetch(_SQL["segments"], call.workspace, id)
    answer = Customer(
        id, email_of(row), row["created_ms"], row["attributes"], [_run(each) for each in runs], [], [], []
    )
    answer.segments = [Membership(each["segment"], each["name"], ms(each["since"])) for each in segments]
    answer.consents = [
        Consent(each["channel"], each["subscription"], each["status"], ms(each["updated_at"])) for each in consents
    ]
    answer.suppressions = [
        Suppression(each["channel"], each["reason"], ms(each["updated_at"])) for each in suppressions
    ]
    return reply(answer)


def _run(row: asyncpg.Record) -> Run:
    return Run(
        row["run_id"], row["journey_id"], row["version"], row["step"], ms(row["entered_at"]), ms(row["moved_at"]),
        ms(row["ended_at"]), row["outcome"], row["reason"], row["arms"],
    )  # fmt: skip


async def timeline(call: Call) -> Response:
    """What was decided for a customer and why, the newest first."""
    id, query = call.named("id"), call.query(TimelineQuery)
    at = placed(query.before, "before", tuple[Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]])
    before = at[0] if at else None
    async with call.database() as connection:
        rows = await connection.fetch(_DECISIONS["timeline"], call.workspace, id, before, query.limit + 1)
        if not rows and await connection.fetchrow(_SQL["one"], call.workspace, id) is None:
            raise NotFound(f"there is no customer {id}")
    shown = rows[: query.limit]
    next = place(shown[-1]["n"]) if len(rows) > len(shown) else None
    return reply(Timeline([each["body"] for each in shown], next))


async def erase(call: Call) -> Response:
    """Deletes a customer: the row and what people look at now, the lane's state as soon as it reads of it (R15)."""
    id = call.named("id")
    async with call.database() as connection:
        if await connection.fetchval(_SQL["delete"], call.workspace, id) is None:
            raise NotFound(f"there is no customer {id}")
        for name in ("erase_runs", "erase_decisions", "erase_messages", "erase_segments", "erase_samples"):
            await connection.execute(_SQL[name], call.workspace, id)
    return Response(status_code=204)
