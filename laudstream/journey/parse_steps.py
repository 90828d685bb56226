"""Reads the steps of a definition. A step kind is a function here and a line in KINDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from laudstream import conditions
from laudstream.journey.durations import Duration
from laudstream.journey.durations import parse as parse_duration
from laudstream.journey.reader import PLANNED, Reader, at
from laudstream.journey.steps import (
    DelayStep,
    ExitStep,
    ExperimentStep,
    MessageStep,
    On,
    SplitBranch,
    SplitStep,
    Step,
    WaitBranch,
    WaitStep,
)

CHANNELS = ("email",)
PLANNED_CHANNELS = ("sms", "push", "webhook", "slack", "in_app")
CLASSES = ("marketing", "transactional")
PLANNED_KINDS = ("window", "update", "emit", "jump")
MAX_AGE = parse_duration("P1D")
MAX_COUNT = 1_000

STATE_ROOTS = ("customer", "entry", "steps")
EVENT_ROOTS = (*STATE_ROOTS, "event")


class Place(NamedTuple):
    """Where a step is read, and what it may refer to."""

    reader: Reader
    journey: str
    step: str
    pointer: str
    """Of the step's own settings, e.g. /steps/remind/message."""
    outer: str
    """Of the step, e.g. /steps/remind."""
    templates: Mapping[str, Any] | None
    message_class: str
    tags: tuple[str, ...]


def on(reader: Reader, body: Any, pointer: str, where: Any, roots: tuple[str, ...], *, entry: bool = False) -> On:
    """An `event: {name, key, any_key, max_age}` with the `where` that stands beside it."""
    found = reader.object_of(body, at(pointer, "event"), "'event'") or {"name": "-"}
    spot = at(pointer, "event")
    known = ("name", "key", "max_age") if entry else ("name", "key", "any_key", "max_age")
    reader.only(found, spot, known, ("all_of",))
    name = reader.text_of(found.get("name"), at(spot, "name"), "the name of an event") or ""
    key = reader.text_of(found["key"], at(spot, "key"), "'key'") if "key" in found else ""
    any_key = reader.flag_of(found["any_key"], at(spot, "any_key"), "'any_key'") if "any_key" in found else False
    age: Duration | None = MAX_AGE
    if found.get("max_age") == "none":
        age = None
    elif "max_age" in found:
        age = reader.duration_of(found["max_age"], at(spot, "max_age"), "'max_age' (or none)")
    condition = None if where is None else conditions.read(reader, where, at(pointer, "where"), roots)
    return On(name, key or "", bool(any_key), age, condition)


def _next(place: Place, body: dict[str, Any]) -> str:
    return place.reader.name_of(body.get("next"), at(place.outer, "next"), "'next'") or ""


