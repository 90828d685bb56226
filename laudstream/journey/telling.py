"""Who hears of an input, and in which order: exits of all runs, goals, the branches of waits (R6, R21).

A run that raises parks; nobody else is disturbed (A6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from laudstream.customers.event import Event
from laudstream.journey import again, asking, goals, past
from laudstream.journey.customer import ASKING, FAILED, Run
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.listening import change_of, exit_rule, hear
from laudstream.journey.live import LiveJourney
from laudstream.journey.matching import Heard, news_of
from laudstream.journey.moves import Found, end
from laudstream.journey.steps import Journey
from laudstream.journey.work import Work
from laudstream.messages.delivery import Delivery


def guarded(work: Work, run: Run, act: Callable[..., Any], *rest: Any) -> None:
    """Acts on the private copy of a run; an error parks it (A6)."""
    mine = work.own(run)
    try:
        act(work, mine, *rest)
    except MemoryError:
        raise
    except Exception as error:
        work.park(mine, error)


def movable(work: Work) -> list[Found]:
    """The runs that inputs concern, the oldest first, as they are before any of them moves."""
    found = []
    for run in work.runs:
        live = work.journeys.get(run.journey)
        version = live.versions.get(run.version) if live is not None else None
        if live is not None and version is not None and run.status != FAILED:
            found.append((run, live, version))
    return found


def concerned(work: Work, event: Event | None, *, levels: bool) -> list[Found]:
    """The runs that listen to the event, or to attributes if those changed (R6, R21)."""
    return [
        found
        for found in movable(work)
        if (event is not None and found[2].listens(found[0].step, event.name))
        or (levels and (found[0].step in found[2].levels or found[0].status == ASKING))
        or (levels and again.concerned(work, found[0], found[2]))
    ]


def tell(work: Work, listening: list[Found], event: Event | None) -> None:
    """Exits of all runs, then goals, then branches (R6, R21)."""
    aims = bool(work.core.goals)
    for run, _, version in listening:
        if version.exits:
            _guarded_exit(work, run, version, event)
        aims = aims or version.goal is not None
    if aims:
        goals.reach_all(work, listening, event)
    changed = work.attributes is not work.before.attributes
    for run, live, version in listening:
        if run.status == ASKING:
            if event is not None and work.present(run.id) is not None:
                asking.keep(work, run, version, event)
            continue
        if version.keeps is not None:
            _note(work, run, version, event)
        step = version.steps.get(run.step)  # None: a step that is not there; hearing it parks the run
        if step is None or isinstance(step, WaitStep):
            _guarded_hear(work, run, version, event, live.moves)
        if changed and (present := _still(work, run)) is not None and again.concerned(work, present, version):
            guarded(work, present, again.again, version, live.moves)


def _still(work: Work, run: Run) -> Run | None:
    """The run as it is now, if it has not left its step."""
    present = work.present(run.id)
    return present if present is not None and present.visit == run.visit else None


def _note(work: Work, run: Run, version: Journey, heard: Heard | None) -> None:
    """Keeps the input for waits that look back."""
    present, keeps = work.present(run.id), version.keeps
    if present is None or keeps is None or run.id not in {other.id for other in work.before.core.runs}:
        return  # it began with this input
    if heard is not None:
        guarded(work, present, past.note, version, heard)
        return
    for each in keeps.changes:
        change = change_of(work, present, each)
        if change is not None:
            guarded(work, present, past.note, version, change)


def tell_delivery(work: Work, run: Run, live: LiveJourney, version: Journey, delivery: Delivery) -> None:
    """A run that waits hears what became of one of its messages."""
    _guarded_hear(work, run, version, news_of(delivery), live.moves)


def _guarded_hear(work: Work, run: Run, version: Journey, event: Heard | None, moves: bool) -> None:
    """A run that hears nothing new is not copied."""
    present = work.present(run.id)
    if present is None:
        return
    try:
        hear(work, present, version, event, moves)
    except MemoryError:
        raise
    except Exception as error:
        work.park(present, error)


def _guarded_exit(work: Work, run: Run, version: Journey, event: Event | None) -> None:
    try:
        met = exit_rule(work, run, version, event)
    except MemoryError:
        raise
    except Exception as error:
        work.park(run, error)
        return
    if met is not None:
        end(work, run, work.moment.now, outcome=met[0], data=met[1])
