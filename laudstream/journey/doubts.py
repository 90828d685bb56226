"""Doubts about a version that can run: they stop no publish (R60)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from laudstream.errors import Problem
from laudstream.journey.kinds import OF
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.kinds.update import UpdateStep
from laudstream.journey.reader import at, shown
from laudstream.journey.steps import Journey, Step
from laudstream.journey.wiring import fallback_pointer


class Known(msgspec.Struct, frozen=True):
    """What a workspace has seen so far; None: not known."""

    events: frozenset[str] | None = None
    attributes: frozenset[str] | None = None
    templates: Mapping[str, list[str]] = {}
    """Template -> paths that must have a value."""
    steps: frozenset[str] | None = None
    """Steps of the versions before."""
    nobody: bool = False
    """Whether there are customers, and none of them belongs to the audience now."""


def check(journey: Journey, known: Known) -> list[Problem]:
    """Each names its place as a JSON pointer, and what would end it."""
    doubts = []
    if known.events is not None:
        written = [index for index, item in enumerate(journey.body["entry"]) if item.keys() & {"event", "api"}]
        for index, entry in zip(written, journey.entries, strict=True):
            if not entry.api and entry.on.name not in known.events:
                message = f"nobody has sent an event {entry.on.name!r} yet"
                doubts.append(Problem(at("/entry", index, "event", "name"), message, "check the spelling"))
    if known.nobody:
        index = next(index for index, item in enumerate(journey.body["entry"]) if "audience" in item)
        message = "of the customers that there are, none meets this condition now"
        doubts.append(Problem(at("/entry", index, "where"), message, "look at its preview, and at what customers have"))
    for name, made in journey.steps.items():
        if _may_be_past(made) and "if_past" not in _settings_of(journey, name, made):
            message = "what happens when the instant is past already? Without 'if_past' the run goes on at once"
            doubts.append(Problem(fallback_pointer(name, made), message, "write if_past: pass, skip, exit, or a step"))
        doubts += _of_amounts(journey, name, made)
        template = getattr(made, "template", "")
        for path in known.templates.get(template, ()) if known.attributes is not None else ():
            root, _, attribute = path.partition(".")
            if root == "customer" and attribute.split(".")[0] not in {"id", *(known.attributes or ())}:
                message = f"template {template!r} needs {path}, which no customer has yet"
                doubts.append(Problem(at("/steps", name, "message", "template"), message, "give it a default"))
    return doubts + _of_empty_conditions(journey) + _of_the_map(journey, known.steps)


def _may_be_past(step: Step) -> bool:
    until, window = getattr(step, "until", None), getattr(step, "window", None)
    return (until is not None and bool(until.path or until.fixed)) or (window is not None and bool(window.ends_at))


def _settings_of(journey: Journey, name: str, step: Step) -> dict[str, Any]:
    """What is written of an instant to wait for."""
    kind = OF[type(step)].name
    found: dict[str, Any] = journey.body.get("steps", {}).get(name, {}).get(kind, {})
    return found.get("timeout", {}) if kind == "wait" else found


def _of_amounts(journey: Journey, name: str, step: Step) -> list[Problem]:
    """A publish takes an object without `from`, as it always did, and then nothing is added."""
    amounts = _settings_of(journey, name, step).get("increment", {}) if isinstance(step, UpdateStep) else {}
    return [
        Problem(
            at("/steps", name, "update", "increment", attribute),
            f"{shown(amount)} is no number: nothing is added to {attribute!r}", "write a number, or {from: a path}",
        )
        for attribute, amount in amounts.items() if isinstance(amount, dict) and "from" not in amount
    ]  # fmt: skip


def _of_empty_conditions(journey: Journey) -> list[Problem]:
    """A publish takes a `where` without anything, as it always did: then it asks for nothing."""
    body = journey.body
    parts: list[tuple[str, Any]] = [(at("", name), body[name]) for name in ("entry", "exit", "goal") if name in body]
    parts += [(at("/steps", name, "wait"), step["wait"]) for name, step in body["steps"].items() if "wait" in step]
    return [
        Problem(spot, "nothing is asked for here: it holds of everybody", "write a condition, or leave 'where' out")
        for pointer, part in parts for spot in _empty(part, pointer)
    ]  # fmt: skip


def _empty(value: Any, pointer: str) -> Iterator[str]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, inner in members:
        spot = at(pointer, part)
        if part == "where" and inner is None:
            yield spot
        yield from _empty(inner, spot)


def _of_the_map(journey: Journey, before: frozenset[str] | None) -> list[Problem]:
    """Doubts about where people of other versions go (R48)."""
    doubts = []
    for old, new in journey.migrate.items():
        if before is not None and old not in before:
            message = f"no version before this one has a step {old!r}: nobody is moved from there"
            doubts.append(Problem(at("/migrate", old), message, "check the spelling"))
        if isinstance(journey.steps.get(new), MessageStep):
            message = f"whoever is at {old!r} gets the message of step {new!r} at once"
            doubts.append(Problem(at("/migrate", old), message, "lead them to the step behind it if they have it"))
    gone = sorted((before or frozenset()) - journey.steps.keys() - journey.migrate.keys())
    if journey.migrate and gone:
        message = f"this version has no step {', '.join(gone)}: who is there stays on the version before"
        doubts.append(Problem("/migrate", message, "name them too: a step of this version, exit or stay"))
    return doubts
