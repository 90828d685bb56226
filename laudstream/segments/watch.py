"""What a workspace watches: which tallies an input adds to, and which segments it can change.

Made anew whenever a definition changes, so that an input looks up what it touches and evaluates nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from laudstream.conditions.needs import Needs, Tracker
from laudstream.conditions.tally import EVENT, MESSAGE, Query
from laudstream.segments.definition import Segment, circle

Ids = tuple[str, ...]


class Live(msgspec.Struct, frozen=True, gc=False):
    """A live segment."""

    segment: Segment
    version: int
    seq: int
    """Control record of its last change."""
    since: int
    """When its version was published, ms."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    live: Live
    rank: int
    """Greater than those of all segments that it names."""


class Watch(msgspec.Struct, frozen=True, gc=False):
    segments: dict[str, Placed] = {}
    queries: dict[str, Query] = {}
    since: dict[str, int] = {}
    """Query or tracker -> from when it is asked, ms."""
    events: dict[str, tuple[Query, ...]] = {}
    deliveries: dict[str, tuple[Query, ...]] = {}
    """By kind."""
    runs: dict[str, tuple[Query, ...]] = {}
    """By journey."""
    trackers: dict[str, tuple[Tracker, ...]] = {}
    """By attribute."""
    by_attribute: dict[str, Ids] = {}
    by_tally: dict[str, Ids] = {}
    """Query or tracker -> segments."""
    by_consent: dict[str, Ids] = {}
    by_journey: dict[str, Ids] = {}
    """Journey whose runs under way are asked for -> segments."""
    above: dict[str, Ids] = {}
    """Segment -> those that name it."""
    zoned: Ids = ()
    """Segments that go by local time."""
    attributes: frozenset[str] = frozenset()
    """Whose changes anyone watches."""
    own: bool = False
    """Whether anyone asks about runs."""
    seq: int = 0
    """Control record of the last change that customers are looked at for."""
    zone_seq: int = 0
    """Control record of the workspace's zone."""


EMPTY = Watch()


def made(segments: Mapping[str, Live], journeys: Iterable[tuple[Needs, int]], seq: int, zone_seq: int) -> Watch:
    """`journeys`: what each version needs, and when it was published (ms)."""
    rank = ranks({id: live.segment.names for id, live in segments.items()})
    order = sorted(rank, key=lambda id: (rank[id], id))
    placed = {id: Placed(segments[id], rank) for rank, id in enumerate(order)}
    queries: dict[str, Query] = {}
    trackers: dict[str, Tracker] = {}
    since: dict[str, int] = {}
    asked = [*journeys]
    by: dict[str, dict[str, list[str]]] = {kind: {} for kind in ("attribute", "tally", "consent", "journey", "above")}
    zoned = []
    for id in order:
        condition = segments[id].segment.condition
        if condition is None:
            continue
        needs = condition.needs
        asked.append((needs, segments[id].since))
        tallies = [*(query.id for query in needs.queries), *(tracker.id for tracker in needs.trackers)]
        for kind, names in (
            ("attribute", needs.attributes), ("tally", tallies), ("consent", needs.consents),
            ("journey", needs.journeys), ("above", needs.segments),
        ):  # fmt: skip
            for name in sorted(names):
                by[kind].setdefault(name, []).append(id)
        if needs.zoned:
            zoned.append(id)
    for needs, at in asked:
        for query in needs.queries:
            known = queries.get(query.id)
            if known is None or known.most < query.most:
                queries[query.id] = query
        trackers.update((tracker.id, tracker) for tracker in needs.trackers)
        for name in (*(query.id for query in needs.queries), *(tracker.id for tracker in needs.trackers)):
            since[name] = min(at, since.get(name, at))
    events, deliveries, runs = _grouped(queries)
    followed: dict[str, list[Tracker]] = {}
    for id in sorted(trackers):
        followed.setdefault(trackers[id].attribute, []).append(trackers[id])
    fixed = {kind: {name: tuple(ids) for name, ids in found.items()} for kind, found in by.items()}
    watched = {*fixed["attribute"], *followed, *(("timezone",) if zoned else ())}
    return Watch(
        placed, queries, since, events, deliveries, runs, {name: tuple(each) for name, each in followed.items()},
        fixed["attribute"], fixed["tally"], fixed["consent"], fixed["journey"], fixed["above"], tuple(zoned),
        frozenset(watched), bool(runs or fixed["journey"]), seq, zone_seq,
    )  # fmt: skip


def _grouped(queries: dict[str, Query]) -> tuple[dict[str, tuple[Query, ...]], ...]:
    events: dict[str, list[Query]] = {}
    deliveries: dict[str, list[Query]] = {}
    runs: dict[str, list[Query]] = {}
    for id in sorted(queries):
        query = queries[id]
        if query.kind == EVENT:
            events.setdefault(query.name, []).append(query)
        elif query.kind == MESSAGE:
            deliveries.setdefault(query.name, []).append(query)
        else:
            runs.setdefault(query.filters["journey"], []).append(query)
    return tuple({name: tuple(each) for name, each in found.items()} for found in (events, deliveries, runs))


def ranks(names: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """1 more than the highest of those that it names. Segments that name each other in a circle have none: publishing
    refuses them, and if two were published at once they are in nobody's way and hold nobody."""
    found: dict[str, int] = {}
    for id in sorted(names):
        pending = [] if names[id] and circle(names, id) else [id]
        while pending:
            here = pending[-1]
            below = [other for other in sorted(names[here]) if other in names and not circle(names, other)]
            missing = [other for other in below if other not in found]
            if missing:
                pending += missing
            else:
                found[here] = 1 + max((found[other] for other in below), default=0)
                pending.pop()
    return found
