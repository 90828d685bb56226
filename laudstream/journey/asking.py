"""Entries into a journey that takes a fixed number: the run is there from the question on, and begins with the answer.

While it asks it stands at no step. Exits, stop and deletion end it; events that its journey hears are kept for it, and
are heard once it has begun, as if it had begun at its entry (R18, R55).
"""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.customers.event import Event
from laudstream.journey import goals, past, sends
from laudstream.journey.customer import ASKING, FAILED, Kept, Run
from laudstream.journey.entering import begin
from laudstream.journey.firing import fire
from laudstream.journey.handoff import Release
from laudstream.journey.inputs import GrantInput
from laudstream.journey.listening import hear
from laudstream.journey.moves import packed
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.work import Work

KEPT = 50
KEPT_BYTES = 16 * 1024


def keep(work: Work, run: Run, version: Journey, event: Event) -> None:
    """Keeps an event for a run that asks, if any step of its journey could hear it."""
    if not any(event.name in heard for heard in version.hears.values()) or run.entry.mark == work.mark:
        return
    mine = work.own(run)
    kept = Kept(event.name, packed(event.properties), event.timestamp, work.moment.now, work.mark)
    size = len(kept.packed)
    if len(mine.kept) >= KEPT or mine.size + size > KEPT_BYTES:
        work.decide("limit", mine, work.moment.now, reason=Reason.LIMIT, data={"which": "inputs kept for an entry"})
        return
    mine.size += size
    mine.kept = (*mine.kept, kept)


def answer(work: Work, run: Run | None, grant: GrantInput) -> None:
    """The quota has answered; a place for a run that has ended or failed meanwhile is given back."""
    if grant.granted and (run is None or run.status == FAILED):
        work.out.append(Release(work.workspace, grant.journey, grant.run, of=grant.of))
    if run is None or run.status != ASKING:
        return
    mine = work.own(run)
    if not grant.granted:
        work.decide("not_entered", mine, work.moment.now, reason=Reason.FULL, data={"max_entries": grant.most})
        work.remove(mine)
        return
    mine.granted = True


def go(work: Work, run: Run, version: Journey) -> None:
    """A run that has got its place begins, as of its entry, and hears what was kept for it."""
    moment, mark, kept = work.moment, work.mark, run.kept
    run.kept = ()
    begin(work, run, version)
    sends.serve(work)
    try:
        for each in kept:
            _until(work, run.id, version, each.at)
            work.moment, work.mark = replace(moment, now=each.at), each.mark
            present = work.present(run.id)
            if present is None:
                return
            event = Event("", "track", each.name, each.properties, each.timestamp)
            past.note(work, present, version, event)
            goals.reach(work, present, version, event)
            present = work.present(run.id)
            if present is None:
                return
            hear(work, present, version, event, True)
            sends.serve(work)
    finally:
        work.moment, work.mark = moment, mark


def _until(work: Work, run_id: str, version: Journey, at: int) -> None:
    """Timers that were due before `at`."""
    while (run := work.present(run_id)) is not None and 0 < run.due < at and run_id not in work.yielded:
        fire(work, run, version, run.due)
        sends.serve(work)
