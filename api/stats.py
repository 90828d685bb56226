"""How many customers are where in a journey: counters of all lanes, summed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec
from starlette.responses import Response

from api.call import Call, reply
from api.publishing import Which
from laudstream.errors import NotFound
from laudstream.postgres import queries

_SQL = queries("journeys")


class StepStats(msgspec.Struct):
    arrived: int = 0
    here: int = 0
    """Runs that are at the step now."""
    left: dict[str, int] = msgspec.field(default_factory=dict)
    """By branch."""
    ended: dict[str, int] = msgspec.field(default_factory=dict)
    """By outcome or reason, where a run ended at this step."""
    requested: int = 0
    sent: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    bounced: int = 0
    complained: int = 0
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    """By reason."""
    deferred: dict[str, int] = msgspec.field(default_factory=dict)
    """By reason."""
    failed: int = 0
    unknown: int = 0
    replied: int = 0
    unsubscribed: int = 0
    parked: int = 0
    """Runs that an error stopped here (A6)."""


class Stats(msgspec.Struct):
    version: int | None
    entered: int = 0
    moved_in: int = 0
    """Runs that a migration brought from other versions."""
    moved_out: int = 0
    active: int = 0
    ended: dict[str, int] = msgspec.field(default_factory=dict)
    """By outcome or reason."""
    parked: int = 0
    goal: int = 0
    not_entered: dict[str, int] = msgspec.field(default_factory=dict)
    """By reason."""
    steps: dict[str, StepStats] = msgspec.field(default_factory=dict)


async def stats(call: Call) -> Response:
    """How many came in, are where, left by which branch, and got which message."""
    id, version = call.named("id"), call.query(Which).version
    async with call.database() as connection:
        row = await connection.fetchrow(_SQL["one"], call.workspace, id, call.settings.partitions)
        if row is None:
            raise NotFound(f"there is no journey {id}")
        version = version or row["live_version"]
        rows = await connection.fetch(_SQL["stats"], call.workspace, id, version or 0)
    return reply(summed(version, [(row["step"], row["counter"], row["amount"]) for row in rows]))


def summed(version: int | None, counts: Iterable[tuple[str, str, int]]) -> Stats:
    """Stats of (step, counter, amount); step '' is the journey itself."""
    whole = Stats(version)
    steps: defaultdict[str, StepStats] = defaultdict(StepStats)
    for step, counter, amount in counts:
        _count(whole if not step else steps[step], counter, amount)
    for each in steps.values():
        each.here = each.arrived - sum(each.left.values()) - sum(each.ended.values())
    whole.active = whole.entered + whole.moved_in - whole.moved_out - sum(whole.ended.values())
    whole.steps = dict(steps)
    return whole


def _count(into: Stats | StepStats, counter: str, amount: int) -> None:
    """Counters this page does not show are passed over: the projector may know more than it."""
    name, _, which = counter.partition(":")
    before = getattr(into, name, None)
    if isinstance(before, dict) and name != "steps":
        before[which] = before.get(which, 0) + amount
    elif isinstance(before, int) and name not in ("version", "here", "active"):
        setattr(into, name, before + amount)
