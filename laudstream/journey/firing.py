"""What happens when the timer of a run is due."""

from __future__ import annotations

from laudstream.journey import sends
from laudstream.journey.customer import DEFERRED, Run
from laudstream.journey.kinds import OF
from laudstream.journey.steps import Journey
from laudstream.journey.walking import take, walk
from laudstream.journey.work import Work


def fire(work: Work, run: Run, version: Journey, at: int) -> None:
    """The timer of a run is due; `at`: when that counts as having happened, ms."""
    if run.late_at and run.late_at == run.due:
        sends.ask_late(work, run, version, run.late_at)
        return
    run.wake_at = 0
    step = version.steps[run.step]
    kind = OF[type(step)]
    if run.trail:  # it took 100 steps and goes on
        walk(work, run, version, at)
    elif run.status == DEFERRED:
        sends.ask_again(work, run, version)
    elif kind.fires is not None:
        left = kind.fires(work, run, version, step, at)
        if left is not None:
            take(work, run, version, left, None, b"")
    elif kind.due is not None:
        take(work, run, version, kind.due(step, at), None, b"")
