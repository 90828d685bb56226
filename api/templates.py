"""Templates: what messages say. A new version is live as soon as every lane has it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
from starlette.responses import Response

from api.call import Call, converted, reply
from api.paging import ms
from api.publishing import Version, Wait, order, seen, shown
from laudstream.errors import Invalid, NotFound, Problem, Refused
from laudstream.messages import forms, template, webhook
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("templates")
_CUSTOMERS = queries("customers")

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class TemplateLine(msgspec.Struct):
    id: str
    channel: str
    subject: str
    """Of a mail; of a webhook its address."""
    status: str
    live_version: int
    updated_at: int | None
    requires: list[str]
    """Values without which nothing is sent (R13)."""
    problem: str | None
    """Why the control agent refused the version."""


class TemplateList(msgspec.Struct):
    templates: list[TemplateLine]


class Template(msgspec.Struct):
    id: str
    channel: str
    status: str
    live_version: int
    updated_at: int | None
    body: dict[str, Any]
    requires: list[str]
    """Values without which nothing is sent (R13)."""
    versions: list[Version]
    problem: str | None


class Published(msgspec.Struct):
    id: str
    version: int
    status: str
    seen: bool
    """Every lane has it."""
    changed: bool
    """It differs from the version before: a new one was made."""
    requires: list[str]
    problem: str | None = None


class PreviewWish(msgspec.Struct, forbid_unknown_fields=True):
    """For whom: a customer, or the values themselves."""

    customer_id: str | None = None
    context: dict[str, Any] | None = None
    """{"customer": {…}, "entry": {…}, "steps": {…}}: added to what the customer gives."""
    body: dict[str, Any] | None = None
    """A template that is not published yet; the live version if left out."""


class Preview(msgspec.Struct, omit_defaults=True):
    """Of a mail subject, html and text; of a webhook method, url, headers and body."""

    channel: str
    missing: list[str]
    """Required values that are not there: a journey would send nothing (R13)."""
    subject: str = ""
    html: str = ""
    text: str = ""
    method: str = ""
    url: str = ""
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """Without those that laudstream adds."""
    body: str = ""


async def all(call: Call) -> Response:
    """The templates, by id."""
    async with call.database() as connection:
        rows = await connection.fetch(_SQL["page"], call.workspace, call.settings.partitions)
    lines = [
        TemplateLine(
            row["template_id"], row["channel"], row["subject"], shown("live", row["seen"]), row["live_version"],
            ms(row["updated_at"]), row["requires"], row["error"],
        )
        for row in rows
    ]  # fmt: skip
    return reply(TemplateList(lines))


async def one(call: Call) -> Response:
    """A template as it is live."""
    id = call.named("id")
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["one"], call.workspace, id, call.settings.partitions)
        if row is None:
            raise NotFound(f"there is no template {id}")
        versions = await connection.fetch(_SQL["versions"], call.workspace, id)
    body = row["body"]
    requires = body.pop("requires", [])
    past = [Version(each["version"], ms(each["published_at"])) for each in versions]
    status, updated_at = shown("live", row["seen"]), ms(row["updated_at"])
    return reply(
        Template(id, row["channel"], status, row["live_version"], updated_at, body, requires, past, row["error"])
    )


async def publish(call: Call) -> Response:
    """Makes a new version, live at once; the same text again makes none."""
    id, wait = call.named("id"), call.query(Wait).wait
    if not ID.fullmatch(id):
        raise Invalid("a template's id has letters, digits, `.`, `_` and `-`, at most 100", (Problem("/id", "no id"),))
    wish = await call.read()
    wish.pop("requires", None)
    if wish.setdefault("id", id) != id:
        raise Invalid("the id is another one", (Problem("/id", f"not the id of the address, {id}", f"write {id}"),))
    compiled = await asyncio.to_thread(forms.compile, wish)
    body = {"channel": "email", **wish, "requires": list(compiled.requires)}
    async with call.database() as connection:
        version, number, changed = await _published(connection, call.workspace, id, body)
    answer = await seen(call, number, wait)
    status = shown("live", answer.seen)
    return reply(Published(id, version, status, answer.seen, changed, body["requires"], answer.error))


async def _published(
    connection: Connection, workspace: str, id: str, body: dict[str, Any]
) -> tuple[int, int | None, bool]:
    """(version, its order, whether it is new)."""
    row = await connection.fetchrow(_SQL["claim"], workspace, id, body["channel"])
    assert row is not None
    if row["channel"] != body["channel"]:
        raise Refused(f"template {id} is of channel {row['channel']}: give one of {body['channel']} another id")
    if await connection.fetchval(_SQL["same"], workspace, id, row["live_version"], body):
        return row["live_version"], row["control_id"], False
    version = row["live_version"] + 1
    await connection.execute(_SQL["add_version"], workspace, id, version, body)
    number = await order(connection, workspace, "template", id, version, "live", body)
    await connection.execute(_SQL["set_version"], workspace, id, version, number)
    return version, number, True


async def preview(call: Call) -> Response:
    """What a customer would get."""
    id, wish = call.named("id"), converted(await call.read(), PreviewWish)
    async with call.database() as connection:
        body = wish.body or await _live(connection, call.workspace, id)
        context = await _context(connection, call.workspace, wish)
    return reply(await asyncio.to_thread(_rendered, body, context))


def _rendered(body: dict[str, Any], context: dict[str, Any]) -> Preview:
    compiled = forms.compile(body)
    missing = [path for path in compiled.requires if _at(context, path) in (None, "")]
    if isinstance(compiled, webhook.Compiled):
        call = webhook.render(compiled, context)
        sent = "" if call.body is None else call.body.decode()
        named = list(webhook.outputs(call))
        return Preview("webhook", missing, method=call.method, url=call.url, headers=named, body=sent)
    assert isinstance(compiled, template.Compiled)
    mail = template.render(compiled, context)
    return Preview("email", missing, mail.subject, mail.html, mail.text)


def _at(context: Any, path: str) -> Any:
    for name in path.split("."):
        context = context.get(name) if isinstance(context, dict) else None
    return context


async def _live(connection: Connection, workspace: str, id: str) -> dict[str, Any]:
    row = await connection.fetchrow(_SQL["one"], workspace, id, 0)
    if row is None:
        raise NotFound(f"there is no template {id}")
    found: dict[str, Any] = row["body"]
    return found


async def _context(connection: Connection, workspace: str, wish: PreviewWish) -> dict[str, Any]:
    context = wish.context or {}
    if wish.customer_id is None:
        return context
    row = await connection.fetchrow(_CUSTOMERS["one"], workspace, wish.customer_id)
    if row is None:
        raise NotFound(f"there is no customer {wish.customer_id}")
    given = context.get("customer")
    customer = {**row["attributes"], "id": wish.customer_id, **(given if isinstance(given, dict) else {})}
    return {"entry": {}, "steps": {}, **context, "customer": customer}
