"""What happens when the timer of a run is due."""

from __future__ import annotations

from laudstream.journey import sends
from laudstream.journey.customer import DEFERRED, REQUESTED, Run
from laudstream.journey.moves import Left, take, walk
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import DelayStep, Journey, MessageStep, WaitStep
from laudstream.journey.work import Work


def fire(work: Work, run: Run, version: Journey, at: int) -> None:
    """The timer of a run is due; `at`: when that counts as having happened, ms."""
    if run.late_at and run.late_at == run.due:
        sends.ask_late(work, run, version, run.late_at)
        return
    run.wake_at = 0
    step = version.steps[run.step]
    if run.trail:  # it took 100 steps and goes on
        walk(work, run, version, at)
    elif isinstance(step, DelayStep):
        take(work, run, version, Left("next", step.next, {}, at), None, b"")
    elif isinstance(step, WaitStep):
        take(work, run, version, Left("timeout", step.timeout, {}, at), None, b"")
    elif run.status == REQUESTED and isinstance(step, MessageStep):
        take(work, run, version, Left("sent", step.sent, {"reason": Reason.UNDELIVERED}, at), None, b"")
    elif run.status == DEFERRED:
        sends.ask_again(work, run, version)
