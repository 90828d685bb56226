"""What is wrong with a definition of a journey, and what is doubtful about it: at a publish, and before one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api import event_names, segments
from api.call import Call, reply
from api.naming import Neighbours, neighbours
from laudstream.errors import Invalid, Problem
from laudstream.journey import definition, doubts
from laudstream.journey.naming import missing, other_channels
from laudstream.journey.steps import Journey
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_CUSTOMERS = queries("customers")
_DEFINITIONS = queries("definitions")
_VERSIONS = queries("versions")

_THOROUGH = "also look whether the audience would be anybody now"


class Depth(msgspec.Struct, forbid_unknown_fields=True):
    thorough: Annotated[bool, Meta(description=_THOROUGH)] = False


class Checked(msgspec.Struct):
    problems: list[Problem]
    """Each stops a publish."""
    doubts: list[Problem]
    """None does; they are told once there are no problems."""


async def journey(call: Call) -> Response:
    """What a publish of a definition would say; nothing is kept."""
    thorough, body = call.query(Depth).thorough, await call.read()
    async with call.database() as connection:
        near, templates = await neighbours(connection, call.workspace), await _templates(connection, call.workspace)
        named = body.get("id")
        seen = await known(connection, call.workspace, named if isinstance(named, str) else "", None)
    made, problems = await asyncio.to_thread(_tried, body, near, templates)
    if made is None or problems:
        return reply(Checked(problems, []))
    if thorough:
        seen = await with_audience(call, body, seen)
    return reply(Checked([], await asyncio.to_thread(doubts.check, made, seen)))


class Templates(NamedTuple):
    """The live templates by id, and all versions by id@version."""

    requires: dict[str, list[str]]
    channels: dict[str, str]


def _tried(body: dict[str, Any], near: Neighbours, templates: Templates) -> tuple[Journey | None, list[Problem]]:
    """The journey, unless it cannot run; what it names and is not there is looked for in one that can (R20)."""
    try:
        made = definition.parse(body, templates.requires, near.segments.keys())
    except Invalid as error:
        return None, list(error.problems)
    journeys = near.journeys | {made.id}  # which is there as soon as it is saved
    return made, [
        *missing(made, near.subscriptions, near.manual, journeys),
        *other_channels(made, templates.channels),
    ]


async def check(connection: Connection, workspace: str, body: dict[str, Any]) -> None:
    """Raises Invalid if the draft cannot run, or names what is not there (R20)."""
    await connection.execute(_DEFINITIONS["alone"], workspace)  # what it names cannot be deleted meanwhile
    near, templates = await neighbours(connection, workspace), await _templates(connection, workspace)
    _, problems = _tried(body, near, templates)
    if problems:
        raise Invalid(f"{problems[0].pointer or '/'}: {problems[0].message}", tuple(problems))


async def _templates(connection: Connection, workspace: str) -> Templates:
    rows = await connection.fetch(_DEFINITIONS["templates"], workspace)
    requires = {row["id"]: row["requires"] for row in rows}
    return Templates(requires, {row["id"]: row["channel"] or "email" for row in rows})


async def known(connection: Connection, workspace: str, id: str, version: int | None) -> doubts.Known:
    """`version`: the one that is looked at; None: a new one."""
    before = await connection.fetch(_VERSIONS["steps_before"], workspace, id, version)
    names = frozenset(row["name"] for row in await connection.fetch(_CUSTOMERS["attribute_names"], workspace))
    events = await event_names.known(connection, workspace)
    return doubts.Known(events, names or None, templates=(await _templates(connection, workspace)).requires,
                            steps=frozenset(row["name"] for row in before) or None)  # fmt: skip


async def with_audience(call: Call, body: dict[str, Any], seen: doubts.Known) -> doubts.Known:
    """With whether the audience is nobody, as far as a moment's look at the customers can tell."""
    audience = _audience(body)
    nobody = audience is not None and await segments.nobody(call, audience)
    return msgspec.structs.replace(seen, nobody=True) if nobody else seen


def _audience(body: dict[str, Any]) -> dict[str, Any] | None:
    """Its condition, if it takes customers who are there already, and not by what a signal says."""
    for entry in body["entry"]:
        audience = entry.get("audience")
        if audience is not None and "signal" not in audience and audience.get("of") != "future":
            where: dict[str, Any] | None = entry.get("where")
            return where
    return None


def doubtful(body: dict[str, Any], seen: doubts.Known) -> list[Problem]:
    """Warnings, and what would stop a publish now."""
    try:
        return doubts.check(definition.parse(body, seen.templates), seen)
    except Invalid as error:
        return list(error.problems)
