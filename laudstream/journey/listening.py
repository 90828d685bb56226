"""What runs hear: exit rules and the branches of waits, tested against an input (R6, R24, R26, R27)."""

from __future__ import annotations

from typing import Any

from laudstream.conditions import Condition, Get
from laudstream.conditions.operators import same
from laudstream.customers.event import Event
from laudstream.journey.collecting import gather
from laudstream.journey.counted import progress_of, put
from laudstream.journey.customer import FAILED, Counted, Held, Run
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.matching import (
    YOUNG_MS,
    Change,
    Heard,
    looked_at,
    meets,
    progressed,
    properties,
    satisfied,
    weight,
)
from laudstream.journey.moves import Found, Left
from laudstream.journey.steps import Exit, Journey, WaitBranch
from laudstream.journey.walking import take
from laudstream.journey.work import Work


def exit_rule(work: Work, run: Run, version: Journey, event: Event | None) -> tuple[str, dict[str, Any]] | None:
    """(outcome, values looked at) of the first exit rule that is met (R6)."""
    for rule in version.exits:
        if rule.on is not None and event is not None and meets(work, run, version, rule.on, event):
            data: dict[str, Any] = {"event": event.name}
            if rule.on.where is not None:
                data |= rule.on.where.looked_at(work.scope(run, event.properties))
            return rule.outcome, data
        if rule.condition is not None and rule.condition.test(work.scope(run)):
            return rule.outcome, rule.condition.looked_at(work.scope(run))
        if rule.leaves and rule.leaves in work.left:
            return rule.outcome, {"left": rule.leaves, "version": work.segment_version(rule.leaves)}
    return None


def hear(work: Work, run: Run, version: Journey, heard: Heard | None, moves: bool) -> None:
    """Tests the branches of a wait in their order against an input (R27); None: attributes may have changed. A paused
    run keeps what it finds (R49)."""
    step = version.steps[run.step]
    if run.status == FAILED or (run.held is not None and run.held.to) or not isinstance(step, WaitStep):
        return
    progress, used = run.progress, bool(work.mark) and _used(work, run)
    event = heard if type(heard) is Event else None
    if step.collect and event is not None and not used:
        run = work.own(run)
        gather(work, run, step.collect, event, work.moment.now)
    found: Left | None = None
    what: Heard | None = None
    for index, branch in enumerate(step.branches):
        if branch.condition is not None:
            found, what = _holds(work, run, branch, branch.condition), None
        elif not used:
            what = heard
            if branch.on is not None:  # by far the most
                adds = int(event is not None and meets(work, run, version, branch.on, event))
            else:
                what = heard if branch.changed is None else _changed(work, run, branch.changed, heard)
                adds = weight(work, run, version, branch, what) if what is not None else 0
            if what is None or not adds:
                continue
            if branch.count > 1 or branch.all_of:
                progress = _counted(progress or (0,) * len(step.branches), index, branch, adds)
                if not satisfied(branch, progress[index]):
                    continue
            found = Left(branch.name, branch.next, looked_at(work, run, branch, what), work.moment.now)
        if found is not None:
            break
    if found is None and progress is run.progress:
        return
    mine = work.own(run)
    mine.progress = progress
    if found is None:
        return
    ended = None if what is None else properties(what)
    if moves:
        take(work, mine, version, found, ended, work.mark)
    else:
        mine.held = Held(found.branch, found.to, found.data, ended, work.mark)


def _changed(work: Work, run: Run, of: tuple[str, Get], heard: Heard | None) -> Change | None:
    return change_of(work, run, of) if heard is None else None


def change_of(work: Work, run: Run, of: tuple[str, Get]) -> Change | None:
    """A value that is another one than runs were told of last (R29); of what runs wrote, only if the run was there
    before."""
    if work.was is None or (work.trails is not None and not _stood(work, run)):
        return None
    path, get = of
    scope = work.scope(run)
    new = get(scope)
    scope.attributes = work.was
    old = get(scope)
    return None if same(old, new) else Change(path, old, new)


def _stood(work: Work, run: Run) -> bool:
    return any((old.id, old.step, old.visit) == (run.id, run.step, run.visit) for old in work.before.core.runs)


def _used(work: Work, run: Run) -> bool:
    """Whether the input is used up for the wait that the run is at (R22, R28)."""
    return run.entry.mark == work.mark or bool(run.used and (run.step, work.mark) in run.used)


def count(counted: Counted, listening: list[Found], event: Event, mark: bytes, now: int) -> Counted | None:
    """`counted` after an event that only brings waits nearer to their number: what `hear` does to runs, without a Work.
    None: it may do more (R28)."""
    if event.timestamp and now - event.timestamp >= YOUNG_MS:
        return None
    name = event.name
    for run, _, version in listening:
        step = version.steps.get(run.step)
        if version.keeps is not None or version.goal is not None or run.key or run.held is not None:
            return None
        if version.exits and _may_end(version.exits, name):
            return None
        if type(step) is not WaitStep or (found := step.counts.get(name)) is None:
            return None
        if run.entry.mark == mark or (run.used and (run.step, mark) in run.used):
            continue
        index, needed = found
        before = progress_of(counted, run) if counted else run.progress
        number = before[index] + 1 if before else 1
        if number >= needed:
            return None
        branches = len(step.branches)
        if branches == 1:
            progress: tuple[int, ...] = (number,)
        else:
            before = before or (0,) * branches
            progress = (*before[:index], number, *before[index + 1 :])
        counted = put(counted, run.id, progress)
    return counted


def _may_end(rules: tuple[Exit, ...], name: str) -> bool:
    """Whether an event that changes no attribute and no segment may meet an exit rule."""
    for rule in rules:  # noqa: SIM110 - any() costs as much as all else of a count
        if rule.condition is not None or (rule.on is not None and rule.on.name == name):
            return True
    return False


def _holds(work: Work, run: Run, branch: WaitBranch, condition: Condition) -> Left | None:
    scope = work.scope(run)
    if not condition.test(scope):
        return None
    return Left(branch.name, branch.next, condition.looked_at(scope), work.moment.now)


def _counted(progress: tuple[int, ...], index: int, branch: WaitBranch, adds: int) -> tuple[int, ...]:
    """One input more for a branch (R28)."""
    counts = list(progress)
    counts[index] = progressed(branch, counts[index], adds)
    return tuple(counts)
