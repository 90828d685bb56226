"""What a migration does to the runs of a customer (R48).

A migration holds from its place in the log: it moves each run from where the run was then. A lane reads control
first, so inputs and timers of before are still handled as if it were not there; the first input, timer or touch at or
after its time does its part, once. Of this a customer keeps the number of the last map that it was looked at for, as
long as it has a run that is older than that map.
"""

from __future__ import annotations

from typing import Any

from laudstream.journey import goals
from laudstream.journey.case import next_late
from laudstream.journey.customer import ACTIVE, ASKING, DEFERRED, FAILED, Core, Run
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.listening import exit_rule
from laudstream.journey.live import LiveJourney
from laudstream.journey.migration import EXIT, STAY, Migration, goes
from laudstream.journey.moves import end
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.telling import guarded
from laudstream.journey.walking import walk
from laudstream.journey.work import Work

MARK = "/migrate"
"""Behind the journey's id: where `Core.swept` keeps the number of the last map."""


def waits(core: Core, live: LiveJourney, now: int) -> bool:
    """Whether runs of the journey are still to be looked at for a migration, as of `now` (ms)."""
    if not live.moves or not live.migrations:
        return False
    last = core.swept.get(live.id + MARK, 0)
    pending = [each for each in live.migrations if each.number > last and each.at <= now]
    return any(run.journey == live.id and run.entered_at < each.at for each in pending for run in core.runs)


def any_waits(core: Core, journeys: dict[str, LiveJourney], now: int) -> bool:
    """The same of all journeys that the customer has runs in."""
    for run in core.runs:
        live = journeys.get(run.journey)
        if live is not None and run.entered_at < live.migrated_at and waits(core, live, now):
            return True
    return False


def settle(work: Work) -> None:
    """Takes the runs of the customer through the migrations that they have not been looked at for."""
    found = {run.journey: None for run in work.runs}
    for id in found:
        live = work.journeys.get(id)
        if live is not None and live.migrations and live.moves:
            _through(work, live)


def caught_up(work: Work, run: Run, theirs: dict[str, int], ours: dict[str, int]) -> None:
    """Takes a run that came from another customer through the migrations that this one was looked at for and that one
    was not (R50). `theirs`, `ours`: `Core.swept` of both before."""
    live, name = work.journeys.get(run.journey), run.journey + MARK
    last, done = theirs.get(name, 0), ours.get(name, 0)
    if live is None or last >= done:  # others are settled
        return
    if not live.moves:
        work.core.swept = {**work.core.swept, name: last}
        return
    for each in live.migrations:
        mine = work.present(run.id)
        if mine is not None and last < each.number <= done and run.entered_at < each.at and mine.version != each.to:
            _lead(work, live, each, mine)


def marks(work: Work) -> dict[str, int]:
    """The marks of migrations that still mean something: of journeys that the customer has runs in."""
    of = {run.journey + MARK for run in work.runs}
    return {name: number for name, number in work.core.swept.items() if name in of}


def _through(work: Work, live: LiveJourney) -> None:
    now, swept = work.moment.now, work.core.swept
    last = swept.get(live.id + MARK, 0)
    pending = [each for each in live.migrations if each.number > last and each.at <= now]
    for each in pending:
        for run in tuple(work.runs):
            if run.journey == live.id and run.entered_at < each.at and run.version != each.to:
                _lead(work, live, each, run)
    if not pending:
        return
    newest = max(pending, key=lambda each: each.at)
    others = {name: number for name, number in swept.items() if name != live.id + MARK}
    if any(run.journey == live.id and run.entered_at < newest.at for run in work.runs):
        others[live.id + MARK] = pending[-1].number
    if others != swept:
        work.core.swept = others


def _lead(work: Work, live: LiveJourney, migration: Migration, run: Run) -> None:
    """Failed runs stay parked; a run that asks for its place is at no step, and begins on the version it asked for."""
    version = live.versions.get(migration.to)
    to = goes(migration.steps, run.step)
    if version is None or to == STAY or run.status in (FAILED, ASKING):
        return
    if to == EXIT:
        guarded(work, run, _leave, migration)
    else:
        guarded(work, run, _move, migration, version, to)


def _leave(work: Work, run: Run, migration: Migration) -> None:
    end(work, run, work.moment.now, reason=Reason.MIGRATED, data={"migration": migration.number})


def _move(work: Work, run: Run, migration: Migration, version: Journey, to: str) -> None:
    """The run comes to a step of another version, as of now; what it carries stays with it."""
    now, data = work.moment.now, dict[str, Any](of=run.version, migration=migration.number)
    if run.status == DEFERRED:  # its message ends, and is no refusal (R39)
        data["deferred"] = run.step
    old = work.journeys[run.journey].versions.get(run.version)
    run.version = migration.to
    work.decide("migrated", run, now, to=to, data=data)
    work.wants = [want for want in work.wants if want.run_id != run.id]
    run.step, run.arrived_at, run.trail = to, now, (to,)
    run.visit += 1
    run.status, run.wake_at, run.progress, run.attempt, run.wanted_at, run.held = ACTIVE, 0, (), 0, 0, None
    run.messages = tuple(each for each in run.messages if isinstance(version.steps.get(each.step), MessageStep))
    run.late_at = next_late(run.messages)
    goals.carry(work, run, old, version)
    met = exit_rule(work, run, version, None)
    if met is not None:
        end(work, run, now, outcome=met[0], data=met[1])
    else:
        walk(work, run, version, now)
