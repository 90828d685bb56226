"""Goals: counted once per run within their window, also after the run has ended (R16, R47).

An open goal of a run that is there is in the run; of one that ended, as an `Aim` in the core until the window ends.
"""

from __future__ import annotations

from typing import Any

from laudstream.customers.event import Event
from laudstream.journey.customer import FAILED, Aim, Entered, Run
from laudstream.journey.live import Space
from laudstream.journey.matching import meets
from laudstream.journey.moves import Found, end, packed
from laudstream.journey.steps import Goal, Journey
from laudstream.journey.work import Work

OUTCOME = "goal"


def begin(work: Work, run: Run, version: Journey) -> None:
    """The window of a run begins with its entry."""
    if version.goal is not None:
        run.goal_until = version.goal.within.add(run.entered_at, work.zone(version))


def carry(work: Work, run: Run, old: Journey | None, version: Journey) -> None:
    """The run goes on in another version (R48): the goal of that one counts, from its entry on, if the run has not
    reached the goal of the version before."""
    reached = old is not None and old.goal is not None and not run.goal_until
    run.goal_until = 0
    if not reached:
        begin(work, run, version)


def awaited(aims: tuple[Aim, ...], name: str, space: Space) -> bool:
    """Whether an event of that name may be the goal of a run that has ended."""
    for aim in aims:
        goal = _goal(space, aim)
        if goal is not None and goal.on is not None and goal.on.name == name:
            return True
    return False


def reach_all(work: Work, listening: list[Found], event: Event | None) -> None:
    """Tests the goals of present runs and of those that have ended; None: attributes may have changed."""
    for run, _, version in listening:
        if version.goal is not None:
            present = work.present(run.id)
            if present is not None:
                _guarded(work, present, version, event)
    if work.core.goals:
        _reach_ended(work, event)


def _guarded(work: Work, run: Run, version: Journey, event: Event | None) -> None:
    try:
        reach(work, run, version, event)
    except MemoryError:
        raise
    except Exception as error:
        work.park(run, error)


def reach(work: Work, run: Run, version: Journey, event: Event | None) -> None:
    """Tests the goal of a present run."""
    goal = version.goal
    if goal is None or run.status == FAILED or not work.moment.now < run.goal_until:
        return
    data = _met(work, run, version, goal, event)
    if data is None:
        return
    mine = work.own(run)
    mine.goal_until = 0
    work.decide("goal", mine, work.moment.now, data={**data, **({"arms": run.arms} if run.arms else {})})
    if goal.ends:
        end(work, mine, work.moment.now, outcome=OUTCOME)


def _reach_ended(work: Work, event: Event | None) -> None:
    now, open = work.moment.now, []
    for aim in work.core.goals:
        live = work.journeys.get(aim.journey)
        version = live.versions.get(aim.version) if live is not None else None
        if version is None or version.goal is None or now >= aim.until:
            continue
        entry = Entered("", packed({}), aim.entered_at, aim.mark)
        run = Run(aim.run, aim.journey, aim.version, aim.entered_at, entry, aim.step, aim.key, aim.key_name, aim.visit)
        data = _met(work, run, version, version.goal, event)
        if data is None:
            open.append(aim)
        else:
            work.decide("goal", run, now, data={**data, **({"arms": aim.arms} if aim.arms else {})})
    if len(open) < len(work.core.goals):
        work.core.goals = tuple(open)


def _met(work: Work, run: Run, version: Journey, goal: Goal, event: Event | None) -> dict[str, Any] | None:
    """What was looked at if the goal is met. The input that started the run is none (R22)."""
    if goal.condition is not None:
        scope = work.scope(run)
        used = bool(work.mark) and run.entry.mark == work.mark
        return goal.condition.looked_at(scope) if not used and goal.condition.test(scope) else None
    if goal.on is None or event is None or run.entry.mark == work.mark or not meets(work, run, version, goal.on, event):
        return None
    data: dict[str, Any] = {"event": event.name}
    if goal.on.where is not None:
        data |= goal.on.where.looked_at(work.scope(run, event.properties))
    value = event.properties.get(goal.value) if goal.value else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        data["value"] = value
    return data


def _goal(space: Space, aim: Aim) -> Goal | None:
    live = space.journeys.get(aim.journey)
    version = live.versions.get(aim.version) if live is not None else None
    return version.goal if version is not None else None
