"""The workspace whose key came with the request, and its counts."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from api.call import Call, reply
from laudstream.channels.webhook import secret_of, shown_secret
from laudstream.errors import NotFound
from laudstream.postgres import queries

_SQL = queries("overview")


class Workspace(msgspec.Struct):
    id: str
    name: str
    time_zone: str
    write_key_hint: str | None
    """The last four characters of the newest write key."""
    development: bool


class Overview(msgspec.Struct):
    customers: int
    journeys_live: int
    runs_entered: int
    runs_active: int
    messages: int
    """Requested."""
    messages_sent: int
    """Of all journeys, also to customers who are deleted since."""
    dead_letters: int


class WebhookSecret(msgspec.Struct):
    secret: str | None
    """With which webhooks of this workspace are signed, as receivers want it; None: they are not signed."""


async def one(call: Call) -> Response:
    """Name, time zone, and which key sends events."""
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["workspace"], call.workspace)
    if row is None:
        raise NotFound("the workspace is gone")
    name, zone, hint = row["name"], row["time_zone"], row["write_key_hint"]
    return reply(Workspace(call.workspace, name, zone, hint, call.settings.development))


async def webhook_secret(call: Call) -> Response:
    """What receivers of webhooks check signatures with."""
    made = secret_of(call.settings.webhook_secret, call.workspace)
    return reply(WebhookSecret(shown_secret(made) if made else None))


async def overview(call: Call) -> Response:
    """Counts at a glance."""
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["counts"], call.workspace)
    assert row is not None
    return reply(Overview(*row.values()))
