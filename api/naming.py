"""Who names whom among the definitions of a workspace: what is named must be there, and stays there (R20, R48)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from laudstream.errors import Invalid, Problem
from laudstream.journey import definition
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.kinds.update import UpdateStep
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection
from laudstream.segments import definition as segments

_SQL = queries("definitions")


class Neighbours(NamedTuple):
    segments: dict[str, frozenset[str]]
    """Live segments -> those that they name."""
    manual: frozenset[str]
    """Live segments whose members are listed."""
    subscriptions: frozenset[str]
    named_by: dict[tuple[str, str], set[str]]
    """(kind, id) -> who names it."""

    def users(self, kind: str, id: str) -> set[str]:
        return self.named_by.get((kind, id), set())


async def neighbours(connection: Connection, workspace: str) -> Neighbours:
    """What is live, and the versions of journeys that have runs or take entries."""
    found: dict[str, frozenset[str]] = {}
    manual = set()
    named_by: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in await connection.fetch(_SQL["bodies"], workspace, "segment"):
        made = segments.parse(row["body"], horizon=None)
        found[made.id] = made.names
        if made.condition is None:
            manual.add(made.id)
        for name in made.names:
            named_by["segment", name].add(f"segment {made.id}")
    for row in await connection.fetch(_SQL["journeys"], workspace):
        for kind, name in named(row["body"]):
            named_by[kind, name].add(f"journey {row['journey_id']}")
    rows = await connection.fetch(_SQL["bodies"], workspace, "subscription")
    return Neighbours(found, frozenset(manual), frozenset(row["id"] for row in rows), named_by)


def named(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, id) of the segments and subscriptions that a published journey names."""
    try:
        journey = definition.parse(body, horizon=None)
    except Invalid:  # an older release let it through; lanes will not run it either
        return
    yield from (("segment", name) for name in segments_of(journey))
    for step in journey.steps.values():
        if isinstance(step, MessageStep) and step.subscription:
            yield "subscription", step.subscription


def segments_of(journey: Journey) -> set[str]:
    """Segments that a journey names: in conditions, entries, exits and updates."""
    names = {*journey.needs.segments, *(entry.segment for entry in journey.segment_entries)}
    names |= {rule.leaves for rule in journey.exits if rule.leaves}
    for step in journey.steps.values():
        if isinstance(step, UpdateStep):
            names |= step.members.keys()
    return names


def missing(journey: Journey, near: Neighbours) -> list[Problem]:
    """What a journey names and is not there, besides segments of its conditions."""
    problems = []
    for name, step in journey.steps.items():
        if isinstance(step, MessageStep) and step.subscription and step.subscription not in near.subscriptions:
            known = ", ".join(sorted(near.subscriptions)[:10]) or "none yet"
            message = f"there is no subscription {step.subscription!r}"
            spot = at("/steps", name, "message", "subscription")
            problems.append(Problem(spot, message, f"publish it first; subscriptions here: {known}"))
        for segment in step.members if isinstance(step, UpdateStep) else ():
            if segment not in near.manual:
                known = ", ".join(sorted(near.manual)[:10]) or "none yet"
                message = f"there is no manual segment {segment!r}"
                spot = at("/steps", name, "update")
                problems.append(Problem(spot, message, f"publish it first; manual segments here: {known}"))
    return problems