def _message(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(
        body, spot, ("channel", "template", "class", "expires_after", "on_refusal", "defer", "tags"),
        ("subscription", "pace", "customer_facing"),
    )  # fmt: skip
    channel = body.get("channel")
    if channel in PLANNED_CHANNELS:
        reader.wrong(at(spot, "channel"), f"channel {channel!r}: {PLANNED}", f"use one of: {', '.join(CHANNELS)}")
    else:
        reader.choice_of(channel, at(spot, "channel"), "'channel'", CHANNELS)
    message_class = place.message_class
    if "class" in body:
        message_class = reader.choice_of(body["class"], at(spot, "class"), "'class'", CLASSES) or message_class
    expires, leave = None, "skip"
    if "expires_after" in body:
        expires = reader.duration_of(body["expires_after"], at(spot, "expires_after"), "'expires_after'")
    if "on_refusal" in body:
        leave = reader.choice_of(body["on_refusal"], at(spot, "on_refusal"), "'on_refusal'", ("skip", "exit")) or leave
    defer = reader.flag_of(body["defer"], at(spot, "defer"), "'defer'") if "defer" in body else None
    tags = tags_of(reader, body["tags"], at(spot, "tags")) if "tags" in body else place.tags
    sent, refused = _after_message(place, step.get("next"))
    if refused and leave == "exit":
        reader.wrong(at(spot, "on_refusal"), "a step with a 'refused' branch cannot exit on refusal", "keep only one")
    return MessageStep(
        str(channel), _template(place, body), message_class, sent, refused, expires, leave == "exit", defer, tags
    )


def tags_of(reader: Reader, value: object, pointer: str) -> tuple[str, ...]:
    items = reader.list_of(value, pointer, "'tags'", most=20)
    return tuple(reader.name_of(item, at(pointer, index), "a tag") or "" for index, item in enumerate(items))


def _template(place: Place, body: dict[str, Any]) -> str:
    reader, spot = place.reader, at(place.pointer, "template")
    template = reader.text_of(body.get("template"), spot, "'template'") or ""
    if "@" in template:
        reader.wrong(spot, f"a pinned template: {PLANNED}", "name the template without @version")
    elif template and place.templates is not None and template not in place.templates:
        known = ", ".join(sorted(place.templates)[:10]) or "none yet"
        reader.wrong(spot, f"there is no template {template!r}", f"publish it first; templates here: {known}")
    return template


def _after_message(place: Place, following: object) -> tuple[str, str]:
    reader, spot = place.reader, at(place.outer, "next")
    if isinstance(following, str):
        return reader.name_of(following, spot, "'next'") or "", ""
    ways = reader.object_of(following, spot, "'next' (the name of a step, or {sent, refused})") or {}
    reader.only(ways, spot, ("sent", "refused"))
    sent = reader.name_of(ways.get("sent"), at(spot, "sent"), "'sent'") or ""
    refused = reader.name_of(ways["refused"], at(spot, "refused"), "'refused'") or "" if "refused" in ways else ""
    return sent, refused


def _delay(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    place.reader.only(body, place.pointer, ("for",), ("until", "offset", "if_past", "if_missing"))
    length = place.reader.duration_of(body.get("for"), at(place.pointer, "for"), "'for'") or MAX_AGE
    return DelayStep(length, _next(place, step))


def _wait(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, ("branches", "timeout"), ("since", "collect"))
    items = reader.list_of(body.get("branches"), at(spot, "branches"), "'branches'", most=20)
    branches = tuple(_wait_branch(reader, item, at(spot, "branches", index)) for index, item in enumerate(items))
    _distinct(place, [branch.name for branch in branches], ("timeout",))
    after, target = None, ""
    if "timeout" in body:
        limit = reader.object_of(body["timeout"], at(spot, "timeout"), "'timeout'") or {}
        reader.only(limit, at(spot, "timeout"), ("after", "next"), ("until", "if_past", "if_missing"))
        after = reader.duration_of(limit.get("after"), at(spot, "timeout", "after"), "'after'")
        target = reader.name_of(limit.get("next"), at(spot, "timeout", "next"), "'next'") or ""
    return WaitStep(branches, after, target)


def _wait_branch(reader: Reader, body: Any, pointer: str) -> WaitBranch:
    found = reader.object_of(body, pointer, "a branch") or {}
    planned = ("message", "changed", "segment", "all_of")
    reader.only(found, pointer, ("name", "next", "event", "where", "count", "condition"), planned)
    following = reader.name_of(found.get("next"), at(pointer, "next"), "'next'") or ""
    if "event" in found and "condition" not in found:
        hears = on(reader, found["event"], pointer, found.get("where"), EVENT_ROOTS)
        count = 1
        if "count" in found:
            count = reader.whole_of(found["count"], at(pointer, "count"), "'count'", 1, MAX_COUNT) or 1
        return WaitBranch(_label(reader, found, pointer, hears.name), following, hears, count)
    if "condition" in found and not {"event", "where", "count"} & found.keys():
        holds = conditions.read(reader, found["condition"], at(pointer, "condition"), STATE_ROOTS)
        return WaitBranch(_label(reader, found, pointer, "condition"), following, condition=holds)
    if not set(planned) & found.keys():
        reader.wrong(pointer, "a branch waits for one thing", "write either event (with where, count) or condition")
    return WaitBranch("", following)


def _label(reader: Reader, body: dict[str, Any], pointer: str, otherwise: str) -> str:
    return reader.text_of(body["name"], at(pointer, "name"), "'name'") or "" if "name" in body else otherwise


def _distinct(place: Place, names: list[str], taken: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        if name and name in (*taken, *names[:index]):
            spot = at(place.pointer, "branches", index)
            place.reader.wrong(spot, f"two ways out are named {name!r}", "give each branch a 'name' of its own")


def _split(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, ("branches", "else"))
    items = reader.list_of(body.get("branches"), at(spot, "branches"), "'branches'", most=50)
    branches = []
    for index, item in enumerate(items):
        pointer = at(spot, "branches", index)
        found = reader.object_of(item, pointer, "a branch") or {}
        reader.only(found, pointer, ("name", "condition", "next"), ("segment",))
        holds = conditions.read(reader, found.get("condition"), at(pointer, "condition"), STATE_ROOTS)
        following = reader.name_of(found.get("next"), at(pointer, "next"), "'next'") or ""
        branches.append(SplitBranch(_label(reader, found, pointer, str(index + 1)), following, holds))
    _distinct(place, [branch.name for branch in branches], ("else",))
    otherwise = reader.name_of(body.get("else"), at(spot, "else"), "'else'") or ""
    return SplitStep(tuple(branches), otherwise)


def _experiment(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, ("id", "arms"), ("holdout", "winner"))
    arms = reader.object_of(body.get("arms"), at(spot, "arms"), "'arms'") or {}
    shares = {name: _share(reader, weight, at(spot, "arms", name)) for name, weight in arms.items()}
    total = sum(weight or 0 for weight in shares.values())
    if not arms or (None not in shares.values() and total != 10_000):
        reader.wrong(at(spot, "arms"), f"the weights add up to {total / 100:g}, not to 100", "make it 100")
    for name in arms:
        reader.name_of(name, at(spot, "arms", name), "an arm")
    given = step.get("next")
    if isinstance(given, str):
        given = dict.fromkeys(arms, given)
    ways = reader.object_of(given, at(place.outer, "next"), "'next' (a step, or one for each arm)") or {}
    reader.only(ways, at(place.outer, "next"), tuple(arms))
    following = {
        arm: reader.name_of(ways.get(arm), at(place.outer, "next", arm), f"the step after arm {arm!r}") or ""
        for arm in arms
    }
    id = reader.text_of(body["id"], at(spot, "id"), "'id'") if "id" in body else None
    weights = tuple((arm, weight or 0) for arm, weight in shares.items())
    return ExperimentStep(id or f"{place.journey}/{place.step}", weights, following)


def _share(reader: Reader, weight: object, pointer: str) -> int | None:
    if isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight <= 100:
        parts = round(weight * 100)
        if abs(parts - weight * 100) < 1e-6:
            return parts
    reader.wrong(pointer, "a weight must be 0 to 100, with at most two decimals", "write e.g. 50")
    return None


def _exit(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    place.reader.only(body, place.pointer, ("outcome",))
    return ExitStep(place.reader.name_of(body.get("outcome"), at(place.pointer, "outcome"), "'outcome'") or "")


class Kind(NamedTuple):
    parse: Callable[[Place, dict[str, Any], dict[str, Any]], Step]
    beside: tuple[str, ...]
    """What may stand beside the kind in the step."""


KINDS: dict[str, Kind] = {
    "message": Kind(_message, ("next",)),
    "delay": Kind(_delay, ("next",)),
    "wait": Kind(_wait, ()),
    "split": Kind(_split, ()),
    "experiment": Kind(_experiment, ("next",)),
    "exit": Kind(_exit, ()),
}


def step(place: Place, body: object) -> Step | None:
    """The step at `place.outer`, whose pointer and name `place` has."""
    reader = place.reader
    found = reader.object_of(body, place.outer, "a step")
    if found is None:
        return None
    kinds = [key for key in found if key in KINDS or key in PLANNED_KINDS]
    if len(kinds) != 1:
        unknown = [key for key in found if key != "next" and key not in kinds]
        message = f"unknown step kind {unknown[0]!r}" if unknown and not kinds else "a step has exactly one kind"
        reader.wrong(place.outer, message, f"use one of: {', '.join(KINDS)}")
        return None
    kind = kinds[0]
    if kind in PLANNED_KINDS:
        reader.wrong(at(place.outer, kind), f"step kind {kind!r}: {PLANNED}", f"use one of: {', '.join(KINDS)}")
        return None
    reader.only(found, place.outer, (kind, *KINDS[kind].beside), ("note",))
    settings = reader.object_of(found[kind], at(place.outer, kind), f"{kind!r}")
    if settings is None:
        return None
    return KINDS[kind].parse(place._replace(pointer=at(place.outer, kind)), settings, found)
