"""What runs hear: exit rules and the branches of waits, tested against an input (R6, R24, R26, R27)."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from laudstream.customers.event import Event
from laudstream.journey.conditions import Condition
from laudstream.journey.customer import FAILED, Held, Run
from laudstream.journey.kinds.wait import WaitBranch, WaitStep
from laudstream.journey.moves import Found, Left
from laudstream.journey.steps import Journey, On
from laudstream.journey.walking import take
from laudstream.journey.work import Work


def key_value(properties: dict[str, Any], name: str) -> str:
    """Text of a key; empty if the event lacks it. 17 and "17" are the same key; long texts are shortened by hash."""
    value = properties.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text if len(text) <= 64 else blake2b(text.encode(), digest_size=16).hexdigest()


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
    return None


def hear(work: Work, run: Run, version: Journey, event: Event | None, moves: bool) -> None:
    """Tests the branches of a wait in their order against an input (R27); a paused run keeps what it finds (R49)."""
    step = version.steps[run.step]
    if run.status == FAILED or (run.held is not None and run.held.to) or not isinstance(step, WaitStep):
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
