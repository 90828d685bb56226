"""Tallies and segments of a customer under an input: what is counted, and who enters or leaves.

An input is added to the attributes, the tallies and the segments before anything else looks at them (R21). Only the
segments that it touches are evaluated, in an order in which a segment comes after those that it names. A change that
an input, time or consent brings about fires entries; one that a definition brings about does not (R35). The unit of
failure is a segment: one that raises keeps what it was, and is named (A6).
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec

from laudstream.conditions import Scope
from laudstream.conditions.events import BY_PEOPLE
from laudstream.conditions.operators import same
from laudstream.conditions.tally import MACHINE, MESSAGE, NOTHING, Query, Tally, counted, of_starts
from laudstream.customers.event import Event
from laudstream.journey.decision import Decision
from laudstream.journey.pins import base_of
from laudstream.journey.reasons import Reason
from laudstream.journey.work import Work
from laudstream.messages.delivery import Delivery
from laudstream.segments.watch import Placed

TALLY_BYTES = 384 * 1024
"""Of all tallies of a customer: their record stays below 512 KB."""
_MEASURED_EVERY = 64
_FEW = 200
"""Tallies up to which their size is measured now and then only."""

_pack = msgspec.msgpack.Encoder().encode


def known(work: Work) -> bool:
    """Whether there is a customer; nobody is in no segment."""
    return bool(work.core.row.born or work.core.writes)


def catch_up(work: Work) -> None:
    """Looks at the customer as it is before the input, for what was published since it was last looked at; this fires
    no entry."""
    watch, core = work.space.watch, work.core
    if core.judged == watch.seq or not known(work):
        return
    since, core.judged = core.judged, watch.seq
    tallies = {id: tally for id, tally in work.tallies.items() if id in watch.since}
    for id, tally in _seeds(work, fresh=False).items():
        tallies.setdefault(id, tally)
    if tallies != work.tallies:
        work.tallies = tallies
    touched = {id for id, placed in watch.segments.items() if placed.live.seq > since}
    if watch.zone_seq > since:
        touched.update(watch.zoned)
    for id in sorted(core.segments):
        if id not in watch.segments:
            _leave(work, id, "definition")
    core.ticks = {id: tick for id, tick in core.ticks.items() if id in watch.segments}
    evaluate(work, touched, "definition", fires=False)


def _seeds(work: Work, *, fresh: bool) -> dict[str, Tally]:
    """What can be known of the time before a question was asked."""
    watch, found = work.space.watch, {}
    for trackers in watch.trackers.values():
        for tracker in trackers:
            if tracker.holds and tracker.id not in work.tallies:
                at = work.now if fresh else min(watch.since[tracker.id], work.now)
                found[tracker.id] = Tally(last=at if tracker.value(work.attributes) else 0, since=at)
    for journey, queries in watch.runs.items():
        starts = sorted(work.core.memory.get(journey, {}).values())
        for query in queries:
            if starts and query.name == "entered" and query.id not in work.tallies:
                found[query.id] = of_starts(query, starts, watch.since[query.id])
    return found


def put(work: Work, touched: set[str], because: str) -> bool:
    """Evaluates what an input touched; whether any segment changed. A customer whom the input has made is looked at for
    all."""
    watch, core = work.space.watch, work.core
    if core.judged != watch.seq and known(work):
        core.judged = watch.seq
        work.tallies = {**_seeds(work, fresh=True), **work.tallies}
        touched = touched | watch.segments.keys()
    return bool(touched) and known(work) and evaluate(work, touched, because, fires=not work.silent)


# What an input touches


def attributes(work: Work, before: dict[str, Any]) -> set[str]:
    """Segments that a change of the attributes touches; instants of changes are kept. The same value again is no change
    (R29)."""
    watch, after = work.space.watch, work.attributes
    touched: set[str] = set()
    if after is before:
        return touched
    for name in sorted(watch.attributes & (before.keys() | after.keys())):
        old, new = before.get(name), after.get(name)
        if same(old, new):
            continue
        touched.update(watch.by_attribute.get(name, ()))
        if name == "timezone":
            touched.update(watch.zoned)
        for tracker in watch.trackers.get(name, ()):
            old, new = tracker.value(before), tracker.value(after)
            if same(old, new):
                continue
            since = watch.since[tracker.id]
            tally = Tally(last=0 if tracker.holds and not new else work.now, since=since)
            work.tallies = {**work.tallies, tracker.id: tally}
            touched.update(watch.by_tally.get(tracker.id, ()))
    return touched


def event(work: Work, happened: Event) -> set[str]:
    """Adds an event to the tallies; the segments that it touches."""
    at = min(happened.timestamp or work.now, work.now)
    scope = Scope(work.customer, work.attributes, {}, happened.properties, None, work)
    met = [query for query in work.space.counted.get(happened.name, ()) if _wants(work, query, scope)]
    return _count(work, met, at, happened.properties)


def _wants(work: Work, query: Query, scope: Scope) -> bool:
    try:
        return query.wants(scope)
    except MemoryError:
        raise
    except Exception as error:
        _failed(work, query.id, error)
        return False


def delivery(work: Work, told: Delivery) -> set[str]:
    """Adds a delivery to the tallies; the segments that it touches."""
    return _count(work, messages_asked(work, told), min(told.at or work.now, work.now), {})


def messages_asked(work: Work, told: Delivery) -> list[Query]:
    return [query for query in work.space.watch.deliveries.get(told.kind, ()) if _of_message(work, query, told)]


def _of_message(work: Work, query: Query, told: Delivery) -> bool:
    if told.machine and told.kind in BY_PEOPLE and MACHINE not in query.filters:
        return False
    for name, wanted in query.filters.items():
        if name == MACHINE:
            continue
        if name == "tag":
            live = work.journeys.get(told.journey)
            version = live.versions.get(told.version) if live is not None else None
            step = version.steps.get(told.step) if version is not None else None
            if wanted not in getattr(step, "tags", ()):
                return False
        elif getattr(told, name) != wanted:
            return False
    return query.kind == MESSAGE


def own(work: Work) -> set[str]:
    """Adds what runs did since it was last asked; the segments that it touches (R21)."""
    watch = work.space.watch
    touched: set[str] = set()
    made, work.seen = work.out[work.seen :], len(work.out)
    for item in made:
        if isinstance(item, Decision) and item.kind in _OF_RUNS:
            if item.kind != "goal":
                touched.update(watch.by_journey.get(item.journey, ()))
            word = _WORDS.get(item.kind) or ("completed" if item.outcome else "")
            met = [query for query in watch.runs.get(item.journey, ()) if _of_run(query, item, word)]
            touched |= _count(work, met, min(item.at, work.now), {})
    return touched


_OF_RUNS = ("entered", "ended", "failed", "goal")
_WORDS = {"entered": "entered", "goal": "converted"}


def _of_run(query: Query, decision: Decision, word: str) -> bool:
    return query.name == word and query.filters.get("outcome", decision.outcome) == decision.outcome


def _count(work: Work, met: Iterable[Query], at: int, properties: dict[str, Any]) -> set[str]:
    watch = work.space.watch
    touched: set[str] = set()
    for query in met:
        tally = work.tallies.get(query.id)
        if tally is None:
            tally = msgspec.structs.replace(NOTHING, since=min(watch.since[query.id], work.now))
        after, full = counted(tally, query, at, properties)
        if full:
            work.note("limit", reason=Reason.LIMIT, data={"which": "keys of a question", "query": query.id})
        if after is tally:
            continue
        work.tallies = {**work.tallies, query.id: after}
        touched.update(watch.by_tally.get(query.id, ()))
        if not after.total % _MEASURED_EVERY or len(work.tallies) > _FEW:
            limit(work)
    return touched


def limit(work: Work) -> None:
    """Forgets the older half of the largest tallies where all are too large (A7)."""
    while len(_pack(work.tallies)) > TALLY_BYTES:
        id = max(work.tallies, key=lambda name: (len(_pack(work.tallies[name])), name))
        tally = work.tallies[id]
        keys = dict(list(tally.keys.items())[(len(tally.keys) + 1) // 2 :])
        recent = tally.recent[(len(tally.recent) + 1) // 2 :]
        work.tallies = {**work.tallies, id: msgspec.structs.replace(tally, keys=keys, recent=recent, kept={})}
        work.note("limit", reason=Reason.LIMIT, data={"which": "tallies", "query": id})
        if not tally.keys and not tally.recent and not tally.kept:
            return


# Segments


def evaluate(work: Work, touched: Iterable[str], because: str, *, fires: bool) -> bool:
    """Whether any changed. What changes touches the segments above it."""
    watch = work.space.watch
    pending = [(watch.segments[id].rank, id) for id in touched if id in watch.segments]
    heapify(pending)
    queued = {id for _, id in pending}
    changed = False
    while pending:
        _, id = heappop(pending)
        if not _judge(work, watch.segments[id], because, fires):
            continue
        changed = True
        for above in watch.above.get(id, ()):
            if above not in queued:
                queued.add(above)
                heappush(pending, (watch.segments[above].rank, above))
    return changed


def _judge(work: Work, placed: Placed, because: str, fires: bool) -> bool:
    """Whether the customer entered or left the segment."""
    segment, core = placed.live.segment, work.core
    id, condition, tick = segment.id, segment.condition, 0
    try:
        if condition is None:
            holds = core.members.get(base_of(id), (False, 0))[0]
        else:
            scope = Scope(work.customer, work.attributes, {}, None, None, work)
            holds = condition.test(scope)
            tick = condition.next_change(scope) if condition.timers else 0
    except MemoryError:
        raise
    except Exception as error:
        _failed(work, id, error)
        return False
    if tick != core.ticks.get(id, 0):
        others = {name: at for name, at in core.ticks.items() if name != id}
        core.ticks = {**others, id: tick} if tick else others
    if holds == (id in core.segments):
        return False
    if not holds:
        _leave(work, id, because, fires)
        return True
    core.segments = {**core.segments, id: work.now}
    if fires:
        work.edges.append((id, "enter"))
    _told(work, id, placed.live.version, "entered", because)
    return True


def _leave(work: Work, id: str, because: str, fires: bool = False) -> None:
    core = work.core
    core.segments = {name: since for name, since in core.segments.items() if name != id}
    work.left |= {id}
    if fires:
        work.edges.append((id, "leave"))
    _told(work, id, work.segment_version(id), "left", because)


def _told(work: Work, id: str, version: int, change: str, because: str) -> None:
    data = {"segment": id, "version": version, "change": change, "because": because}
    work.note("segment", version=version, data=data)


def _failed(work: Work, id: str, error: Exception) -> None:
    work.core.ticks = {name: at for name, at in work.core.ticks.items() if name != id}
    work.note(
        "failed", reason=Reason.FAILED, data={"segment": id, "error": f"{type(error).__name__}: {error}"[:500]}
    )  # fmt: skip
    work.parked.append(id)
