"""Messages: what was requested, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

import asyncpg
import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, reply
from api.customers import root
from api.paging import Limit, Place, moment, ms, place, placed
from laudstream.postgres import queries

_SQL = queries("messages")

Status = Literal[
    "", "requested", "unknown", "sent", "delivered", "opened", "clicked", "bounced", "complained", "failed", "refused"
]


class MessageQuery(msgspec.Struct, forbid_unknown_fields=True):
    journey: Annotated[str, Meta(max_length=200)] = ""
    customer: Annotated[str, Meta(max_length=200)] = ""
    status: Status = ""
    after: Place = ""
    limit: Limit = 50


class Message(msgspec.Struct):
    send_id: str
    customer: str
    channel: str
    message_class: str
    journey: str
    version: int
    run: str
    step: str
    template: str
    template_version: int
    status: str
    reason: str
    requested_at: int | None
    sent_at: int | None
    status_at: int | None


class MessagePage(msgspec.Struct):
    messages: list[Message]
    next: str | None
    """None: there are no more."""


async def all(call: Call) -> Response:
    """Messages, the last requested first."""
    query = call.query(MessageQuery)
    at = placed(query.after, "after", tuple[int, str])
    after = (moment(at[0], "after"), at[1]) if at else (None, None)
    async with call.database() as connection:
        customer = await root(connection, call.workspace, query.customer) if query.customer else None
        filters = (query.journey or None, customer, query.status or None)
        rows = await connection.fetch(_SQL["page"], call.workspace, *after, query.limit + 1, *filters)
    shown = rows[: query.limit]
    next = place(shown[-1]["requested_at"], shown[-1]["send_id"]) if len(rows) > len(shown) else None
    return reply(MessagePage([_message(row) for row in shown], next))


def _message(row: asyncpg.Record) -> Message:
    return Message(
        row["send_id"], row["customer_id"], row["channel"], row["message_class"], row["journey_id"], row["version"],
        row["run_id"], row["step"], row["template_id"], row["template_version"], row["status"], row["reason"],
        ms(row["requested_at"]), ms(row["sent_at"]), ms(row["status_at"]),
    )  # fmt: skip
