"""Attributes changed: the instants that read them are computed again (R31). Durations are not."""

from __future__ import annotations

from laudstream.journey.customer import ACTIVE, Held, Run
from laudstream.journey.kinds import OF
from laudstream.journey.steps import Journey
from laudstream.journey.walking import take
from laudstream.journey.work import Work

LOOK_AGAIN = Held("", "")
"""Of a run in a pause: on resume its instant is computed again, unless a branch was satisfied first (R49)."""


def concerned(work: Work, run: Run, version: Journey) -> bool:
    """Whether the run rests until an instant that reads an attribute which this input has changed."""
    names = version.reads.get(run.step)
    if names is None or run.status != ACTIVE or run.trail or work.attributes is work.before.attributes:
        return False
    before, after = work.before.attributes, work.attributes
    return any(before.get(name) != after.get(name) for name in names)


def again(work: Work, run: Run, version: Journey, moves: bool) -> None:
    """Computes the instant of a run anew (`run` is the private copy), as of the present input."""
    if run.held is not None and run.held.to:
        return
    if not moves:
        run.held = LOOK_AGAIN
        return
    run.held = None
    step = version.steps[run.step]
    compute = OF[type(step)].again
    left = compute(work, run, version, step, work.moment.now) if compute is not None else None
    if left is not None:
        take(work, run, version, left, None, b"")
