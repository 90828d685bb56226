"""wait: ordered branches, each for an event or a condition, and a timeout (R5, R27 to R29)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import force_setattr

from laudstream.journey import conditions, schemas
from laudstream.journey.conditions import Condition
from laudstream.journey.customer import Run
from laudstream.journey.durations import Duration
from laudstream.journey.kinds.place import EVENT_ROOTS, STATE_ROOTS, Kind, Place, distinct, label_of, on
from laudstream.journey.kinds.rests import past_edges, rest_until
from laudstream.journey.moves import Left, rest
from laudstream.journey.parse_time import FALLBACK, until_and_fallback, until_schema
from laudstream.journey.reader import Reader, at
from laudstream.journey.steps import Journey, On, Step
from laudstream.journey.until import Fallback, Until
from laudstream.journey.work import Work

MAX_COUNT = 1_000


class WaitBranch(msgspec.Struct, frozen=True, gc=False):
    name: str
    next: str
    on: On | None = None
    count: int = 1
    condition: Condition | None = None


class WaitStep(Step, frozen=True, gc=False):
    branches: tuple[WaitBranch, ...]
    after: Duration | None
    timeout: str
    """Step that follows the timeout; empty: it waits for ever."""
    counts: dict[str, tuple[int, int]] = {}  # noqa: RUF012 - of a frozen struct
    """Event -> (branch, how many it needs), where nothing but their number decides."""
    until: Until | None = None
    """Of the timeout; where it is set, it counts, and not `after`."""
    fallback: Fallback = Fallback()

    def __post_init__(self) -> None:
        force_setattr(self, "counts", _counts(self.branches))


def _counts(branches: tuple[WaitBranch, ...]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    unclear: set[str] = set()
    for index, branch in enumerate(branches):
        on = branch.on
        if on is None:
            return {}
        whole_days = on.max_age is None or bool(on.max_age.days)
        if on.name in found or branch.count < 2 or on.where is not None or on.key or on.any_key or not whole_days:
            unclear.add(on.name)
        found[on.name] = index, branch.count
    return {name: each for name, each in found.items() if name not in unclear}


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, ("branches", "timeout"), ("since", "collect"))
    items = reader.list_of(body.get("branches"), at(spot, "branches"), "'branches'", most=20)
    branches = tuple(_branch(reader, item, at(spot, "branches", index)) for index, item in enumerate(items))
    distinct(place, [branch.name for branch in branches], ("timeout",))
    after, target, until, fallback = None, "", None, Fallback()
    if "timeout" in body:
        limit = reader.object_of(body["timeout"], at(spot, "timeout"), "'timeout'") or {}
        if "until" in limit:
            reader.only(limit, at(spot, "timeout"), ("until", "if_past", "if_missing", "next"))
            until, fallback = until_and_fallback(reader, limit, at(spot, "timeout"), STATE_ROOTS)
        else:
            reader.only(limit, at(spot, "timeout"), ("after", "next"))
            after = reader.duration_of(limit.get("after"), at(spot, "timeout", "after"), "'after' (or until)")
        target = reader.name_of(limit.get("next"), at(spot, "timeout", "next"), "'next'") or ""
    return WaitStep(branches, after, target, until=until, fallback=fallback)


def _branch(reader: Reader, body: Any, pointer: str) -> WaitBranch:
    found = reader.object_of(body, pointer, "a branch") or {}
    planned = ("message", "changed", "segment", "all_of")
    reader.only(found, pointer, ("name", "next", "event", "where", "count", "condition"), planned)
    following = reader.name_of(found.get("next"), at(pointer, "next"), "'next'") or ""
    if "event" in found and "condition" not in found:
        hears = on(reader, found["event"], pointer, found.get("where"), EVENT_ROOTS)
        count = 1
        if "count" in found:
            count = reader.whole_of(found["count"], at(pointer, "count"), "'count'", 1, MAX_COUNT) or 1
        return WaitBranch(label_of(reader, found, pointer, hears.name), following, hears, count)
    if "condition" in found and not {"event", "where", "count"} & found.keys():
        holds = conditions.read(reader, found["condition"], at(pointer, "condition"), STATE_ROOTS)
        return WaitBranch(label_of(reader, found, pointer, "condition"), following, condition=holds)
    if not set(planned) & found.keys():
        reader.wrong(pointer, "a branch waits for one thing", "write either event (with where, count) or condition")
    return WaitBranch("", following)


def schema() -> dict[str, Any]:
    name, text, condition = schemas.NAME, schemas.TEXT, schemas.CONDITION
    heard = schemas.event(any_key={"type": "boolean"})
    count = {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}
    branch = {
        "oneOf": [
            schemas.object_of(("event", "next"), name=text, event=heard, where=condition, count=count, next=name),
            schemas.object_of(("condition", "next"), name=text, condition=condition, next=name),
        ]
    }
    timeout = {
        "oneOf": [
            schemas.object_of(("after", "next"), after=schemas.DURATION, next=name),
            schemas.object_of(("until", "next"), until=until_schema(), next=name, **FALLBACK),
        ]
    }
    return schemas.step("wait", schemas.object_of(("branches",), branches=schemas.list_of(branch, 20), timeout=timeout))


def edges(step: WaitStep) -> dict[str, str]:
    ways = {branch.name: branch.next for branch in step.branches}
    return {**ways, **({"timeout": step.timeout} if step.timeout else {}), **past_edges(step.fallback)}


def arrive(work: Work, run: Run, version: Journey, step: WaitStep, at: int) -> Left | None:
    left = _level(work, run, step, at)
    if left is not None:
        return left
    if step.until is not None:
        return again(work, run, version, step, at)
    rest(run, step.after.add(at, work.zone(version)) if step.after is not None else 0)
    return None


def again(work: Work, run: Run, version: Journey, step: WaitStep, at: int) -> Left | None:
    """Its timeout by an instant; what the branches have counted stays."""
    return rest_until(work, run, version, step.until, step.fallback, due(step, at)) if step.until is not None else None


def _level(work: Work, run: Run, step: WaitStep, at: int) -> Left | None:
    for branch in step.branches:
        if branch.condition is not None:
            scope = work.scope(run)
            if branch.condition.test(scope):
                return Left(branch.name, branch.next, branch.condition.looked_at(scope), at)
    return None


def due(step: WaitStep, at: int) -> Left:
    return Left("timeout", step.timeout, {}, at)


def hears(step: WaitStep) -> frozenset[str]:
    return frozenset(branch.on.name for branch in step.branches if branch.on is not None)


def levels(step: WaitStep) -> bool:
    return any(branch.condition is not None for branch in step.branches)


def reads(step: WaitStep) -> frozenset[str]:
    return step.until.reads if step.until is not None else frozenset()


KIND = Kind("wait", WaitStep, read, schema, edges, arrive, (), due, hears, levels, holds=True, reads=reads, again=again)
