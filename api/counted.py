"""Since when what a condition asks about the past is counted (R58)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from api.paging import ms
from laudstream.conditions.tally import EVENT, Query
from laudstream.errors import Invalid


class Counted(msgspec.Struct):
    """A question about the past that a condition asks (R58)."""

    what: str
    """event, message or run."""
    name: str
    since: int
    """From then on everything is counted."""
    reaches: int
    """Of the time before, what was kept is counted too: events back to here; else the same as `since`."""


def counted(
    versions: Iterable[Any], asked: Callable[[dict[str, Any]], Iterable[Query]], horizon_ms: int
) -> list[Counted]:
    """`versions`: rows with body and published_at, the newest first. `asked`: what a body asks; it may raise Invalid
    for one that an older release let through. A question is counted since the first of the last versions in a row
    that ask it; versions before are not looked at."""
    open: dict[str, Query] | None = None
    since: dict[str, int] = {}
    found: dict[str, Query] = {}
    for row in versions:
        try:
            queries = {query.id: query for query in asked(row["body"])}
        except Invalid:
            queries = {}
        if open is None:
            open = found = queries
        open = {id: query for id, query in open.items() if id in queries}
        if not open:
            break
        since.update(dict.fromkeys(open, ms(row["published_at"]) or 0))
    return [_counted(query, since[id], horizon_ms) for id, query in found.items()]


def _counted(query: Query, since: int, horizon_ms: int) -> Counted:
    return Counted(query.kind, query.name, since, since - horizon_ms if query.kind == EVENT else since)
