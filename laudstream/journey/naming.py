"""Who names whom among definitions, and the order in which they are published: what is named comes first (R20)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from laudstream.customers.event import ENTER, LEAVE
from laudstream.customers.row import GROUP, RESERVED
from laudstream.errors import Invalid, Problem
from laudstream.journey import definition
from laudstream.journey.kinds.emit import EmitStep
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.kinds.update import UpdateStep
from laudstream.journey.pins import base_of, named_by
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey
from laudstream.segments import definition as segments
from laudstream.segments.watch import ranks

KINDS = ("workspace", "subscription", "segment", "template", "journey")
"""In the order in which they are published."""
WORKSPACE = "workspace"
"""Id of the only definition of the kind `workspace`: its settings."""


class Named(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def body(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=Named)


def in_order(items: Iterable[T]) -> list[T]:
    """By kind, segments and journeys behind those that they name, then by id."""
    found = list(items)
    rank = {
        "segment": ranks(names_of(found)),
        "journey": ranks({each.id: calls(each.body) for each in found if each.kind == "journey"}),
    }
    return sorted(
        found, key=lambda each: (KINDS.index(each.kind), rank.get(each.kind, {}).get(each.id, 0), each.id)
    )  # fmt: skip


def calls(body: dict[str, Any]) -> frozenset[str]:
    """Other journeys that a journey lets customers enter or leave; none of one that is wrong."""
    try:
        steps = definition.parse(body, horizon=None).steps.values()
    except Invalid:
        return frozenset()
    names = (step.name for step in steps if isinstance(step, EmitStep) and step.type in (ENTER, LEAVE))
    return frozenset(names) - {str(body.get("id"))}


def names_of(items: Iterable[Named]) -> dict[str, frozenset[str]]:
    """Segment -> segments that it names; none of one that is wrong."""
    found: dict[str, frozenset[str]] = {}
    for item in items:
        if item.kind == "segment":
            try:
                found[item.id] = segments.parse(item.body, horizon=None).names
            except Invalid:
                found[item.id] = frozenset()
    return found


def named(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, id) of the segments and subscriptions that a published journey names."""
    try:
        journey = definition.parse(body, horizon=None)
    except Invalid:  # an older release let it through; lanes will not run it either
        return
    yield from (("segment", name) for name in {base_of(name) for name in segments_of(journey)})
    for step in journey.steps.values():
        if isinstance(step, MessageStep) and step.subscription:
            yield "subscription", step.subscription


def segments_of(journey: Journey) -> set[str]:
    """Segments that a journey names: in conditions, entries, exits and updates."""
    names = named_by(journey)
    for step in journey.steps.values():
        if isinstance(step, UpdateStep):
            names |= step.members.keys()
    return names


def templates_of(body: dict[str, Any]) -> list[str]:
    """Templates that the steps of a journey name, in their order. Raises Invalid if the journey is wrong."""
    steps = definition.parse(body, horizon=None).steps.values()
    return list(dict.fromkeys(step.template_id for step in steps if isinstance(step, MessageStep)))


def missing(
    journey: Journey, subscriptions: Collection[str], manual: Collection[str], journeys: Collection[str] | None = None
) -> list[Problem]:
    """What a journey names and is not there, besides segments of its conditions, and what is not its to write.
    `manual`: segments whose members are listed; `journeys`: those that there are beside it, None: any."""
    problems = []
    for name, step in journey.steps.items():
        calls = isinstance(step, EmitStep) and step.type in (ENTER, LEAVE) and step.name != journey.id
        if calls and isinstance(step, EmitStep) and journeys is not None and step.name not in journeys:
            message = f"there is no journey {step.name!r}"
            spot = at("/steps", name, "emit", step.type)
            problems.append(Problem(spot, message, f"save it first; journeys here: {_known(journeys)}"))
        if isinstance(step, MessageStep) and step.subscription and step.subscription not in subscriptions:
            message = f"there is no subscription {step.subscription!r}"
            spot = at("/steps", name, "message", "subscription")
            problems.append(Problem(spot, message, f"publish it first; subscriptions here: {_known(subscriptions)}"))
        if isinstance(step, UpdateStep):
            problems += _reserved(name, step)
        for segment in step.members if isinstance(step, UpdateStep) else ():
            if segment not in manual:
                message = f"there is no manual segment {segment!r}"
                spot = at("/steps", name, "update")
                problems.append(Problem(spot, message, f"publish it first; manual segments here: {_known(manual)}"))
    return problems


def _reserved(name: str, step: UpdateStep) -> list[Problem]:
    """Refused at publish only: versions that are live already go on."""
    parts = {"set": dict(step.sets), "unset": step.unsets, "increment": dict(step.increments)}
    return [Problem(at("/steps", name, "update", part), *RESERVED) for part, names in parts.items() if GROUP in names]


def other_channels(journey: Journey, channels: Mapping[str, str]) -> list[Problem]:
    """Steps whose template is of another channel. `channels`: template, or template@version -> its channel."""
    problems = []
    for name, step in journey.steps.items():
        if isinstance(step, MessageStep):
            channel = channels.get(step.template, channels.get(step.template_id, step.channel))
            if channel != step.channel:
                message = f"template {step.template!r} is of channel {channel}, the step of {step.channel}"
                spot = at("/steps", name, "message", "template")
                problems.append(Problem(spot, message, f"name a template of {step.channel}"))
    return problems


def _known(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:10]) or "none yet"
