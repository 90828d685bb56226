"""What the reading of every step kind needs: where it is, and what stands in many of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from laudstream import conditions
from laudstream.journey import schemas
from laudstream.journey.durations import Duration
from laudstream.journey.durations import parse as parse_duration
from laudstream.journey.moves import Left
from laudstream.journey.reader import Reader, at
from laudstream.journey.steps import Defer, Journey, On, Settings, Step
from laudstream.journey.work import Work

MAX_AGE = parse_duration("P1D")

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
    settings: Settings = Settings()
    """Of the journey."""


class Kind(NamedTuple):
    """A step kind: how it is written, where it leads, and what it does."""

    name: str
    type: type[Step]
    read: Callable[[Place, dict[str, Any], dict[str, Any]], Step]
    """The step of (place, its settings, the whole step)."""
    schema: Callable[[], dict[str, Any]]
    """JSON Schema of the whole step."""
    edges: Callable[[Any], dict[str, str]]
    """Branch -> step that follows; the name of a branch is the one that decisions record."""
    arrive: Callable[[Work, Any, Journey, Any, int], Left | None]
    """(work, run, version, step, at): what happens on arrival; None: the run rests, wants a message or has ended."""
    beside: tuple[str, ...] = ()
    """What may stand beside the kind in the step."""
    due: Callable[[Any, int], Left] | None = None
    """(step, at): the way out when the timer on which the run rests is due."""
    hears: Callable[[Any], frozenset[str]] | None = None
    """Names of the events that can move a run that rests there."""
    levels: Callable[[Any], bool] | None = None
    """Whether a change of attributes can move a run that rests there."""
    holds: bool = False
    """Whether a run rests there at least for an input or an instant, so that it breaks cycles (R14)."""
    short: str = ""
    """The setting that a text stands for, where one may be written in place of the settings."""
    reads: Callable[[Any], frozenset[str]] | None = None
    """Names of the attributes that the instant depends on until which a run rests there."""
    again: Callable[[Work, Any, Journey, Any, int], Left | None] | None = None
    """(work, run, version, step, at): one of them has changed, and the instant is computed again (R31)."""
    fires: Callable[[Work, Any, Journey, Any, int], Left | None] | None = None
    """(work, run, version, step, at): instead of `due`, where it takes more than the step to know the way out."""


def on(reader: Reader, body: Any, pointer: str, where: Any, roots: tuple[str, ...], *, entry: bool = False) -> On:
    """An `event: {name, key, any_key, max_age}` with the `where` that stands beside it."""
    found = reader.object_of(body, at(pointer, "event"), "'event'")
    if found is None:
        found = {"name": "-"}
    spot = at(pointer, "event")
    known = ("name", "key", "max_age") if entry else ("name", "key", "any_key", "max_age")
    reader.only(found, spot, known)
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


def next_of(place: Place, body: dict[str, Any]) -> str:
    return place.reader.name_of(body.get("next"), at(place.outer, "next"), "'next'") or ""


def label_of(reader: Reader, body: dict[str, Any], pointer: str, otherwise: str) -> str:
    return reader.text_of(body["name"], at(pointer, "name"), "'name'") or "" if "name" in body else otherwise


def distinct(place: Place, names: list[str], taken: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        if name and name in (*taken, *names[:index]):
            spot = at(place.pointer, "branches", index)
            place.reader.wrong(spot, f"two ways out are named {name!r}", "give each branch a 'name' of its own")


def defer_of(reader: Reader, value: object, pointer: str, otherwise: Defer) -> Defer:
    """`defer`: for all that can be put off, or for quiet hours (and windows) and caps by themselves (R38)."""
    if isinstance(value, bool):
        return Defer(value, value)
    if not isinstance(value, dict):
        fix = "write true, false, or {quiet_hours: true, caps: false}"
        reader.wrong(pointer, "'defer' must be true, false, or say it for quiet_hours and caps", fix)
        return otherwise
    reader.only(value, pointer, ("quiet_hours", "caps"))
    said = {
        key: reader.flag_of(value[key], at(pointer, key), f"{key!r}") for key in ("quiet_hours", "caps") if key in value
    }
    quiet, caps = said.get("quiet_hours"), said.get("caps")
    return Defer(otherwise.quiet_hours if quiet is None else quiet, otherwise.caps if caps is None else caps)


DEFER = {
    "anyOf": [
        {"type": "boolean"},
        schemas.object_of(quiet_hours={"type": "boolean"}, caps={"type": "boolean"}),
    ]
}


def tags_of(reader: Reader, value: object, pointer: str) -> tuple[str, ...]:
    items = reader.list_of(value, pointer, "'tags'", most=20)
    return tuple(reader.name_of(item, at(pointer, index), "a tag") or "" for index, item in enumerate(items))


def share_of(reader: Reader, weight: object, pointer: str) -> int | None:
    if isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight <= 100:
        parts = round(weight * 100)
        if abs(parts - weight * 100) < 1e-6:
            return parts
    reader.wrong(pointer, "a weight must be 0 to 100, with at most two decimals", "write e.g. 50")
    return None
