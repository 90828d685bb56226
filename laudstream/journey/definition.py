"""Definitions of journeys: from a body (JSON, or YAML of the same shape) to a version that can run.

`parse` refuses what is wrong and what this release does not run yet, each with a JSON pointer and the fix
(R14, R60): nothing that is written is ever ignored. `check` gives doubts, which stop nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from laudstream import conditions
from laudstream.conditions.needs import joined
from laudstream.errors import Invalid, Problem
from laudstream.journey import graph
from laudstream.journey.durations import Duration
from laudstream.journey.parse_settings import settings
from laudstream.journey.parse_steps import EVENT_ROOTS, Place, on, step
from laudstream.journey.reader import HORIZON, Reader, at
from laudstream.journey.steps import Audience, Entry, Exit, Journey, SegmentEntry, Settings, Step, WaitStep

FIELDS = ("id", "name", "entry", "exit", "max_entries", "settings", "start", "steps")
PLANNED_FIELDS = ("goal", "migrate")
PLANNED_ENTRIES = ("date", "api")
PLANNED_AUDIENCE = ("of", "at", "every", "until", "after", "signal", "zone")
MAX_STEPS = 500
MOST_ENTRIES = 1_000_000_000


class Known(msgspec.Struct, frozen=True):
    """What a workspace has seen so far; None: not known."""

    events: frozenset[str] | None = None
    attributes: frozenset[str] | None = None
    templates: Mapping[str, list[str]] = {}
    """Template -> paths that must have a value."""


def parse(
    body: dict[str, Any],
    templates: Mapping[str, Any] | None = None,
    segments: Collection[str] | None = None,
    horizon: Duration | None = HORIZON,
) -> Journey:
    """The version that `body` defines. Raises Invalid. `templates`, `segments`: those that may be named; None: any.
    `horizon`: how far history goes back (R58); None: as far as anyone asks."""
    reader = Reader(horizon, segments)
    found = reader.object_of(body, "", "a journey") or {}
    reader.only(found, "", FIELDS, PLANNED_FIELDS)
    id = reader.name_of(found.get("id"), "/id", "'id'") or ""
    name = reader.text_of(found["name"], "/name", "'name'") if "name" in found else id
    options = settings(reader, found["settings"], "/settings") if "settings" in found else Settings()
    entries, audience, segment_entries = _entries(reader, found.get("entry"))
    exits = _exits(reader, found["exit"], segment_entries) if "exit" in found else ()
    most = 0
    if "max_entries" in found:
        most = reader.whole_of(found["max_entries"], "/max_entries", "'max_entries'", 1, MOST_ENTRIES) or 0
    steps = _steps(reader, found, options, templates)
    start = reader.name_of(found.get("start"), "/start", "'start'") or ""
    if not reader.problems:
        _check_graph(reader, steps, start, found["steps"])
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    return Journey(
        id, name or id, start, steps, entries, exits, options, _hears(steps, exits), _levels(steps, exits), body, most,
        audience, segment_entries, _timed(steps, exits), joined(reader.needs),
    )  # fmt: skip


def _entries(reader: Reader, body: Any) -> tuple[tuple[Entry, ...], Audience | None, tuple[SegmentEntry, ...]]:
    entries: list[Entry] = []
    segment_entries: list[SegmentEntry] = []
    audience: Audience | None = None
    for index, item in enumerate(reader.list_of(body, "/entry", "'entry'", most=20)):
        pointer = at("/entry", index)
        found = reader.object_of(item, pointer, "an entry") or {}
        kinds = {"event", "audience", "segment"} & found.keys()
        reader.only(found, pointer, (*kinds, "where", "reentry", "while_active"), PLANNED_ENTRIES)
        if len(kinds) != 1:
            if not set(PLANNED_ENTRIES) & found.keys():
                reader.wrong(
                    pointer,
                    "an entry needs an event, a segment or an audience",
                    "write event: {name: …}, segment: {id: …} or audience: {}",
                )
            continue
        reentry, after = str(found.get("reentry", "never")), None
        if reentry.startswith("after "):
            reentry, after = "after", reader.duration_of(reentry[6:].strip(), at(pointer, "reentry"), "'reentry'")
        elif reentry not in ("never", "always"):
            reader.wrong(at(pointer, "reentry"), f"'reentry' cannot be {reentry!r}", "use never, always or after P30D")
        active = found.get("while_active", "ignore")
        reader.choice_of(active, at(pointer, "while_active"), "'while_active'", ("ignore", "restart"))
        restart = active == "restart"
        if "event" in kinds:
            roots = ("customer", "entry", "event")
            hears = on(reader, found["event"], pointer, found.get("where"), roots, entry=True)
            entries.append(Entry(hears, reentry, after, restart))
            continue
        where = found.get("where")
        if "segment" in kinds:
            state = ("customer", "entry")
            holds = None if where is None else conditions.read(reader, where, at(pointer, "where"), state)
            named, side = _way_in(reader, found["segment"], at(pointer, "segment"))
            segment_entries.append(SegmentEntry(named, side, holds, reentry, after, restart))
            continue
        if audience is not None:
            reader.wrong(pointer, "a journey has one audience", "join their conditions with any: […]")
        options = reader.object_of(found["audience"], at(pointer, "audience"), "'audience'") or {}
        reader.only(options, at(pointer, "audience"), (), PLANNED_AUDIENCE)
        holds = None if where is None else conditions.read(reader, where, at(pointer, "where"), ("customer",))
        audience = Audience(holds, reentry, after, restart)
    return tuple(entries), audience, tuple(segment_entries)


def _way_in(reader: Reader, body: Any, pointer: str) -> tuple[str, str]:
    """(segment, edge) of `segment: {id, on: enter | leave}`."""
    found = reader.object_of(body, pointer, "'segment'")
    if found is None:
        return "", "enter"
    reader.only(found, pointer, ("id", "on"))
    edge = found.get("on", "enter")
    reader.choice_of(edge, at(pointer, "on"), "'on'", ("enter", "leave"))
    return reader.segment_of(found.get("id"), at(pointer, "id"), "'id'") or "", str(edge)


def _exits(reader: Reader, body: Any, entered: tuple[SegmentEntry, ...]) -> tuple[Exit, ...]:
    exits = []
    for index, item in enumerate(reader.list_of(body, "/exit", "'exit'", most=20)):
        pointer = at("/exit", index)
        found = reader.object_of(item, pointer, "an exit rule") or {}
        reader.only(found, pointer, ("event", "where", "condition", "leaves", "outcome"))
        outcome = reader.name_of(found.get("outcome"), at(pointer, "outcome"), "'outcome'") or ""
        if "leaves" in found and not {"event", "where", "condition"} & found.keys():
            left, ways = found["leaves"], [entry.segment for entry in entered if entry.edge == "enter"]
            if left not in ways:
                fix = f"use one of: {', '.join(ways)}" if ways else "give the journey an entry segment: {id: …}"
                reader.wrong(at(pointer, "leaves"), "'leaves' names a segment that the journey is entered by", fix)
            exits.append(Exit(outcome, leaves=str(left)))
        elif "event" in found and not {"condition", "leaves"} & found.keys():
            exits.append(Exit(outcome, on(reader, found["event"], pointer, found.get("where"), EVENT_ROOTS)))
        elif "condition" in found and not {"event", "where", "leaves"} & found.keys():
            roots = ("customer", "entry")
            holds = conditions.read(reader, found["condition"], at(pointer, "condition"), roots)
            exits.append(Exit(outcome, condition=holds))
        else:
            reader.wrong(pointer, "an exit rule goes by one thing", "write event (with where), condition or leaves")
    return tuple(exits)


def _steps(
    reader: Reader, body: dict[str, Any], options: Settings, templates: Mapping[str, Any] | None
) -> dict[str, Step]:
    found = reader.object_of(body.get("steps"), "/steps", "'steps'") or {}
    if not 0 < len(found) <= MAX_STEPS:
        reader.wrong("/steps", f"a journey has 1 to {MAX_STEPS} steps", "write at least one step")
    steps: dict[str, Step] = {}
    journey = str(body.get("id"))
    for name, item in found.items():
        pointer = at("/steps", name)
        reader.name_of(name, pointer, "the name of a step")
        place = Place(reader, journey, name, "", pointer, templates, options.message_class, options.tags)
        made = step(place, item)
        if made is not None:
            steps[name] = made
    return steps


def _check_graph(reader: Reader, steps: dict[str, Step], start: str, bodies: dict[str, Any]) -> None:
    names = ", ".join(list(steps)[:20])
    if start not in steps:
        reader.wrong("/start", f"there is no step {start!r}", f"use one of: {names}")
    for name, made in steps.items():
        for branch, following in graph.edges(made).items():
            if following not in steps:
                pointer = _edge_pointer(name, bodies[name], following)
                reader.wrong(pointer, f"{branch!r} leads to {following!r}, which is no step", f"use one of: {names}")
    if reader.problems:
        return
    for name in graph.unreachable(steps, start):
        reader.wrong(at("/steps", name), f"no way leads to step {name!r}", "lead a branch to it, or remove it")
    cycle = graph.rushing_cycle(steps)
    if cycle:
        way = " -> ".join([*cycle, cycle[0]])
        reader.wrong(at("/steps", cycle[0]), f"a cycle without a wait or a delay: {way}", "put a delay into it")


def _edge_pointer(name: str, body: Any, following: str) -> str:
    """Pointer of the first place in a step that says `following` as a next step."""

    def search(value: Any, pointer: str, leads: bool) -> str:
        if leads and value == following:
            return pointer
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            below = search(item, at(pointer, key), leads or key in ("next", "else"))
            if below:
                return below
        return ""

    return search(body, at("/steps", name), False) or at("/steps", name)


def _hears(steps: dict[str, Step], exits: tuple[Exit, ...]) -> dict[str, frozenset[str]]:
    everywhere = {rule.on.name for rule in exits if rule.on is not None}
    heard = {}
    for name, made in steps.items():
        here = {b.on.name for b in made.branches if b.on is not None} if isinstance(made, WaitStep) else set()
        heard[name] = frozenset(everywhere | here)
    return heard


def _levels(steps: dict[str, Step], exits: tuple[Exit, ...]) -> frozenset[str]:
    if any(rule.condition is not None or rule.leaves for rule in exits):
        return frozenset(steps)
    return frozenset(
        name
        for name, made in steps.items()
        if isinstance(made, WaitStep) and any(branch.condition is not None for branch in made.branches)
    )


def _timed(steps: dict[str, Step], exits: tuple[Exit, ...]) -> frozenset[str]:
    if any(rule.condition is not None and rule.condition.needs.timed for rule in exits):
        return frozenset(steps)
    return frozenset(
        name
        for name, made in steps.items()
        if isinstance(made, WaitStep)
        and any(branch.condition is not None and branch.condition.needs.timed for branch in made.branches)
    )


def check(journey: Journey, known: Known) -> list[Problem]:
    """Doubts about a version that can run (R60)."""
    doubts = []
    if known.events is not None:
        for index, entry in enumerate(journey.entries):
            if entry.on.name not in known.events:
                message = f"nobody has sent an event {entry.on.name!r} yet"
                doubts.append(Problem(at("/entry", index, "event", "name"), message, "check the spelling"))
    for name, made in journey.steps.items():
        template = getattr(made, "template", "")
        for path in known.templates.get(template, ()) if known.attributes is not None else ():
            root, _, attribute = path.partition(".")
            if root == "customer" and attribute.split(".")[0] not in {"id", *(known.attributes or ())}:
                message = f"template {template!r} needs {path}, which no customer has yet"
                doubts.append(Problem(at("/steps", name, "message", "template"), message, "give it a default"))
    return doubts
