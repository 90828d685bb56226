"""How a run leaves a step, rests, and ends.

- Coming to a step again with no input used and no timer fired in between ends it with `loop` (R51).
- After 100 steps it goes on in the next round (R14).
"""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.journey.customer import ACTIVE, ASKING, DEFERRED, Aim, Run
from laudstream.journey.live import LiveJourney
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.work import Work

STEPS_A_ROUND = 100
CONTEXT_BYTES = 32 * 1024
CONTEXTS_BYTES = 256 * 1024
"""Of all runs of a customer: a core record stays below 512 KB."""
MOST_AIMS = 100
USED = 50
"""Used inputs that a run remembers."""

Found = tuple[Run, LiveJourney, Journey]
"""A run with its journey and its version."""


class Left(msgspec.Struct, frozen=True, gc=False):
    """A way out of a step."""

    branch: str
    to: str
    data: dict[str, Any]
    at: int


def move(work: Work, run: Run, left: Left) -> bool:
    """Takes the run to its next step; whether it may go further now."""
    to, at = left.to, left.at
    work.decide("moved", run, at, to=to, branch=left.branch, data=left.data)
    run.step = to
    run.visit += 1
    run.arrived_at = at
    if run.status != ACTIVE:  # to look costs less than to set
        run.status = ACTIVE
    if run.wake_at:
        run.wake_at = 0
    if run.progress:
        run.progress = ()
    if run.wanted_at:
        run.wanted_at = 0
    if run.attempt:
        run.attempt = 0
    trail = run.trail
    if to in trail:
        end(work, run, at, reason=Reason.LOOP)
        return False
    run.trail = trail = (*trail, to)
    if work.trails is not None:
        work.trails[run.id] = trail
    if len(trail) % STEPS_A_ROUND == 0:
        run.wake_at = at
        work.yielded |= {run.id}
        return False
    return True


def rest(run: Run, wake_at: int) -> None:
    run.wake_at = wake_at
    run.trail = ()


def end(
    work: Work, run: Run, at: int, *, outcome: str = "", reason: str = "", data: dict[str, Any] | None = None
) -> None:
    if run.status == ASKING or not run.step:  # it had not entered (R55), though it may have failed since
        found = {**(data or {}), "outcome": outcome} if outcome else data
        work.decide("not_entered", run, at, reason=reason or Reason.ALREADY_OUT, data=found)
        work.remove(run)
        return
    if run.status == DEFERRED:  # recorded with the end, and no refusal (R39)
        data = {**(data or {}), "deferred": run.step}
    work.decide("ended", run, at, outcome=outcome, reason=reason, data=data)
    if run.goal_until and run.goal_until > work.moment.now and reason not in NO_GOAL:
        _aim(work, run)
    if work.wants:
        work.wants = [want for want in work.wants if want.run_id != run.id]
    work.remove(run)


NO_GOAL = (Reason.RESTARTED, Reason.MERGED, Reason.DELETED)
"""Ends after which a goal counts no more (R47)."""


def _aim(work: Work, run: Run) -> None:
    """The goal of a run that ends stays open until its window ends."""
    now = work.moment.now
    open = [aim for aim in work.core.goals if aim.until > now]
    open.append(
        Aim(
            run.id, run.journey, run.version, run.entered_at, run.goal_until, run.step, run.visit, run.key,
            run.key_name, run.entry.mark, run.arms,
        )
    )  # fmt: skip
    if len(open) > MOST_AIMS:
        work.decide("limit", run, now, reason=Reason.LIMIT, data={"which": "open goals"})
    work.core.goals = tuple(open[-MOST_AIMS:])


def keep_event(work: Work, run: Run, event: dict[str, Any], at: int) -> None:
    """`steps.<id>.event` is what ended the wait (R25), as far as the limits allow."""
    size = size_of(event)
    others = sum(other.size for other in work.runs)
    if run.size + size > CONTEXT_BYTES or others + size > CONTEXTS_BYTES:
        work.decide("limit", run, at, reason=Reason.LIMIT, data={"which": "run context"})
        event, size = {}, 1
    run.size += size
    known = run.steps.get(run.step)
    kept = {"event": event} if known is None or "events" not in known else {"event": event, "events": known["events"]}
    run.steps = {**run.steps, run.step: kept}


def use(work: Work, run: Run, properties: dict[str, Any], mark: bytes, at: int) -> None:
    """An input ends the wait that the run is at, and never another visit of it (R28)."""
    if mark:
        run.used = (*run.used, (run.step, mark))[-USED:]
    keep_event(work, run, properties, at)


def packed(properties: dict[str, Any]) -> msgspec.Raw:
    """A mapping as it stands in a state record."""
    return msgspec.Raw(_pack(properties))


def size_of(properties: dict[str, Any]) -> int:
    """Bytes that a mapping takes in a state record."""
    return len(_pack(properties)) if properties else 1


_pack = msgspec.msgpack.Encoder().encode
