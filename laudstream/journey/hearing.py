"""What can move a run at each step: events, levels, values that an instant depends on; and what is kept for later."""

from __future__ import annotations

from laudstream.journey.kinds import OF
from laudstream.journey.kinds.wait import WaitStep, hears
from laudstream.journey.steps import Exit, Goal, Keeps, Step


def keeps(steps: dict[str, Step]) -> Keeps | None:
    """What runs keep for waits that look back (R27)."""
    waits = [made for made in steps.values() if isinstance(made, WaitStep) and made.since != "arrival"]
    if not waits:
        return None
    branches = [branch for made in waits for branch in made.branches]
    changes = {branch.changed[0]: branch.changed for branch in branches if branch.changed is not None}
    spans = {made.span.text: made.span for made in waits if made.span is not None}
    limited = all(made.span is not None for made in waits)
    names = frozenset[str]().union(*map(hears, waits))
    told = any(made.told for made in waits)
    return Keeps(names, told, tuple(changes.values()), tuple(spans.values()) if limited else ())


def heeds(steps: dict[str, Step]) -> bool:
    """Whether a wait waits for what becomes of a message."""
    return any(isinstance(made, WaitStep) and made.told for made in steps.values())


def heard(
    steps: dict[str, Step], exits: tuple[Exit, ...], keeps: Keeps | None, goal: Goal | None
) -> dict[str, frozenset[str]]:
    everywhere = frozenset(rule.on.name for rule in exits if rule.on is not None)
    everywhere |= {goal.on.name} if goal is not None and goal.on is not None else frozenset()
    everywhere |= keeps.events if keeps is not None else frozenset()
    heard = {}
    for name, made in steps.items():
        names = OF[type(made)].hears
        heard[name] = everywhere | names(made) if names is not None else everywhere
    return heard


def reads(steps: dict[str, Step]) -> dict[str, frozenset[str]]:
    """Step -> attributes that the instant depends on until which runs rest there."""
    kinds = {name: OF[type(made)].reads for name, made in steps.items()}
    found = {name: reads(steps[name]) for name, reads in kinds.items() if reads is not None}
    return {name: names for name, names in found.items() if names}


def levels(steps: dict[str, Step], exits: tuple[Exit, ...], keeps: Keeps | None, goal: Goal | None) -> frozenset[str]:
    asked = goal is not None and goal.condition is not None
    leads_out = any(rule.condition is not None or rule.leaves for rule in exits)
    if asked or leads_out or (keeps is not None and keeps.changes):
        return frozenset(steps)
    kinds = {name: OF[type(made)].levels for name, made in steps.items()}
    return frozenset(name for name, levels in kinds.items() if levels is not None and levels(steps[name]))


def timed(steps: dict[str, Step], exits: tuple[Exit, ...], goal: Goal | None) -> frozenset[str]:
    """Steps at which time alone can move a run by a condition."""
    everywhere = [rule.condition for rule in exits] + ([goal.condition] if goal is not None else [])
    if any(condition is not None and condition.needs.timed for condition in everywhere):
        return frozenset(steps)
    return frozenset(
        name
        for name, made in steps.items()
        if isinstance(made, WaitStep)
        and any(branch.condition is not None and branch.condition.needs.timed for branch in made.branches)
    )
