"""Journeys: definitions, publishing, and how many are where."""

from __future__ import annotations

from typing import Any, NamedTuple

import asyncpg
import msgspec
from starlette.responses import Response

from api import checks
from api.call import Call, reply
from api.counted import Counted, counted
from api.kept import live_horizon
from api.paging import ms
from api.publishing import Version, Wait, Which, order, seen, shown
from laudstream.conditions.tally import Query
from laudstream.errors import Invalid, NotFound, Problem, Refused
from laudstream.journey import definition
from laudstream.journey.schema import journey_schema
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection

_SQL = queries("journeys")

STATUSES = ("draft", "publishing", "live", "paused", "draining", "stopped")


class Move(NamedTuple):
    """A change of status: where from, where to."""

    before: tuple[str, ...]
    after: str


MOVES = {
    "publish": Move(("draft", "live", "paused", "draining", "stopped"), "live"),
    "pause": Move(("live", "draining"), "paused"),
    "resume": Move(("paused", "draining"), "live"),
    "drain": Move(("live", "paused"), "draining"),
    "stop": Move(("live", "paused", "draining"), "stopped"),
}


class Trial(msgspec.Struct):
    """A version beside the live one."""

    version: int
    share: float
    """In per cent of those who enter."""


class JourneyLine(msgspec.Struct):
    id: str
    name: str
    status: str
    live_version: int | None
    drafted: bool
    """There is a draft that is not published."""
    updated_at: int | None
    entered: int
    active: int
    completed: int
    messages: int
    """Requested."""
    sent: int
    """Messages, also to customers who are deleted since."""
    problem: str | None
    """Why the control agent refused what was published last."""
    trial: Trial | None


class JourneyList(msgspec.Struct):
    journeys: list[JourneyLine]


class Journey(msgspec.Struct, omit_defaults=True):
    id: str
    name: str
    status: str
    live_version: int | None
    body: dict[str, Any]
    """The version that was asked for, else the live one, else the draft."""
    updated_at: int | None
    versions: list[Version] = msgspec.field(default_factory=list)
    warnings: list[Problem] = msgspec.field(default_factory=list)
    draft: dict[str, Any] | None = None
    """What was saved after the live version was published."""
    problem: str | None = None
    trial: Trial | None = None
    counted: list[Counted] = msgspec.field(default_factory=list)
    """What the live version counts of the past, since when (R58)."""


class Saved(msgspec.Struct):
    id: str
    status: str
    changed: bool
    """It differs from the live version: publishing it makes a new one."""
    warnings: list[Problem]


class Moved(msgspec.Struct):
    version: int
    status: str
    seen: bool
    """Every lane has read it."""
    problem: str | None = None


async def all(call: Call) -> Response:
    """The journeys, the last changed first."""
    async with call.database() as connection:
        rows = await connection.fetch(_SQL["page"], call.workspace, call.settings.partitions)
    return reply(JourneyList([_line(row) for row in rows]))


def _line(row: asyncpg.Record) -> JourneyLine:
    status = shown(row["status"], row["seen"])
    entered, ended = row["entered"], row["ended"]
    return JourneyLine(
        row["journey_id"], row["name"], status, row["live_version"], row["drafted"], ms(row["updated_at"]),
        entered, entered - ended, ended, row["messages"], row["sent"], row["error"], _trial(row),
    )  # fmt: skip


def _trial(row: asyncpg.Record) -> Trial | None:
    return Trial(row["trial_version"], row["trial_share"] / 100) if row["trial_version"] else None


async def one(call: Call) -> Response:
    """A journey with its draft, its versions and what is doubtful about it."""
    id, version = call.named("id"), call.query(Which).version
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["one"], call.workspace, id, call.settings.partitions)
        if row is None:
            raise NotFound(f"there is no journey {id}")
        asked = await _body(connection, call.workspace, id, version)
        versions = await connection.fetch(_SQL["versions"], call.workspace, id)
        known = await checks.known(connection, call.workspace, id, None if row["draft"] else row["live_version"])
        asked_past = await _counted(connection, call.workspace, id, row["body"])
    draft, body = row["draft"], row["body"] or row["draft"]
    status, updated_at = shown(row["status"], row["seen"]), ms(row["updated_at"])
    answer = Journey(id, row["name"], status, row["live_version"], asked or body, updated_at)
    answer.versions = [Version(each["version"], ms(each["published_at"])) for each in versions]
    answer.warnings = checks.doubtful(draft or body, known)
    answer.trial = _trial(row)
    answer.draft = draft if row["body"] else None
    answer.problem = row["error"]
    answer.counted = asked_past
    return reply(answer)


