"""What a run keeps for waits that look back: `since: entry`, or for a time (R5, R27).

Only of versions that have such a wait, only what one of them listens to, and within limits: the oldest goes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from laudstream.customers.event import Event
from laudstream.journey.customer import Kept, Run
from laudstream.journey.durations import Duration
from laudstream.journey.matching import Change, Heard, News
from laudstream.journey.moves import CONTEXT_BYTES, packed
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.work import Work

MOST = 50
BYTES = 16 * 1024
EVENT, DELIVERY, CHANGED = "", "delivery", "changed"


def note(work: Work, run: Run, version: Journey, heard: Heard) -> None:
    """Keeps an input for the waits of a run that may come; `run` is ours to change."""
    keeps, now, mark = version.keeps, work.moment.now, work.mark
    if keeps is None:
        return
    if isinstance(heard, Event):
        if heard.name not in keeps.events or run.entry.mark == mark:
            return
        kept = Kept(heard.name, packed(heard.properties), heard.timestamp, now, mark)
    elif isinstance(heard, News):
        if not keeps.deliveries or any(other.mark == mark for other in run.past):
            return
        kept = Kept(heard.kind, packed(heard._asdict()), 0, now, mark, DELIVERY)
    else:
        kept = Kept(heard.path, packed({"old": heard.old, "new": heard.new}), 0, now, b"", CHANGED)
    past = [*run.past, kept]
    if keeps.spans:
        zone = work.zone(version)
        past = [other for other in past if any(within(span, other.at, now, zone) for span in keeps.spans)]
    sizes, limited = sum(_size(other) for other in past), False
    while past and (len(past) > MOST or sizes > BYTES or run.size - _sizes(run) + sizes > CONTEXT_BYTES):
        sizes -= _size(past.pop(0))
        limited = True
    if limited:
        work.decide("limit", run, now, reason=Reason.LIMIT, data={"which": "inputs kept for a wait"})
    run.size += sizes - _sizes(run)
    run.past = tuple(past)


def since(work: Work, run: Run, version: Journey, span: Duration | None, at: int) -> Iterator[tuple[Kept, Heard]]:
    """What is kept since the entry, or since `span` before `at` (ms)."""
    zone = work.zone(version)
    for kept in run.past:
        if span is None or within(span, kept.at, at, zone):
            yield kept, _heard(kept)


def within(span: Duration, then: int, now: int, zone: tzinfo) -> bool:
    """What happened at t is within P up to, but not including, t + P, counted forwards (R32)."""
    return span.add(then, zone) > now


def _heard(kept: Kept) -> Heard:
    if kept.kind == DELIVERY:
        return News(**kept.properties)
    if kept.kind == CHANGED:
        return Change(kept.name, kept.properties["old"], kept.properties["new"])
    return Event("", "track", kept.name, kept.properties, kept.timestamp)


def _size(kept: Kept) -> int:
    return len(kept.packed) + len(kept.name) + 20


def _sizes(run: Run) -> int:
    return sum(_size(kept) for kept in run.past)
