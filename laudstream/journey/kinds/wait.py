"""wait: ordered branches, each for an input or a level, and a timeout (R5, R27 to R29)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import force_setattr

from laudstream.journey import past, schemas
from laudstream.journey.collecting import gather, keep_events
from laudstream.journey.customer import Run
from laudstream.journey.durations import Duration
from laudstream.journey.kinds import branches as written
from laudstream.journey.kinds.place import STATE_ROOTS, Kind, Place, distinct
from laudstream.journey.kinds.rests import past_edges, rest_until
from laudstream.journey.matching import Heard, looked_at, progressed, properties, satisfied, weight
from laudstream.journey.moves import USED, Left, rest, use
from laudstream.journey.parse_time import FALLBACK, until_and_fallback, until_schema
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey, Step, WaitBranch
from laudstream.journey.until import Fallback, Until
from laudstream.journey.work import Work

MOST_COLLECTED = 20


class WaitStep(Step, frozen=True, gc=False):
    branches: tuple[WaitBranch, ...]
    after: Duration | None
    timeout: str
    """Step that follows the timeout; empty: it waits for ever."""
    since: str = "arrival"
    """arrival, entry or span."""
    span: Duration | None = None
    collect: frozenset[str] = frozenset()
    """Names of the events that are kept for the template."""
    told: bool = False
    """Whether a branch waits for what becomes of a message."""
    conditional: bool = False
    """Whether a branch waits for a condition."""
    counts: dict[str, tuple[int, int]] = {}  # noqa: RUF012 - of a frozen struct
    """Event -> (branch, how many it needs), where nothing but their number decides."""
    until: Until | None = None
    """Of the timeout; where it is set, it counts, and not `after`."""
    fallback: Fallback = Fallback()

    def __post_init__(self) -> None:
        force_setattr(self, "counts", {} if self.collect else _counts(self.branches))
        force_setattr(self, "told", any(branch.told is not None for branch in self.branches))
        force_setattr(self, "conditional", any(branch.condition is not None for branch in self.branches))


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
    reader.only(body, spot, ("branches", "timeout", "since", "collect"))
    items = reader.list_of(body.get("branches"), at(spot, "branches"), "'branches'", most=20)
    branches = tuple(written.read(reader, item, at(spot, "branches", index)) for index, item in enumerate(items))
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
    since, span = body.get("since", "arrival"), None
    if since not in ("arrival", "entry"):
        since, span = "span", reader.duration_of(since, at(spot, "since"), "'since' (or arrival, or entry)")
    collect: list[Any] = []
    if "collect" in body:
        collect = reader.list_of(body["collect"], at(spot, "collect"), "'collect'", most=MOST_COLLECTED)
        collect = [reader.text_of(name, at(spot, "collect", i), "an event") or "" for i, name in enumerate(collect)]
    return WaitStep(branches, after, target, since, span, frozenset(collect), until=until, fallback=fallback)


def schema() -> dict[str, Any]:
    name = schemas.NAME
    timeout = {
        "oneOf": [
            schemas.object_of(("after", "next"), after=schemas.DURATION, next=name),
            schemas.object_of(("until", "next"), until=until_schema(), next=name, **FALLBACK),
        ]
    }
    since = {"anyOf": [{"enum": ["arrival", "entry"]}, schemas.DURATION], "default": "arrival"}
    settings = schemas.object_of(
        ("branches",), branches=schemas.list_of(written.schema(), 20), timeout=timeout, since=since,
        collect=schemas.list_of(schemas.TEXT, MOST_COLLECTED),
    )  # fmt: skip
    return schemas.step("wait", settings)


def edges(step: WaitStep) -> dict[str, str]:
    ways = {branch.name: branch.next for branch in step.branches}
    return {**ways, **({"timeout": step.timeout} if step.timeout else {}), **past_edges(step.fallback)}


def arrive(work: Work, run: Run, version: Journey, step: WaitStep, at: int) -> Left | None:
    if step.collect:
        keep_events(run, [])
    if step.since != "arrival":
        left = _looking_back(work, run, version, step, at)
    else:
        left = _level(work, run, step, at) if step.conditional else None
    if left is not None:
        return left
    if step.until is not None:
        return again(work, run, version, step, at)
    after = step.after
    if after is None:
        rest(run, 0)
    elif after.months or after.days:
        rest(run, after.add(at, work.zone(version)))
    else:  # no zone is asked for what is the same in all
        rest(run, at + after.ms)
    return None


def again(work: Work, run: Run, version: Journey, step: WaitStep, at: int) -> Left | None:
    """Its timeout by an instant; what the branches have counted stays."""
    return rest_until(work, run, version, step.until, step.fallback, due(step, at)) if step.until is not None else None


def _level(work: Work, run: Run, step: WaitStep, at: int) -> Left | None:
    for branch in step.branches:
        if branch.condition is not None:
            left = _holds(work, run, branch, at)
            if left is not None:
                return left
    return None


def _holds(work: Work, run: Run, branch: WaitBranch, at: int) -> Left | None:
    scope, condition = work.scope(run), branch.condition
    if condition is None or not condition.test(scope):
        return None
    return Left(branch.name, branch.next, condition.looked_at(scope), at)


def _looking_back(work: Work, run: Run, version: Journey, step: WaitStep, at: int) -> Left | None:
    """The first branch in order that what happened since then satisfies, whatever happened first (R27)."""
    inputs = [
        (kept, heard)
        for kept, heard in past.since(work, run, version, step.span, at)
        if not (kept.mark and (run.step, kept.mark) in run.used)
    ]
    for kept, heard in inputs:
        gather(work, run, step.collect, heard, kept.at)
    counted = [0] * len(step.branches)
    for index, branch in enumerate(step.branches):
        left = _holds(work, run, branch, at)
        if left is not None:
            return left
        for kept, heard in inputs:
            adds = weight(work, run, version, branch, heard, kept.at)
            if not adds:
                continue
            counted[index] = progressed(branch, counted[index], adds)
            if satisfied(branch, counted[index]):
                return _used(work, run, branch, heard, kept.mark, at)
    run.progress = tuple(counted) if any(counted) else ()
    return None


def _used(work: Work, run: Run, branch: WaitBranch, heard: Heard, mark: bytes, at: int) -> Left:
    """An input is used (R51), as long as the run can remember all that it used: so no cycle goes on for ever."""
    data = looked_at(work, run, branch, heard)
    if mark and len(run.used) < USED:
        run.trail = ()
    use(work, run, properties(heard), mark, at)
    return Left(branch.name, branch.next, data, at)


def due(step: WaitStep, at: int) -> Left:
    return Left("timeout", step.timeout, {}, at)


def hears(step: WaitStep) -> frozenset[str]:
    names = {on.name for branch in step.branches for on in (branch.on, *branch.all_of) if on is not None}
    return step.collect | names


def levels(step: WaitStep) -> bool:
    return any(branch.condition is not None or branch.changed is not None for branch in step.branches)


def reads(step: WaitStep) -> frozenset[str]:
    return step.until.reads if step.until is not None else frozenset()


KIND = Kind("wait", WaitStep, read, schema, edges, arrive, (), due, hears, levels, holds=True, reads=reads, again=again)
