"""A run walks from step to step until it rests, wants a message, or ends."""

from __future__ import annotations

from typing import Any

from laudstream.journey.customer import Run
from laudstream.journey.kinds import ARRIVE
from laudstream.journey.moves import Left, move, use
from laudstream.journey.steps import Journey
from laudstream.journey.work import Work


def walk(work: Work, run: Run, version: Journey, at: int) -> None:
    """`run` has just come to `run.step`."""
    while True:
        step = version.steps[run.step]
        left = ARRIVE[type(step)](work, run, version, step, at)
        if left is None or not move(work, run, left):
            return
        at = left.at


def take(work: Work, run: Run, version: Journey, left: Left, event: dict[str, Any] | None, mark: bytes) -> None:
    """The run leaves its step because an input satisfied a branch, or a timer fired."""
    run.held = None
    run.trail = () if work.trails is None else work.trails.get(run.id, ())
    if event is not None:
        use(work, run, event, mark, left.at)
    if move(work, run, left):
        walk(work, run, version, left.at)
