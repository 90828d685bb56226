"""Templates: what messages say. A new version is live as soon as every lane has it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
from starlette.responses import Response

from api import definitions
from api.call import Call, converted, reply
from api.counted import Counted
from api.customers import root
from api.kept import live_body
from api.kinds import Kind, Live, Made, Shape
from api.publishing import Version
from laudstream.customers.row import GROUP
from laudstream.errors import Invalid, NotFound, Problem, Refused
from laudstream.messages import forms, template
from laudstream.messages.webhook import template as webhook
from laudstream.messages.webhook.call import outputs, render
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

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


def _parsed(wish: dict[str, Any], _: object) -> dict[str, Any]:
    """With what it requires."""
    if not ID.fullmatch(wish["id"]):
        raise Invalid("a template's id has letters, digits, `.`, `_` and `-`, at most 100", (Problem("/id", "no id"),))
    wish.pop("requires", None)
    return {"channel": "email", **wish, "requires": list(forms.compile(wish).requires)}


def _kept(id: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Journeys name it for its channel."""
    if before["channel"] != after["channel"]:
        raise Refused(f"template {id} is of channel {before['channel']}: give one of {after['channel']} another id")


def _line(live: Live) -> TemplateLine:
    body = live.body
    subject = body.get("subject") or body.get("url") or ""
    return TemplateLine(
        live.id, body["channel"], subject, live.status, live.version, live.updated_at, body["requires"], live.problem
    )


def _one(live: Live, past: list[Version], _: list[Counted]) -> Template:
    body = dict(live.body)
    requires = body.pop("requires", [])
    return Template(
        live.id, body["channel"], live.status, live.version, live.updated_at, body, requires, past, live.problem
    )


def _made(made: Made) -> Published:
    requires = made.body["requires"]
    return Published(made.id, made.version, made.status, made.seen, made.changed, requires, made.problem)


TEMPLATE = Kind(
    "template", _parsed, Shape(lambda found: TemplateList([_line(live) for live in found]), _one, _made),
    names=False, replaces=_kept,
)  # fmt: skip


async def all(call: Call) -> Response:
    """The templates, by id."""
    return await definitions.show_all(call, TEMPLATE)


async def one(call: Call) -> Response:
    """A template as it is live."""
    return await definitions.show_one(call, TEMPLATE, call.named("id"))


async def publish(call: Call) -> Response:
    """Makes a new version, live at once; the same text again makes none."""
    return await definitions.make(call, TEMPLATE, call.named("id"))


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
        call = render(compiled, context)
        sent = "" if call.body is None else call.body.decode()
        named = list(outputs(call))
        return Preview("webhook", missing, method=call.method, url=call.url, headers=named, body=sent)
    assert isinstance(compiled, template.Compiled)
    mail = template.render(compiled, context)
    return Preview("email", missing, mail.subject, mail.html, mail.text)


def _at(context: Any, path: str) -> Any:
    for name in path.split("."):
        context = context.get(name) if isinstance(context, dict) else None
    return context


async def _live(connection: Connection, workspace: str, id: str) -> dict[str, Any]:
    found = await live_body(connection, workspace, TEMPLATE.name, id)
    if found is None:
        raise NotFound(f"there is no template {id}")
    return found


async def _context(connection: Connection, workspace: str, wish: PreviewWish) -> dict[str, Any]:
    context = wish.context or {}
    if wish.customer_id is None:
        return context
    id = await root(connection, workspace, wish.customer_id)
    row = await connection.fetchrow(_CUSTOMERS["one"], workspace, id)
    if row is None:
        raise NotFound(f"there is no customer {wish.customer_id}")
    given = context.get("customer")
    customer = {**row["attributes"], "id": id, **(given if isinstance(given, dict) else {})}
    return {GROUP: customer.get(GROUP) or {}, "entry": {}, "steps": {}, **context, "customer": customer}
