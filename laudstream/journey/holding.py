"""Experiments whose rest waits for the winner: the first customers of each arm are assigned, counted exactly over all
lanes; everyone else waits at the step for the winner, for at most a time (R45).

A customer asks once, however many of their runs stand there, and is assigned once. Who hashes to the holdout arm is in
nobody's way: that arm goes on without a place, and no winner takes it away.
"""

from __future__ import annotations

from laudstream.journey.customer import HOLDING, Run
from laudstream.journey.handoff import ARM, Release
from laudstream.journey.inputs import GrantInput
from laudstream.journey.kinds.experiment import ExperimentStep, assigned, chosen
from laudstream.journey.steps import Journey
from laudstream.journey.walking import take
from laudstream.journey.work import Work


def go_on(work: Work, run: Run, version: Journey) -> None:
    """A run that waits goes on if its customer has an arm by now, or the winner is known; `run` is ours to change."""
    step = version.steps[run.step]
    arm = chosen(work, step) if isinstance(step, ExperimentStep) else ""
    if arm and isinstance(step, ExperimentStep):
        take(work, run, version, assigned(work, run, step, arm, work.moment.now), None, b"")


def answer(work: Work, grant: GrantInput) -> None:
    """The quota of an arm has answered. A place that nobody of this customer waits for is given back; who gets none
    waits for the winner."""
    if not grant.granted:
        return
    experiment, _, arm = grant.of.removeprefix(ARM).rpartition("/")
    if experiment not in work.core.assignments and any(_waits(work, run, experiment, arm) for run in work.runs):
        work.core.assignments = {**work.core.assignments, experiment: arm}
    else:
        work.out.append(Release(work.workspace, grant.journey, grant.run, of=grant.of))


def _waits(work: Work, run: Run, experiment: str, arm: str) -> bool:
    found = work.version_of(run)
    step = found[1].steps.get(run.step) if found is not None else None
    return (
        run.status == HOLDING and isinstance(step, ExperimentStep) and step.id == experiment
        and arm in step.next and not chosen(work, step)
    )  # fmt: skip
