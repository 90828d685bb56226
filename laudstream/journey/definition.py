"""Definitions of journeys: from a body (JSON, or YAML of the same shape) to a version that can run.

`parse` refuses what is wrong and what this release does not run yet, each with a JSON pointer and the fix
(R14, R60): nothing that is written is ever ignored. `check` gives doubts, which stop nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC
from typing import Any

import msgspec

from laudstream import conditions
from laudstream.conditions.needs import joined
from laudstream.errors import Invalid, Problem
from laudstream.journey import graph, hearing, migration, parse_entries
from laudstream.journey.durations import Duration
from laudstream.journey.durations import parse as parse_duration
from laudstream.journey.kinds import OF, read
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.kinds.place import EVENT_ROOTS, MAX_AGE, Place, on
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.parse_settings import settings
from laudstream.journey.reader import HORIZON, Reader, at, shown
from laudstream.journey.steps import Audience, DateEntry, Entry, Exit, Goal, Journey, On, SegmentEntry, Settings, Step
from laudstream.journey.until import SKIP

FIELDS = ("id", "name", "entry", "exit", "max_entries", "goal", "settings", "start", "steps", "migrate")
PLANNED_FIELDS: tuple[str, ...] = ()
PLANNED_ENTRIES: tuple[str, ...] = ()
ENTRIES = ("event", "segment", "date", "audience", "api")
LONGEST_GOAL = parse_duration("P1Y")
MAX_STEPS = 500
MOST_ENTRIES = 1_000_000_000


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
    entries, dates, audience, segment_entries = _entries(reader, found.get("entry"))
    exits = _exits(reader, found["exit"], segment_entries) if "exit" in found else ()
    goal = _goal(reader, found["goal"]) if "goal" in found else None
    most, each = _places(reader, found["max_entries"], audience) if "max_entries" in found else (0, False)
    steps = _steps(reader, found, options, templates)
    moves = migration.read(reader, found["migrate"], "/migrate", steps) if "migrate" in found else {}
    start = reader.name_of(found.get("start"), "/start", "'start'") or ""
    if not reader.problems:
        _check_graph(reader, steps, start, found["steps"])
    if not reader.problems:
        _find_skips(reader, steps)
        _check_winners(reader, steps, goal)
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    keeps = hearing.keeps(steps)
    return Journey(
        id, name or id, start, steps, entries, exits, options, hearing.heard(steps, exits, keeps, goal),
        hearing.levels(steps, exits, keeps, goal), body, most, audience, hearing.reads(steps), keeps, goal, dates,
        segment_entries, hearing.timed(steps, exits, goal), joined(reader.needs), moves, each,
        hearing.heeds(steps),
    )  # fmt: skip


def _places(reader: Reader, body: Any, audience: Audience | None) -> tuple[int, bool]:
    """(places, whether each occurrence has so many) of `max_entries: n` or `{n, per: occurrence}` (R18)."""
    if not isinstance(body, dict):
        return reader.whole_of(body, "/max_entries", "'max_entries'", 1, MOST_ENTRIES) or 0, False
    reader.only(body, "/max_entries", ("n", "per"))
    most = reader.whole_of(body.get("n"), "/max_entries/n", "'n'", 1, MOST_ENTRIES) or 0
    reader.choice_of(body.get("per"), "/max_entries/per", "'per'", ("occurrence",))
    recurs = audience is not None and (audience.signal or (audience.schedule is not None and audience.schedule.unit))
    if not recurs:
        message = "nothing here occurs again and again"
        reader.wrong(
            "/max_entries/per", message, "give the journey an audience with 'every' or on a signal, or write n"
        )
    return most, True


def _entries(
    reader: Reader, body: Any
) -> tuple[tuple[Entry, ...], tuple[DateEntry, ...], Audience | None, tuple[SegmentEntry, ...]]:
    entries: list[Entry] = []
    dates: list[DateEntry] = []
    segment_entries: list[SegmentEntry] = []
    audience: Audience | None = None
    for index, item in enumerate(reader.list_of(body, "/entry", "'entry'", most=20)):
        pointer = at("/entry", index)
        found = reader.object_of(item, pointer, "an entry") or {}
        kinds = [kind for kind in ENTRIES if kind in found]
        reader.only(found, pointer, (*kinds, "where", "reentry", "while_active"), PLANNED_ENTRIES)
        if len(kinds) != 1:
            if not set(PLANNED_ENTRIES) & found.keys():
                reader.wrong(
                    pointer,
                    "an entry needs an event, a segment, a date, an audience or api",
                    "write event: {name: …}, segment: {id: …}, date: {of: customer.…}, audience: {} or api: {}",
                )
            continue
        reentry, after = str(found.get("reentry", "always" if _recurs(found) else "never")), None
        if reentry.startswith("after "):
            reentry, after = "after", reader.duration_of(reentry[6:].strip(), at(pointer, "reentry"), "'reentry'")
        elif reentry not in ("never", "always"):
            reader.wrong(
                at(pointer, "reentry"), f"'reentry' cannot be {shown(reentry)}", "use never, always or after P30D"
            )
        active = found.get("while_active", "ignore")
        reader.choice_of(active, at(pointer, "while_active"), "'while_active'", ("ignore", "restart"))
        restart = active == "restart"
        if "event" in kinds:
            roots = ("customer", "entry", "event")
            heard = on(reader, found["event"], pointer, found.get("where"), roots, entry=True)
            entries.append(Entry(heard, reentry, after, restart))
            continue
        if "api" in kinds:
            entries.append(_called(reader, found, pointer, reentry, after, restart))
            continue
        has_entry = bool({"date", "segment"} & set(kinds)) or _signalled(found)
        where, below = found.get("where"), ("customer", "entry") if has_entry else ("customer",)
        holds = None if where is None else conditions.read(reader, where, at(pointer, "where"), below)
        if "date" in kinds:
            path, when, keep = parse_entries.dates(reader, found["date"], at(pointer, "date"))
            dates.append(DateEntry(path, when, keep, holds, reentry, after, restart))
            continue
        if "segment" in kinds:
            named, side = _way_in(reader, found["segment"], at(pointer, "segment"))
            segment_entries.append(SegmentEntry(named, side, holds, reentry, after, restart))
            continue
        if audience is not None:
            reader.wrong(pointer, "a journey has one audience", "join their conditions with any: […]")
        options = reader.object_of(found["audience"], at(pointer, "audience"), "'audience'") or {}
        spot = at(pointer, "audience")
        if "signal" in options:
            reader.only(options, spot, ("signal",))
            name = reader.text_of(options["signal"], at(spot, "signal"), "'signal'") or ""
            audience = Audience(holds, reentry, after, restart, signal=name)
            continue
        reader.only(options, spot, ("of", "signal", *parse_entries.TIMED))
        schedule = parse_entries.schedule(reader, options, spot)
        of = "both" if schedule is not None else "present"
        if "of" in options:
            of = reader.choice_of(options["of"], at(spot, "of"), "'of'", ("present", "future", "both")) or of
        late = parse_entries.CATCH_UP
        if "catch_up" in options and schedule is not None:
            late = reader.duration_of(options["catch_up"], at(spot, "catch_up"), "'catch_up'") or late
        audience = Audience(holds, reentry, after, restart, of, schedule, late)
    return tuple(entries), tuple(dates), audience, tuple(segment_entries)


def _recurs(body: dict[str, Any]) -> bool:
    """Whether an entry comes again and again by itself (R23)."""
    every = any(isinstance(body.get(kind), dict) and "every" in body[kind] for kind in ("date", "audience"))
    return every or _signalled(body)


def _signalled(body: dict[str, Any]) -> bool:
    """Whether an entry listens to a signal (R34)."""
    return isinstance(body.get("audience"), dict) and "signal" in body["audience"]


def _called(
    reader: Reader, body: dict[str, Any], pointer: str, reentry: str, after: Duration | None, restart: bool
) -> Entry:
    """`api: {}`, or `api: {key: …}`: by a call that names the journey, from outside or from a step `emit`."""
    options = reader.object_of(body["api"], at(pointer, "api"), "'api'") or {}
    reader.only(options, at(pointer, "api"), ("key",))
    key = reader.text_of(options["key"], at(pointer, "api", "key"), "'key'") if "key" in options else ""
    where, roots = body.get("where"), ("customer", "entry", "event")
    holds = None if where is None else conditions.read(reader, where, at(pointer, "where"), roots)
    return Entry(On("", key or "", max_age=None, where=holds), reentry, after, restart, api=True)


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


def _check_graph(reader: Reader, steps: dict[str, Step], start: str, bodies: dict[str, Any]) -> None:
    names = ", ".join(list(steps)[:20])
    if start not in steps:
        reader.wrong("/start", f"there is no step {start!r}", f"use one of: {names}")
    for name, made in steps.items():
        for branch, following in graph.edges(made).items():
            if following not in steps:
                pointer = _edge_pointer(name, bodies[name], following)
                reader.wrong(pointer, f"{branch!r} leads to {following!r}, which is no step", f"use one of: {names}")
        if isinstance(made, WaitStep):
            _check_told(reader, steps, name, made)
    if reader.problems:
        return
    for name in graph.unreachable(steps, start):
        reader.wrong(at("/steps", name), f"no way leads to step {name!r}", "lead a branch to it, or remove it")
    cycle = graph.rushing_cycle(steps)
    if cycle:
        way = " -> ".join([*cycle, cycle[0]])
        reader.wrong(at("/steps", cycle[0]), f"a cycle without a wait or a delay: {way}", "put a delay into it")


def _find_skips(reader: Reader, steps: dict[str, Step]) -> None:
    """Where `if_past: skip` leads: behind the step that follows."""
    for name, made in steps.items():
        fallback = getattr(made, "fallback", None)
        if fallback is None or fallback.if_past != SKIP:
            continue
        follows = getattr(made, "next", "") or getattr(made, "timeout", "")
        ways = graph.edges(steps[follows])
        behind = ways.get("sent") or (next(iter(ways.values())) if len(set(ways.values())) == 1 else "")
        if not behind:
            message = f"'skip' leaves out step {follows!r}, and it is not clear what comes behind that"
            reader.wrong(fallback_pointer(name, made), message, "name the step to go on with")
        steps[name] = msgspec.structs.replace(made, fallback=msgspec.structs.replace(fallback, to_step=behind))


def _check_winners(reader: Reader, steps: dict[str, Step], goal: Goal | None) -> None:
    """What a winner goes by must be there to be counted."""
    sends = any(isinstance(made, MessageStep) for made in steps.values())
    for name, made in steps.items():
        if not isinstance(made, ExperimentStep) or made.winner is None:
            continue
        spot = at("/steps", name, "experiment", "winner", "metric")
        if made.winner.metric == "goal" and goal is None:
            reader.wrong(spot, "the journey has no goal to count", "give it a goal, or count opened or clicked")
        elif made.winner.metric != "goal" and not sends:
            reader.wrong(spot, "the journey sends no message to count", "count its goal")


def fallback_pointer(name: str, step: Step) -> str:
    kind = OF[type(step)].name
    return at("/steps", name, kind, *(("timeout",) if kind == "wait" else ()), "if_past")


def _check_told(reader: Reader, steps: dict[str, Step], name: str, made: WaitStep) -> None:
    """Branches that wait for what becomes of a message name steps that send one."""
    sending = [step for step, other in steps.items() if isinstance(other, MessageStep)]
    for index, branch in enumerate(made.branches):
        for place, of in enumerate(branch.told.of if branch.told is not None else ()):
            if of not in sending:
                pointer = at("/steps", name, "wait", "branches", index, "message", "of", place)
                reader.wrong(pointer, f"{of!r} is no step that sends", f"use one of: {', '.join(sending[:20]) or '-'}")


def _edge_pointer(name: str, body: Any, following: str) -> str:
    """Pointer of the first place in a step that says `following` as a next step."""

    def search(value: Any, pointer: str, leads: bool) -> str:
        if leads and value == following:
            return pointer
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            below = search(item, at(pointer, key), leads or key in ("next", "else", "to", "jump", "if_past"))
            if below:
                return below
        return ""

    return search(body, at("/steps", name), False) or at("/steps", name)


def _may_be_past(step: Step) -> bool:
    until, window = getattr(step, "until", None), getattr(step, "window", None)
    return (until is not None and bool(until.path or until.fixed)) or (window is not None and bool(window.ends_at))


def _settings_of(journey: Journey, name: str, step: Step) -> dict[str, Any]:
    """What is written of an instant to wait for."""
    kind = OF[type(step)].name
    found: dict[str, Any] = journey.body.get("steps", {}).get(name, {}).get(kind, {})
    return found.get("timeout", {}) if kind == "wait" else found


def check(journey: Journey, known: Known) -> list[Problem]:
    """Doubts about a version that can run (R60)."""
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
        template = getattr(made, "template", "")
        for path in known.templates.get(template, ()) if known.attributes is not None else ():
            root, _, attribute = path.partition(".")
            if root == "customer" and attribute.split(".")[0] not in {"id", *(known.attributes or ())}:
                message = f"template {template!r} needs {path}, which no customer has yet"
                doubts.append(Problem(at("/steps", name, "message", "template"), message, "give it a default"))
    return doubts + _of_the_map(journey, known.steps)


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
