"""How a run comes to a step, rests there and leaves it. A step kind is a function and a line in ARRIVE.

- A run walks until it rests (a delay, a wait, a delivery to wait for), wants a message, or ends.
- Coming to a step again with no input used and no timer fired in between ends it with `loop` (R51).
- After 100 steps it goes on in the next round (R14).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from laudstream.conditions import Condition
from laudstream.conditions.tally import key_text
from laudstream.customers.event import Event
from laudstream.ids import share
from laudstream.journey.catalog import LiveJourney
from laudstream.journey.customer import ACTIVE, ASKING, DEFERRED, FAILED, Held, Run
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import (
    DelayStep,
    ExitStep,
    ExperimentStep,
    Journey,
    MessageStep,
    On,
    SplitStep,
    WaitBranch,
    WaitStep,
)
from laudstream.journey.work import Want, Work

STEPS_A_ROUND = 100
CONTEXT_BYTES = 32 * 1024
CONTEXTS_BYTES = 256 * 1024
"""Of all runs of a customer: a core record stays below 512 KB."""
USED = 50
"""Used inputs that a run remembers."""


Found = tuple[Run, LiveJourney, Journey]
"""A run with its journey and its version."""


class Left(NamedTuple):
    """A way out of a step."""

    branch: str
    to: str
    data: dict[str, Any]
    at: int


def walk(work: Work, run: Run, version: Journey, at: int) -> None:
    """`run` has just come to `run.step`."""
    while True:
        step = version.steps[run.step]
        left = ARRIVE[type(step)](work, run, version, step, at)
        if left is None or not move(work, run, left):
            return
        at = left.at


def move(work: Work, run: Run, left: Left) -> bool:
    """Takes the run to its next step; whether it may go further now."""
    work.decide("moved", run, left.at, to=left.to, branch=left.branch, data=left.data)
    run.step = left.to
    run.visit += 1
    run.arrived_at = left.at
    run.status, run.wake_at, run.progress, run.attempt, run.wanted_at = ACTIVE, 0, (), 0, 0
    if left.to in run.trail:
        end(work, run, left.at, reason=Reason.LOOP)
        return False
    run.trail = (*run.trail, left.to)
    if len(run.trail) % STEPS_A_ROUND == 0:
        run.wake_at = left.at
        work.yielded.add(run.id)
        return False
    return True


def rest(run: Run, wake_at: int) -> None:
    run.wake_at = wake_at
    run.trail = ()


def end(
    work: Work, run: Run, at: int, *, outcome: str = "", reason: str = "", data: dict[str, Any] | None = None
) -> None:
    if run.status == ASKING:  # it had not entered (R55)
        found = {**(data or {}), "outcome": outcome} if outcome else data
        work.decide("not_entered", run, at, reason=reason or Reason.ALREADY_OUT, data=found)
        work.remove(run)
        return
    if run.status == DEFERRED:  # recorded with the end, and no refusal (R39)
        data = {**(data or {}), "deferred": run.step}
    work.decide("ended", run, at, outcome=outcome, reason=reason, data=data)
    work.wants = [want for want in work.wants if want.run_id != run.id]
    work.remove(run)


def take(work: Work, run: Run, version: Journey, left: Left, event: dict[str, Any] | None, mark: bytes) -> None:
    """The run leaves its step because an input satisfied a branch, or a timer fired."""
    run.trail, run.held = (), None
    if event is not None:
        run.used = (*run.used, (run.step, mark))[-USED:]
        keep_event(work, run, event, left.at)
    if move(work, run, left):
        walk(work, run, version, left.at)


def keep_event(work: Work, run: Run, event: dict[str, Any], at: int) -> None:
    """`steps.<id>.event` is what ended the wait (R25), as far as the limits allow."""
    size = size_of(event)
    others = sum(other.size for other in work.runs)
    if run.size + size > CONTEXT_BYTES or others + size > CONTEXTS_BYTES:
        work.decide("limit", run, at, reason=Reason.LIMIT, data={"which": "run context"})
        event, size = {}, 1
    run.size += size
    run.steps = {**run.steps, run.step: {"event": event}}


def packed(properties: dict[str, Any]) -> msgspec.Raw:
    """A mapping as it stands in a state record."""
    return msgspec.Raw(_pack(properties))


def size_of(properties: dict[str, Any]) -> int:
    """Bytes that a mapping takes in a state record."""
    return len(_pack(properties)) if properties else 1


_pack = msgspec.msgpack.Encoder().encode


# Coming to a step


def _message(work: Work, run: Run, version: Journey, step: MessageStep, at: int) -> Left | None:
    run.wanted_at = run.wanted_at or at
    work.wants.append(Want(version.settings.priority, run.wanted_at, run.entered_at, run.id, at))
    return None


def _delay(work: Work, run: Run, version: Journey, step: DelayStep, at: int) -> Left | None:
    rest(run, step.duration.add(at, work.zone(version)))
    return None


def _wait(work: Work, run: Run, version: Journey, step: WaitStep, at: int) -> Left | None:
    left = _level(work, run, step, at)
    if left is None:
        rest(run, step.after.add(at, work.zone(version)) if step.after is not None else 0)
    return left


def _level(work: Work, run: Run, step: WaitStep, at: int) -> Left | None:
    for branch in step.branches:
        if branch.condition is not None:
            scope = work.scope(run)
            if branch.condition.test(scope):
                return Left(branch.name, branch.next, branch.condition.looked_at(scope), at)
    return None


def _split(work: Work, run: Run, version: Journey, step: SplitStep, at: int) -> Left:
    scope = work.scope(run)
    data: dict[str, Any] = {}
    for branch in step.branches:
        data.update(branch.condition.looked_at(scope))
        if branch.condition.test(scope):
            return Left(branch.name, branch.next, data, at)
    return Left("else", step.otherwise, data, at)


def _experiment(work: Work, run: Run, version: Journey, step: ExperimentStep, at: int) -> Left:
    arm = work.core.assignments.get(step.id)
    if arm not in step.next:
        arm = _assign(step, share(work.workspace, step.id, work.customer))
        work.core.assignments = {**work.core.assignments, step.id: arm}
    return Left(arm, step.next[arm], {"experiment": step.id}, at)


def _assign(step: ExperimentStep, point: int) -> str:
    for arm, weight in step.arms:
        point -= weight
        if point < 0:
            return arm
    raise AssertionError("weights add up to 10,000")


def _exit(work: Work, run: Run, version: Journey, step: ExitStep, at: int) -> None:
    end(work, run, at, outcome=step.outcome)


ARRIVE: dict[type, Callable[[Work, Run, Journey, Any, int], Left | None]] = {
    MessageStep: _message,
    DelayStep: _delay,
    WaitStep: _wait,
    SplitStep: _split,
    ExperimentStep: _experiment,
    ExitStep: _exit,
}
"""Step kind -> what happens on arrival; None: the run rests, wants a message or has ended."""


# Inputs


def key_value(properties: dict[str, Any], name: str) -> str:
    """Text of a key; empty if the event lacks it."""
    return key_text(properties.get(name))


def too_old(work: Work, version: Journey, on: On, event: Event) -> bool:
    """Whether the event happened too long ago for this place (R26)."""
    oldest = on.max_age
    if oldest is None or not event.timestamp:
        return False
    now = work.moment.now
    if now - event.timestamp < _YOUNG_MS and oldest.days:
        return False
    return oldest.add(event.timestamp, work.zone(version)) <= now


_YOUNG_MS = 3_600_000
"""Younger than any max_age of days, in every zone."""


def meets(work: Work, run: Run, version: Journey, on: On, event: Event) -> bool:
    """Whether the event is one that `on` listens to, for this run (R24)."""
    if on.name != event.name or too_old(work, version, on, event):
        return False
    if run.key and not on.any_key and key_value(event.properties, on.key or run.key_name) != run.key:
        return False
    return on.where is None or on.where.test(work.scope(run, event.properties))


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


def hear(work: Work, run: Run, version: Journey, event: Event | None, moves: bool) -> None:
    """Tests the branches of a wait in their order against an input (R27); a paused run keeps what it finds (R49)."""
    step = version.steps[run.step]
    if run.status == FAILED or run.held is not None or not isinstance(step, WaitStep):
        return
    progress = run.progress
    found = None
    for index, branch in enumerate(step.branches):
        if branch.condition is not None:
            found = _holds(work, run, branch, branch.condition)
        elif branch.on is not None and event is not None and _counts(work, run, version, branch.on, event):
            if branch.count > 1:
                progress = _counted(progress or (0,) * len(step.branches), index)
                if progress[index] < branch.count:
                    continue
            found = _happened(work, run, branch, branch.on, event)
        if found is not None:
            break
    if found is None and progress is run.progress:
        return
    mine = work.own(run)
    mine.progress = progress
    if found is None:
        return
    properties = event.properties if event is not None and "event" in found.data else None
    if moves:
        take(work, mine, version, found, properties, work.mark)
    else:
        mine.held = Held(found.branch, found.to, found.data, properties, work.mark)


def count(runs: tuple[Run, ...], listening: list[Found], event: Event, mark: bytes, now: int) -> tuple[Run, ...] | None:
    """`runs` after an event that only brings waits nearer to their number: what `hear` does to them, without a Work.
    None: it may do more (R28)."""
    if event.timestamp and now - event.timestamp >= _YOUNG_MS:
        return None
    name = event.name
    for run, _, version in listening:
        step = version.steps.get(run.step)
        if version.exits or run.key or run.held is not None or type(step) is not WaitStep or name not in step.counts:
            return None
        if run.entry.mark == mark or (run.used and (run.step, mark) in run.used):
            continue
        index, needed = step.counts[name]
        progress = _counted(run.progress or (0,) * len(step.branches), index)
        if progress[index] >= needed:
            return None
        mine = replace(run)
        mine.progress = progress
        runs = (mine,) if len(runs) == 1 else tuple(mine if other is run else other for other in runs)
    return runs


def _holds(work: Work, run: Run, branch: WaitBranch, condition: Condition) -> Left | None:
    scope = work.scope(run)
    if not condition.test(scope):
        return None
    return Left(branch.name, branch.next, condition.looked_at(scope), work.moment.now)


def _happened(work: Work, run: Run, branch: WaitBranch, on: On, event: Event) -> Left:
    data: dict[str, Any] = {"event": event.name}
    if on.where is not None:
        data |= on.where.looked_at(work.scope(run, event.properties))
    return Left(branch.name, branch.next, data, work.moment.now)


def _counts(work: Work, run: Run, version: Journey, on: On, event: Event) -> bool:
    if run.entry.mark == work.mark or (run.used and (run.step, work.mark) in run.used):
        return False  # used up already (R22, R28)
    return meets(work, run, version, on, event)


def _counted(progress: tuple[int, ...], index: int) -> tuple[int, ...]:
    """One input more for a branch (R28)."""
    if len(progress) == 1:
        return (progress[0] + 1,)
    counts = list(progress)
    counts[index] += 1
    return tuple(counts)
