"""Versions of a journey: publish, try out beside the live one, restore, and move runs from one to another (R48)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, converted, reply
from api.checks import check
from api.journeys import Moved, locked, moved, ordered
from api.paging import ms
from api.publishing import Wait, order, seen
from laudstream.errors import Invalid, NotFound, Problem, Refused
from laudstream.journey import definition, migration
from laudstream.journey.reader import Reader
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("versions")
_JOURNEYS = queries("journeys")

MAX_VERSION = 2**31 - 1


_SHARE = "per cent of those who enter: they get it as a trial beside the live version"


class Publish(Wait, forbid_unknown_fields=True):
    share: Annotated[float, Meta(ge=0.01, le=99.99, description=_SHARE)] | None = None


class Restore(msgspec.Struct, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=MAX_VERSION)]
    migrate: dict[str, str] = {}
    """Where the people of the other versions go: old step -> step of the restored version, exit or stay."""


class Map(msgspec.Struct, forbid_unknown_fields=True):
    steps: dict[str, str]
    """Old step -> step of the live version, exit or stay."""


class VersionLine(msgspec.Struct):
    version: int
    published_at: int | None
    state: str
    """live: it takes entries; trial: it takes a share of them; past: it takes none."""
    share: float | None
    """Of a trial, in per cent."""
    runs: int
    """That are on it now."""
    restored_from: int | None
    migrates: bool
    """It came with a migration map."""


class Versions(msgspec.Struct):
    versions: list[VersionLine]
    """The newest first."""


class Body(msgspec.Struct):
    version: int
    body: dict[str, Any]


async def all(call: Call) -> Response:
    """The versions of a journey, and how many runs are on each."""
    id = call.named("id")
    async with call.database() as connection:
        if await connection.fetchrow(_SQL["trial"], call.workspace, id) is None:
            raise NotFound(f"there is no journey {id}")
        rows = await connection.fetch(_SQL["page"], call.workspace, id)
    return reply(Versions([_line(row) for row in rows]))


def _line(row: Any) -> VersionLine:
    state = "live" if row["live"] else "trial" if row["share"] is not None else "past"
    share = None if row["share"] is None else row["share"] / 100
    return VersionLine(
        row["version"], ms(row["published_at"]), state, share, row["runs"], row["restored_from"], row["migrates"]
    )


async def one(call: Call) -> Response:
    """What a version says."""
    id, version = call.named("id"), call.named("version")
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
    async with call.database() as connection:
        return reply(Body(number, await _body_of(connection, call.workspace, id, number)))


async def _body_of(connection: Connection, workspace: str, id: str, version: int) -> dict[str, Any]:
    body: dict[str, Any] | None = await connection.fetchval(_SQL["body"], workspace, id, version)
    if body is None:
        raise NotFound(f"journey {id} has no version {version}")
    return body


async def publish(call: Call) -> Response:
    """Makes the draft a version that takes entries from now on: all of them, or with `share` a share beside the live
    version. A map in it moves the runs of the versions before."""
    id, wish = call.named("id"), call.query(Publish)
    if wish.share is not None:
        return await _try_out(call, id, wish.share, wish.wait)
    moves = None
    async with call.database() as connection:
        row = await locked(connection, call.workspace, id)
        version, body, number = row["live_version"], row["draft"], row["control_id"]
        if body is not None:
            version, number, moves = await _publish(connection, call.workspace, id, body)
        elif row["status"] != "live":  # else it is published already
            number = await ordered(connection, call.workspace, id, version, "live", None)
    return await _answered(call, version, "live", number, moves, wish.wait)


async def _publish(
    connection: Connection, workspace: str, id: str, body: dict[str, Any], restored: int | None = None
) -> tuple[int, int, int | None]:
    """(version, its order, the order of its map)."""
    await check(connection, workspace, body)
    version = await _add(connection, workspace, id, body)
    number = await order(connection, workspace, "journey", id, version, "live", body)
    await connection.execute(_JOURNEYS["set_status"], workspace, id, "live", version, number, restored is None)
    if restored is not None:
        await connection.execute(_SQL["restored"], workspace, id, version, restored)
    return version, number, await _order_map(connection, workspace, id, version, body.get("migrate", {}))


async def _add(connection: Connection, workspace: str, id: str, body: dict[str, Any]) -> int:
    version = 1 + int(await connection.fetchval(_JOURNEYS["last_version"], workspace, id))
    await connection.execute(_JOURNEYS["add_version"], workspace, id, version, body)
    return version


async def _order_map(connection: Connection, workspace: str, id: str, to: int, steps: dict[str, str]) -> int | None:
    """Lanes read the map right after what it belongs to; None: there is none."""
    if not steps:
        return None
    number = await connection.fetchval(_SQL["add_migration"], workspace, id, to, steps)
    return await order(connection, workspace, "migration", id, number, "live", {"to": to, "steps": steps})


async def _answered(
    call: Call, version: int, status: str, number: int | None, moves: int | None, wait: float
) -> Response:
    """With a map: when every lane has read that too."""
    if moves is not None:
        answer = await seen(call, moves, wait)
        if answer.error:
            return reply(Moved(version, status, answer.seen, answer.error))
        wait = wait if answer.seen else 0
    return await moved(call, version, status, number, wait)


# Beside the live version


async def _try_out(call: Call, id: str, per_cent: float, wait: float) -> Response:
    share = round(per_cent * 100)
    async with call.database() as connection:
        row = await locked(connection, call.workspace, id)
        if row["status"] != "live":
            raise Refused(f"journey {id} is {row['status']}: a trial stands beside a version that is live")
        version, body = row["trial_version"], row["draft"]
        if body is None and version is None:
            raise Refused(f"journey {id} has no draft to try out and no trial whose share could change: save one first")
        if body is not None:
            await check(connection, call.workspace, body)
            live = await _body_of(connection, call.workspace, id, row["live_version"])
            _like(live, body)
            version = await _add(connection, call.workspace, id, body)
        number = await order(connection, call.workspace, "journey", id, version, "trial", body, share)
        await connection.execute(_SQL["set_trial"], call.workspace, id, version, share, number, body is not None)
    return await moved(call, version, "live", number, wait)


def _like(live: dict[str, Any], body: dict[str, Any]) -> None:
    """Raises Invalid where a trial differs in what is asked of all customers together, or counted for all."""
    problems = []
    for kind in ("audience", "date"):
        if _entries(live, kind) != _entries(body, kind):
            message = f"a trial has the same {kind} entries as the live version, which says who comes in and when"
            problems.append(Problem("/entry", message, "publish it for all, or change the other entries only"))
    if live.get("max_entries") != body.get("max_entries"):
        message = "a trial shares the places of the live version"
        problems.append(Problem("/max_entries", message, f"write {live.get('max_entries')}, or leave it out as there"))
    if problems:
        raise Invalid(f"{problems[0].pointer}: {problems[0].message}", tuple(problems))


def _entries(body: dict[str, Any], kind: str) -> list[Any]:
    return [entry for entry in body["entry"] if kind in entry]


async def promote(call: Call) -> Response:
    """The version on trial takes all entries; a map in it moves the runs of the others."""
    id, wait = call.named("id"), call.query(Wait).wait
    async with call.database() as connection:
        row = await locked(connection, call.workspace, id)
        version = _trial(id, row)
        body = await _body_of(connection, call.workspace, id, version)
        status = row["status"]
        number = await ordered(connection, call.workspace, id, version, status, None)
        moves = await _order_map(connection, call.workspace, id, version, body.get("migrate", {}))
    return await _answered(call, version, status, number, moves, wait)


async def withdraw(call: Call) -> Response:
    """The version on trial takes no more entries; the runs on it go on."""
    id, wait = call.named("id"), call.query(Wait).wait
    async with call.database() as connection:
        row = await locked(connection, call.workspace, id)
        version = _trial(id, row)
        number = await order(connection, call.workspace, "journey", id, version, "withdrawn", None)
        await connection.execute(_SQL["set_trial"], call.workspace, id, None, 0, number, False)
    return await moved(call, row["live_version"], row["status"], number, wait)


def _trial(id: str, row: Any) -> int:
    if row["trial_version"] is None:
        raise Refused(f"journey {id} has no version on trial")
    return int(row["trial_version"])


# Back, and from one to the other


async def restore(call: Call) -> Response:
    """Publishes what an old version says as a new version; runs stay where they are, unless a map moves them."""
    id, wait, wish = call.named("id"), call.query(Wait).wait, converted(await call.read(), Restore)
    async with call.database() as connection:
        row = await locked(connection, call.workspace, id)
        old = await _body_of(connection, call.workspace, id, wish.version)
        if wish.version == row["live_version"] and row["status"] == "live":
            raise Refused(f"version {wish.version} of journey {id} is live")
        body = {name: value for name, value in old.items() if name != "migrate"}
        if wish.migrate:
            body["migrate"] = wish.migrate
        version, number, moves = await _publish(connection, call.workspace, id, body, wish.version)
    return await _answered(call, version, "live", number, moves, wait)


async def migrate(call: Call) -> Response:
    """Moves the runs of other versions to the live one, as a map says."""
    id, wait, wish = call.named("id"), call.query(Wait).wait, converted(await call.read(), Map)
    async with call.database() as connection:
        row = await locked(connection, call.workspace, id)
        if row["status"] not in ("live", "draining"):
            raise Refused(f"journey {id} is {row['status']}: people are moved where runs go on")
        live = definition.parse(await _body_of(connection, call.workspace, id, row["live_version"]), horizon=None)
        reader = Reader()
        steps = migration.read(reader, wish.steps, "/steps", live.steps)
        if not steps and not reader.problems:
            reader.wrong("/steps", "the map names no step", "write old step: new step, exit or stay")
        if reader.problems:
            first = reader.problems[0]
            raise Invalid(f"{first.pointer}: {first.message}", tuple(reader.problems))
        number = await _order_map(connection, call.workspace, id, row["live_version"], steps)
    return await moved(call, row["live_version"], row["status"], number, wait)
