"""What control records asked for: runs of stopped journeys end, those of resumed ones go on, those that a migration
names go to another version, audiences enter."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from laudstream.customers.event import LEAVE, Event
from laudstream.journey import again, alarms, asking, entries, holding, migrating, signals
from laudstream.journey.customer import FAILED, HOLDING, Core, Run
from laudstream.journey.live import LiveJourney
from laudstream.journey.moves import Left, end
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.telling import guarded
from laudstream.journey.walking import take
from laudstream.journey.work import Work


def settle(work: Work) -> None:
    """Does what a control record asked for: ends runs of stopped journeys, moves resumed ones (R7, R49) and those that
    a migration names (R48)."""
    for run in tuple(work.runs):
        live = work.journeys.get(run.journey)
        if live is None:
            continue
        if live.ended(run.entered_at):
            end(work, run, work.moment.now, reason=Reason.STOPPED)
        elif run.held is not None and live.moves and run.status != FAILED:
            guarded(work, run, _resume, live.versions[run.version])
        elif run.granted and live.moves:
            guarded(work, run, asking.go, live.versions[run.version])
        elif run.status == HOLDING and live.moves:
            guarded(work, run, holding.go_on, live.versions[run.version])
    if work.space.migrated_at and work.runs:
        migrating.settle(work)
    if work.identity.until:  # what it was looked at for is on its way (R50)
        return
    for live in work.space.audiences:
        if belongs(work.core, live):
            current = {other.id for other in work.space.audiences}
            swept = {id: seq for id, seq in work.core.swept.items() if id in current or id.startswith("!")}
            work.core.swept = {**migrating.marks(work), **swept, live.id: live.status.audience[0]}
            enter(work, live, None)
    if work.space.signals:
        signals.hear(work, guarded_entry)


def belongs(core: Core, live: LiveJourney) -> bool:
    """Whether the customer is to be looked at for a journey: it was there when that was published, or the journey
    looks at all, and it was not looked at yet. In a pause nobody is (R49)."""
    seq, at = live.status.audience
    if not live.moves or not core.row.born or core.swept.get(live.id) == seq:
        return False
    return live.looks_at_all or core.row.created_at <= at


def _resume(work: Work, run: Run, version: Journey) -> None:
    held = run.held
    if held is not None and not held.to:
        again.again(work, run, version, True)
    elif held is not None:
        take(work, run, version, Left(held.branch, held.to, held.data, work.moment.now), held.event, held.mark)


def enter(work: Work, live: LiveJourney, event: Event | None) -> None:
    """By an event, or (None) because the customer is looked at."""
    if event is None:
        guarded_entry(work, live, None, alarms.look, work, live)
    else:
        act = entries.leave if event.type == LEAVE else entries.enter
        guarded_entry(work, live, event, act, work, live, event)


def enter_by(work: Work, live: LiveJourney, edges: Collection[tuple[str, str]]) -> None:
    """By changes of segments."""
    guarded_entry(work, live, None, entries.enter_segment, work, live, edges)


def guarded_entry(work: Work, live: LiveJourney, event: Event | None, act: Callable[..., None], *rest: Any) -> bool:
    """Whether it went without an error; one that fails is named, and disturbs nobody (A6)."""
    made = len(work.out)
    try:
        act(*rest)
        return True
    except MemoryError:
        raise
    except Exception as error:
        work.take_back(work.out[made:])
        nobody = Run("", live.id, live.status.live, work.moment.now, entries.entered(work, None), "")
        data = {"error": f"{type(error).__name__}: {error}"[:500]}
        work.decide("failed", nobody, work.moment.now, reason=Reason.FAILED, data=data)
        work.parked.append(live.id)
        return False
