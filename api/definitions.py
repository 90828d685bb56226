"""Templates, segments, subscriptions and the settings of the workspace: live as soon as every lane has them (R8).

What one of them names must be there, and what is named stays there: a delete is refused with the list of those who
name it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import msgspec
from starlette.responses import Response

from api import kept
from api.call import Call, converted, reply
from api.counted import Counted, counted
from api.kept import SETTINGS
from api.kinds import Kind, Live, Made, Shape
from api.naming import Neighbours, neighbours
from api.paging import ms
from api.publishing import Version, Wait, order, seen, shown
from laudstream.conditions.tally import Query
from laudstream.errors import Invalid, NotFound, Problem, Refused
from laudstream.journey import subscriptions
from laudstream.journey.parse_settings import DEFAULTS
from laudstream.journey.parse_settings import workspace as parse_workspace
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection
from laudstream.segments import definition as segments

_SQL = queries("definitions")

Handler: TypeAlias = Callable[[Call], Awaitable[Response]]


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


def _line(live: Live) -> Line:
    return Line(live.id, _name(live), live.status, live.version, live.updated_at, live.body, live.problem)


def _one(live: Live, past: list[Version], asked: list[Counted]) -> Definition:
    return Definition(
        live.id, _name(live), live.status, live.version, live.updated_at, live.body, past, live.problem, asked
    )


def _name(live: Live) -> str:
    return live.body.get("name") or live.id


def _made(made: Made) -> Published:
    return Published(made.id, made.version, made.status, made.seen, made.changed, made.problem)


PLAIN = Shape(lambda found: Lines([_line(live) for live in found]), _one, _made)


def _checked(check: Callable[[dict[str, Any], Neighbours], Any]) -> Callable[..., dict[str, Any]]:
    def parse(body: dict[str, Any], near: Neighbours) -> dict[str, Any]:
        check(body, near)
        return body

    return parse


SEGMENT = Kind("segment", _checked(lambda body, near: segments.parse(body, near.segments)), PLAIN)
SUBSCRIPTION = Kind("subscription", _checked(lambda body, _: subscriptions.parse(body)), PLAIN)
WORKSPACE = Kind("workspace", _checked(lambda body, _: parse_workspace(body)), PLAIN)


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


def all_of(kind: Kind) -> Handler:
    async def all(call: Call) -> Response:
        return await show_all(call, kind)

    all.__name__ = f"all_{kind.name}"
    all.__doc__ = f"The {kind.name}s, by id."
    return all


async def show_all(call: Call, kind: Kind) -> Response:
    async with call.database() as connection:
        rows = await connection.fetch(_SQL["page"], call.workspace, kind.name, call.settings.partitions)
    return reply(kind.shape.lines([kept.live(row) for row in rows]))


def one_of(kind: Kind) -> Handler:
    async def one(call: Call) -> Response:
        return await show_one(call, kind, call.named("id"))

    one.__name__ = f"one_{kind.name}"
    one.__doc__ = f"A {kind.name} as it is live, and its versions."
    return one


async def show_one(call: Call, kind: Kind, id: str) -> Response:
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["one"], call.workspace, kind.name, id, call.settings.partitions)
        if row is None:
            raise NotFound(f"there is no {kind.name} {id}")
        versions = await connection.fetch(_SQL["versions"], call.workspace, kind.name, id)
        asked = await _counted(connection, call.workspace, id) if kind is SEGMENT else []
    past = [Version(each["version"], ms(each["published_at"])) for each in versions]
    return reply(kind.shape.one(kept.live(row), past, asked))


async def _counted(connection: Connection, workspace: str, id: str) -> list[Counted]:
    rows = await connection.fetch(_SQL["version_bodies"], workspace, SEGMENT.name, id)
    return counted(rows, _queries, await kept.live_horizon(connection, workspace))


def _queries(body: dict[str, Any]) -> tuple[Query, ...]:
    condition = segments.parse(body, horizon=None).condition
    return condition.needs.queries if condition is not None else ()


def publish_of(kind: Kind) -> Handler:
    async def publish(call: Call) -> Response:
        return await make(call, kind, call.named("id"))

    publish.__name__ = f"publish_{kind.name}"
    publish.__doc__ = f"Makes a new version of a {kind.name}, live at once; the same again makes none."
    return publish


async def make(call: Call, kind: Kind, id: str) -> Response:
    """Publishes what the request says."""
    wait, wish = call.query(Wait).wait, await call.read()
    if kind is not WORKSPACE and wish.setdefault("id", id) != id:
        raise Invalid("the id is another one", (Problem("/id", f"not the id of the address, {id}", f"write {id}"),))
    async with call.database() as connection:
        near = None
        if kind.names:
            await connection.execute(_SQL["alone"], call.workspace)
            near = await neighbours(connection, call.workspace)
        body = await asyncio.to_thread(kind.parse, wish, near)
        version, number, changed = await kept.publish(connection, call.workspace, kind, id, body)
        if kind is WORKSPACE:
            await connection.execute(_SQL["set_zone"], call.workspace, body.get("time_zone", "UTC"))
    answer = await seen(call, number, wait)
    status = shown("live", answer.seen)
    return reply(kind.shape.made(Made(id, version, status, answer.seen, changed, body, answer.error)))


def delete_of(kind: Kind) -> Handler:
    async def delete(call: Call) -> Response:
        id = call.named("id")
        async with call.database() as connection:
            await connection.execute(_SQL["alone"], call.workspace)
            row = await connection.fetchrow(_SQL["one"], call.workspace, kind.name, id, call.settings.partitions)
            if row is None:
                raise NotFound(f"there is no {kind.name} {id}")
            users = (await neighbours(connection, call.workspace)).users(kind.name, id)
            if users:
                raise Refused(f"{kind.name} {id} is named by {_list(users)}: change or stop them first")
            version = row["live_version"]
            number = await order(connection, call.workspace, kind.name, id, version, "deleted", None)
            await connection.execute(_SQL["set_version"], call.workspace, kind.name, id, version, number, True)
        return Response(status_code=204)

    delete.__name__ = f"delete_{kind.name}"
    delete.__doc__ = f"Deletes a {kind.name} that nobody names."
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
        added, removed, there = await kept.set_members(connection, call.workspace, id, wish.add, wish.remove)
    unknown = [customer for customer in (*wish.add, *wish.remove) if customer not in there]
    return reply(Members(added, removed, unknown))


async def settings(call: Call) -> Response:
    """The settings of the workspace: time zone, quiet hours, caps. Version 0 is what holds until some are saved."""
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["one"], call.workspace, SETTINGS, SETTINGS, 0)
        zone = await connection.fetchval(_SQL["zone"], call.workspace)
    if row is not None:
        return await show_one(call, WORKSPACE, SETTINGS)
    return reply(Definition(SETTINGS, SETTINGS, "live", 0, None, {"time_zone": zone or "UTC", **DEFAULTS}))


async def set_settings(call: Call) -> Response:
    """Changes the settings of the workspace, for all journeys at once."""
    return await make(call, WORKSPACE, SETTINGS)
