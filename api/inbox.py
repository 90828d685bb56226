"""Development only: the mails that the SMTP inbox of `laudstream up` took."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, reply
from api.paging import Limit, Place, place, placed
from laudstream.errors import NotFound
from laudstream.local import inbox_store
from laudstream.local.inbox_store import MAX_PAGE


class InboxQuery(msgspec.Struct, forbid_unknown_fields=True):
    query: Annotated[str, Meta(max_length=200, description="words of addresses and subjects")] = ""
    after: Place = ""
    limit: Limit = 50


class MailLine(msgspec.Struct, rename={"sender": "from"}):
    id: int
    received_at: int
    sender: str
    to: str
    subject: str
    send_id: str
    size: int


class MailPage(msgspec.Struct):
    mails: list[MailLine]
    next: str | None
    """None: there are no more."""


class Mail(msgspec.Struct, rename={"sender": "from"}):
    id: int
    received_at: int
    sender: str
    to: str
    subject: str
    send_id: str
    html: str
    text: str
    headers: list[tuple[str, str]]


async def all(call: Call) -> Response:
    """Mails, the newest first."""
    path, query = _file(call), call.query(InboxQuery)
    after, limit = placed(query.after, "after", tuple[int]), min(query.limit, MAX_PAGE - 1)
    rows = await asyncio.to_thread(inbox_store.list_mails, path, query.query, after[0] if after else None, limit + 1)
    shown = msgspec.convert(rows[:limit], list[MailLine])
    return reply(MailPage(shown, place(shown[-1].id) if len(rows) > limit else None))


async def one(call: Call) -> Response:
    """A mail, taken apart."""
    path, id = _file(call), call.named("id")
    if not (id.isascii() and id.isdecimal() and len(id) < 19):
        raise NotFound(f"there is no mail {id}")
    return reply(msgspec.convert(await asyncio.to_thread(inbox_store.get_mail, path, int(id)), Mail))


def _file(call: Call) -> str:
    if not (call.settings.development and call.settings.inbox_db):
        raise NotFound("there is an inbox in development only")
    return call.settings.inbox_db
