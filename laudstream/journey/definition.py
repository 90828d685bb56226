"""Definitions of journeys: from a body (JSON, or YAML of the same shape) to a version that can run.

`parse` refuses what is wrong and what this release does not run yet, each with a JSON pointer and the fix
(R14, R60): nothing that is written is ever ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC
from typing import Any

from laudstream import conditions
from laudstream.conditions.needs import joined
from laudstream.errors import Invalid
from laudstream.journey import hearing, migration, parse_entries, wiring
from laudstream.journey.durations import Duration
from laudstream.journey.durations import parse as parse_duration
from laudstream.journey.kinds import read
from laudstream.journey.kinds.place import EVENT_ROOTS, MAX_AGE, Place, on
from laudstream.journey.parse_settings import settings
from laudstream.journey.reader import HORIZON, Reader, at
from laudstream.journey.steps import Exit, Goal, Journey, SegmentEntry, Settings, Step

FIELDS = ("id", "name", "entry", "exit", "max_entries", "goal", "settings", "start", "steps", "migrate")
LONGEST_GOAL = parse_duration("P1Y")
MAX_STEPS = 500


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
    reader.only(found, "", FIELDS)
    id = reader.name_of(found.get("id"), "/id", "'id'") or ""
    name = reader.text_of(found["name"], "/name", "'name'") if "name" in found else id
    options = settings(reader, found["settings"], "/settings") if "settings" in found else Settings()
    entries = parse_entries.entries(reader, found.get("entry"))
    exits = _exits(reader, found["exit"], entries.segments) if "exit" in found else ()
    goal = _goal(reader, found["goal"]) if "goal" in found else None
    most, each = 0, False
    if "max_entries" in found:
        most, each = parse_entries.places(reader, found["max_entries"], entries.audience)
    steps = _steps(reader, found, options, templates)
    moves = migration.read(reader, found["migrate"], "/migrate", steps) if "migrate" in found else {}
    start = reader.name_of(found.get("start"), "/start", "'start'") or ""
    if not reader.problems:
        wiring.check_ways(reader, steps, start, found["steps"])
    if not reader.problems:
        wiring.find_skips(reader, steps)
        wiring.check_winners(reader, steps, goal)
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    keeps = hearing.keeps(steps)
    return Journey(
        id, name or id, start, steps, entries.events, exits, options, hearing.heard(steps, exits, keeps, goal),
        hearing.levels(steps, exits, keeps, goal), body, most, entries.audience, hearing.reads(steps), keeps, goal,
        entries.dates, entries.segments, hearing.timed(steps, exits, goal), joined(reader.needs), moves, each,
        hearing.heeds(steps),
    )  # fmt: skip


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


def _goal(reader: Reader, body: Any) -> Goal | None:
    found = reader.object_of(body, "/goal", "'goal'") or {}
    by_event = "event" in found
    beside = ("event", "where", "value") if by_event else ("condition",)
    reader.only(found, "/goal", (*beside, "within", "end_on_goal"))
    if ("condition" in found) == by_event:
        reader.wrong("/goal", "a goal goes by one thing", "write either event (with where, value) or condition")
        return None
    within = reader.duration_of(found.get("within"), "/goal/within", "'within'")
    if within is not None and within.add(0, UTC) > LONGEST_GOAL.add(0, UTC):
        reader.wrong("/goal/within", "the window of a goal is longer than a year", "use P1Y or less")
    ends = (
        reader.flag_of(found["end_on_goal"], "/goal/end_on_goal", "'end_on_goal'") if "end_on_goal" in found else False
    )
    if not by_event:
        holds = conditions.read(reader, found["condition"], "/goal/condition", ("customer",))
        return Goal(within or MAX_AGE, condition=holds, ends=bool(ends))
    heard = on(reader, found["event"], "/goal", found.get("where"), ("customer", "event"))
    value = reader.text_of(found["value"], "/goal/value", "'value'") or "" if "value" in found else ""
    return Goal(within or MAX_AGE, heard, None, value, bool(ends))


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
        place = Place(reader, journey, name, "", pointer, templates, options.message_class, options.tags, options)
        made = read(place, item)
        if made is not None:
            steps[name] = made
    return steps