async def _counted(connection: Connection, workspace: str, id: str, live: dict[str, Any] | None) -> list[Counted]:
    if live is None or not _queries(live):
        return []
    rows = await connection.fetch(_SQL["version_bodies"], workspace, id)
    return counted(rows, _queries, await live_horizon(connection, workspace))


def _queries(body: dict[str, Any]) -> tuple[Query, ...]:
    return definition.parse(body, horizon=None).needs.queries


async def _body(connection: Connection, workspace: str, id: str, version: int | None) -> dict[str, Any] | None:
    """What a version says; None if none is asked for. Raises NotFound."""
    if version is None:
        return None
    body: dict[str, Any] | None = await connection.fetchval(_SQL["version_body"], workspace, id, version)
    if body is None:
        raise NotFound(f"journey {id} has no version {version}")
    return body


async def save(call: Call) -> Response:
    """Saves a draft; what runs is not touched."""
    id, wish = call.named("id"), await call.read()
    if wish.setdefault("id", id) != id:
        raise Invalid("the id is another one", (Problem("/id", f"not the id of the address, {id}", f"write {id}"),))
    journey = definition.parse(wish, None)
    async with call.database() as connection:
        await connection.execute(_SQL["save_draft"], call.workspace, id, journey.name, wish)
        row = await connection.fetchrow(_SQL["one"], call.workspace, id, call.settings.partitions)
        known = await checks.known(connection, call.workspace, id, None)
    assert row is not None
    known = await checks.with_audience(call, wish, known)
    status = shown(row["status"], row["seen"])
    return reply(Saved(id, status, row["draft"] is not None, checks.doubtful(wish, known)))


async def pause(call: Call) -> Response:
    """No entries, no steps, no messages until it is resumed."""
    return await _move(call, "pause")


async def resume(call: Call) -> Response:
    """Goes on after a pause, or takes entries again after draining."""
    return await _move(call, "resume")


async def drain(call: Call) -> Response:
    """No more entries; the runs that are there go on to their end."""
    return await _move(call, "drain")


async def stop(call: Call) -> Response:
    """Ends all runs."""
    return await _move(call, "stop")


async def _move(call: Call, wish: str) -> Response:
    id, wait, move = call.named("id"), call.query(Wait).wait, MOVES[wish]
    async with call.database() as connection:
        row = await locked(connection, call.workspace, id)
        if row["status"] not in move.before:
            raise impossible(id, row["status"], wish)
        version = row["live_version"]
        number = await ordered(connection, call.workspace, id, version, move.after, None)
    return await moved(call, version, move.after, number, wait)


async def locked(connection: Connection, workspace: str, id: str) -> asyncpg.Record:
    row = await connection.fetchrow(_SQL["lock"], workspace, id)
    if row is None:
        raise NotFound(f"there is no journey {id}")
    return row


async def ordered(connection: Connection, workspace: str, id: str, version: int, status: str, body: Any) -> int:
    number = await order(connection, workspace, "journey", id, version, status, body)
    await connection.execute(_SQL["set_status"], workspace, id, status, version, number, body is not None)
    return number


async def moved(call: Call, version: int, status: str, number: int | None, wait: float) -> Response:
    answer = await seen(call, number, wait)
    return reply(Moved(version, shown(status, answer.seen), answer.seen, answer.error))


def impossible(id: str, status: str, wish: str) -> Refused:
    possible = ", ".join(name for name, move in MOVES.items() if status in move.before)
    return Refused(f"{wish}: journey {id} is {status}; possible now: {possible}")


async def schema(call: Call) -> Response:
    """The JSON Schema of a definition."""
    return reply(journey_schema())
