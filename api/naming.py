"""Who names whom among the definitions of a workspace: what is named must be there, and stays there (R20, R48)."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from laudstream.journey.naming import named
from laudstream.journey.pins import base_of
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection
from laudstream.segments import definition as segments

_SQL = queries("definitions")


class Neighbours(NamedTuple):
    segments: dict[str, frozenset[str]]
    """Live segments, and name@version of those that may be pinned -> segments that they name."""
    manual: frozenset[str]
    """Live segments whose members are listed."""
    subscriptions: frozenset[str]
    journeys: frozenset[str]
    """Those that are saved, published or not."""
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
            named_by["segment", base_of(name)].add(f"segment {made.id}")
    for row in await connection.fetch(_SQL["pinnable"], workspace):
        found[f"{row['id']}@{row['version']}"] = segments.parse(row["body"], horizon=None).names
    for row in await connection.fetch(_SQL["journeys"], workspace):
        for kind, name in named(row["body"]):
            named_by[kind, name].add(f"journey {row['journey_id']}")
    journeys = frozenset(row["journey_id"] for row in await connection.fetch(_SQL["all_journeys"], workspace))
    rows = await connection.fetch(_SQL["bodies"], workspace, "subscription")
    return Neighbours(found, frozenset(manual), frozenset(row["id"] for row in rows), journeys, named_by)
