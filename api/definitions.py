"""Segments, subscriptions and the settings of the workspace: live as soon as every lane has them (R8).

What one of them names must be there, and what is named stays there: a delete is refused with the list of those who
name it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

import msgspec
from starlette.responses import Response

from api.call import Call, converted, reply
from api.naming import Neighbours, neighbours
from api.paging import ms
from api.publishing import Version, Wait, order, seen, shown
from laudstream.conditions.tally import EVENT, Query
from laudstream.errors import Invalid, NotFound, Problem, Refused
from laudstream.journey import subscriptions
from laudstream.journey.parse_settings import DEFAULTS
from laudstream.journey.parse_settings import workspace as parse_workspace
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection
from laudstream.segments import definition as segments

_SQL = queries("definitions")

Handler: TypeAlias = Callable[[Call], Awaitable[Response]]

SETTINGS = "workspace"
"""Id of the only definition of the kind `workspace`."""


class Line(msgspec.Struct):
    id: str
    name: str
    status: str
    live_version: int
    updated_at: int | None
    body: dict[str, Any]
    problem: str | None
    """Why the control agent refused the version."""


class Lines(msgspec.Struct):
    items: list[Line]


class Counted(msgspec.Struct):
    """A question about the past that a condition asks (R58)."""

    what: str
    """event, message or run."""
    name: str
    since: int
    """From then on everything is counted."""
    reaches: int
    """Of the time before, what was kept is counted too: events back to here; else the same as `since`."""


class Definition(msgspec.Struct):
    id: str
    name: str
    status: str
    live_version: int
    """0: nothing is published, and the body is what holds without that."""
    updated_at: int | None
    body: dict[str, Any]
    versions: list[Version] = msgspec.field(default_factory=list)
    problem: str | None = None
    counted: list[Counted] = msgspec.field(default_factory=list)
    """Of a segment: what it counts, since when."""


class Published(msgspec.Struct):
    id: str
    version: int
    status: str
    seen: bool
    """Every lane has it."""
    changed: bool
    """It differs from the version before: a new one was made."""
    problem: str | None = None


class Kind(NamedTuple):
    name: str
    parse: Callable[[dict[str, Any], Neighbours], Any]
    """Raises Invalid if the body is wrong, or names what is not there."""


KINDS = {
    kind.name: kind
    for kind in (
        Kind("segment", lambda body, near: segments.parse(body, near.segments)),
        Kind("subscription", lambda body, _: subscriptions.parse(body)),
        Kind("workspace", lambda body, _: parse_workspace(body)),
    )
}


class MembersWish(msgspec.Struct, forbid_unknown_fields=True):
    add: list[str] = []
    """Customer ids."""
    remove: list[str] = []


class Members(msgspec.Struct):
    added: int
    """Customers who were not members."""
    removed: int
    unknown: list[str]
    """Ids of nobody; the others are done all the same."""


def all_of(kind: str) -> Handler:
    async def all(call: Call) -> Response:
        async with call.database() as connection:
            rows = await connection.fetch(_SQL["page"], call.workspace, kind, call.settings.partitions)
        return reply(Lines([Line(*_shown(row), row["body"], row["error"]) for row in rows]))

    all.__name__ = f"all_{kind}"
    all.__doc__ = f"The {kind}s, by id."
    return all


def one_of(kind: str) -> Handler:
    async def one(call: Call) -> Response:
        return await _one(call, kind, call.named("id"))

    one.__name__ = f"one_{kind}"
    one.__doc__ = f"A {kind} as it is live, and its versions."
    return one


async def _one(call: Call, kind: str, id: str) -> Response:
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["one"], call.workspace, kind, id, call.settings.partitions)
        if row is None:
            raise NotFound(f"there is no {kind} {id}")
        versions = await connection.fetch(_SQL["versions"], call.workspace, kind, id)
        counted = await _counted(connection, call.workspace, id) if kind == "segment" else []
    past = [Version(each["version"], ms(each["published_at"])) for each in versions]
    return reply(Definition(*_shown({"id": id, **row}), row["body"], past, row["error"], counted))


async def _counted(connection: Connection, workspace: str, id: str) -> list[Counted]:
    """Since when a segment counts what it asks about the past: since the first of its last versions that asked it."""
    rows = await connection.fetch(_SQL["version_bodies"], workspace, "segment", id)
    if not rows:
        return []
    kept = parse_workspace(await _settings(connection, workspace)).horizon_ms
    asked = [({query.id: query for query in _queries(row["body"])}, ms(row["published_at"]) or 0) for row in rows]
    found = []
    for query in asked[0][0].values():
        since = _first([(query.id in ids, at) for ids, at in asked])
        found.append(Counted(query.kind, query.name, since, since - kept if query.kind == EVENT else since))
    return found


def _first(versions: list[tuple[bool, int]]) -> int:
    """When the oldest of the newest that are in a row came."""
    return [at for _, at in takewhile(lambda version: version[0], versions)][-1]


def _queries(body: dict[str, Any]) -> tuple[Query, ...]:
    try:
        condition = segments.parse(body, horizon=None).condition
    except Invalid:  # an older release let it through
        return ()
    return condition.needs.queries if condition is not None else ()


async def _settings(connection: Connection, workspace: str) -> dict[str, Any]:
    """Those that are live."""
    row = await connection.fetchrow(_SQL["one"], workspace, SETTINGS, SETTINGS, 0)
    found: dict[str, Any] = row["body"] if row is not None else {}
    return found


def _shown(row: Any) -> tuple[str, str, str, int, int | None]:
    name = row["body"].get("name") or row["id"]
    return row["id"], name, shown("live", row["seen"]), row["live_version"], ms(row["updated_at"])


def publish_of(kind: str) -> Handler:
    async def publish(call: Call) -> Response:
        return await _publish(call, KINDS[kind], call.named("id"))

    publish.__name__ = f"publish_{kind}"
    publish.__doc__ = f"Makes a new version of a {kind}, live at once; the same again makes none."
    return publish


async def _publish(call: Call, kind: Kind, id: str) -> Response:
    wait, wish = call.query(Wait).wait, await call.read()
    if kind.name != SETTINGS and wish.setdefault("id", id) != id:
        raise Invalid("the id is another one", (Problem("/id", f"not the id of the address, {id}", f"write {id}"),))
    async with call.database() as connection:
        await connection.execute(_SQL["alone"], call.workspace)
        await asyncio.to_thread(kind.parse, wish, await neighbours(connection, call.workspace))
        version, number, changed = await _published(connection, call.workspace, kind.name, id, wish)
        if kind.name == SETTINGS:
            await connection.execute(_SQL["set_zone"], call.workspace, wish.get("time_zone", "UTC"))
    answer = await seen(call, number, wait)
    return reply(Published(id, version, shown("live", answer.seen), answer.seen, changed, answer.error))


async def _published(
    connection: Connection, workspace: str, kind: str, id: str, body: dict[str, Any]
) -> tuple[int, int | None, bool]:
    """(version, its order, whether it is new)."""
    row = await connection.fetchrow(_SQL["claim"], workspace, kind, id)
    assert row is not None
    last = row["live_version"]
    if not row["deleted"] and await connection.fetchval(_SQL["same"], workspace, kind, id, last, body):
        return last, row["control_id"], False
    version = 1 + await connection.fetchval(_SQL["last_version"], workspace, kind, id)
    await connection.execute(_SQL["add_version"], workspace, kind, id, version, body)
    number = await order(connection, workspace, kind, id, version, "live", body)
    await connection.execute(_SQL["set_version"], workspace, kind, id, version, number, False)
    return version, number, True


def delete_of(kind: str) -> Handler:
    async def delete(call: Call) -> Response:
        id = call.named("id")
        async with call.database() as connection:
            await connection.execute(_SQL["alone"], call.workspace)
            row = await connection.fetchrow(_SQL["one"], call.workspace, kind, id, call.settings.partitions)
            if row is None:
                raise NotFound(f"there is no {kind} {id}")
            users = (await neighbours(connection, call.workspace)).users(kind, id)
            if users:
                raise Refused(f"{kind} {id} is named by {_list(users)}: change or stop them first")
            version = row["live_version"]
            number = await order(connection, call.workspace, kind, id, version, "deleted", None)
            await connection.execute(_SQL["set_version"], call.workspace, kind, id, version, number, True)
        return Response(status_code=204)

    delete.__name__ = f"delete_{kind}"
    delete.__doc__ = f"Deletes a {kind} that nobody names."
    return delete


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


async def members(call: Call) -> Response:
    """Adds customers to a manual segment, or takes them out; lanes learn of it as of any row."""
    id, wish = call.named("id"), converted(await call.read(), MembersWish)
    both = sorted(set(wish.add) & set(wish.remove))
    if both:
        raise Invalid("nobody can be added and removed at once", (Problem("/remove", f"{both[0]!r} is in both lists"),))
    async with call.database() as connection:
        near = await neighbours(connection, call.workspace)
        if id not in near.segments:
            raise NotFound(f"there is no segment {id}")
        if id not in near.manual:
            raise Refused(f"segment {id} has a condition: nobody is added by hand; change the condition")
        wanted = [*wish.add, *wish.remove]
        rows = await connection.fetch(_SQL["known"], call.workspace, wanted)
        there = {row["customer_id"] for row in rows}
        added = await connection.fetch(_SQL["set_members"], call.workspace, id, wish.add, True)
        removed = await connection.fetch(_SQL["set_members"], call.workspace, id, wish.remove, False)
    unknown = [customer for customer in wanted if customer not in there]
    return reply(Members(len(added), len(removed), unknown))


async def settings(call: Call) -> Response:
    """The settings of the workspace: time zone, quiet hours, caps. Version 0 is what holds until some are saved."""
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["one"], call.workspace, SETTINGS, SETTINGS, 0)
        zone = await connection.fetchval(_SQL["zone"], call.workspace)
    if row is not None:
        return await _one(call, SETTINGS, SETTINGS)
    return reply(Definition(SETTINGS, SETTINGS, "live", 0, None, {"time_zone": zone or "UTC", **DEFAULTS}))


async def set_settings(call: Call) -> Response:
    """Changes the settings of the workspace, for all journeys at once."""
    return await _publish(call, KINDS[SETTINGS], SETTINGS)
