"""When a condition can move a run by time alone (R29)."""

from __future__ import annotations

from laudstream.journey.customer import FAILED, Run
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.work import Work


def ahead(work: Work) -> None:
    """Puts into each run when a condition of its wait, of its exits or of its goal can change next."""
    for run in tuple(work.runs):
        try:
            due = _look_at(work, run)
        except MemoryError:
            raise
        except Exception as error:
            work.park(run, error)
            continue
        if due != run.look_at:
            work.own(run).look_at = due


def _look_at(work: Work, run: Run) -> int:
    found = work.version_of(run)
    if found is None or run.status == FAILED or run.step not in found[1].timed:
        return 0
    version = found[1]
    conditions = [rule.condition for rule in version.exits]
    step = version.steps.get(run.step)
    if isinstance(step, WaitStep) and run.held is None:
        conditions += [branch.condition for branch in step.branches]
    if version.goal is not None and run.goal_until:
        conditions.append(version.goal.condition)
    scope = work.scope(run)
    following = [condition.next_change(scope) for condition in conditions if condition is not None]
    return min((at for at in following if at), default=0)
