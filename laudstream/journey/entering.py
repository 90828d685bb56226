"""A run begins: with its id, its first steps, and what is remembered of it (R18, R22, R23)."""

from __future__ import annotations

from typing import Any

from laudstream.journey import goals
from laudstream.journey.customer import ACTIVE, ASKING, FAILED, Run
from laudstream.journey.handoff import Ask
from laudstream.journey.moves import end
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.walking import walk
from laudstream.journey.work import Work

OPEN_RUNS = 100
OPEN_RUNS_OF_JOURNEY = 20
KEYS_OF_JOURNEY = 1_000
KEYS = 4_000

Occurrence = tuple[str | int, ...]
"""What tells entries on time of one input apart: the alarm and its number; empty: there is only one."""


def start(work: Work, version: Journey, run: Run, occurrence: Occurrence = ()) -> None:
    """The run begins, or asks for its place where places are counted."""
    run.id = work.id_of("run", run.journey, *occurrence)
    if version.max_entries:
        run.status = ASKING
        work.begin(run)
        of = _occurrence(work, run, occurrence) if version.per_occurrence else ""
        work.out.append(Ask(work.workspace, run.journey, ((work.customer, run.id),), of=of))
        return
    begin(work, run, version)


def _occurrence(work: Work, run: Run, occurrence: Occurrence) -> str:
    """The quota of an occurrence: of a signal, or of an audience since its publishing (R18, R36). Other entries share
    one."""
    if run.entry.by == "signal":
        return f"signal/{occurrence[-1]}"
    if run.entry.by == "audience" and occurrence:
        return f"audience/{work.journeys[run.journey].status.audience[0]}/{occurrence[-1]}"
    return ""


def begin(work: Work, run: Run, version: Journey) -> None:
    """The run takes its first steps, as of its entry."""
    present = active(work, run) if work.runs else None
    if present is not None:
        end(work, present, work.moment.now, reason=Reason.RESTARTED)
    run.arrived_at = run.entered_at
    _remember(work, run)
    if version.goal is not None:
        goals.begin(work, run, version)
    data: dict[str, Any] = {"event": run.entry.name}
    if run.entry.by:
        data = {} if run.entry.by in ("date", "segment") else {run.entry.by: run.entry.name or True}
        data |= {} if run.entry.by == "api" else run.entry.properties
    if run.key:
        data["key"] = run.key
    work.decide("entered", run, run.entered_at, to=version.start, data=data)
    run.step, run.visit, run.trail = version.start, 1, (version.start,)
    if run.status != ACTIVE:  # it asked for its place
        run.status, run.granted = ACTIVE, False
    work.begin(run)
    try:
        walk(work, run, version, run.entered_at)
    except MemoryError:
        raise
    except Exception as error:
        work.park(run, error)


def _remember(work: Work, run: Run) -> None:
    """Keeps when the last run of this key began (R23), within the limits (A7)."""
    memory = work.core.memory
    before = memory.get(run.journey)
    if before is None and len(memory) < KEYS // KEYS_OF_JOURNEY:  # so few cannot be too many
        work.core.memory = {**memory, run.journey: {run.key: run.entered_at}}
        return
    keys = {**before} if before is not None else {}
    known = len(keys)
    keys.pop(run.key, None)
    keys[run.key] = run.entered_at  # in order of start
    if len(keys) > KEYS_OF_JOURNEY or sum(map(len, memory.values())) - known + len(keys) > KEYS:
        keys.pop(next(iter(keys)))
        work.decide("limit", run, run.entered_at, reason=Reason.LIMIT, data={"which": "remembered keys"})
    work.core.memory = {**memory, run.journey: keys}


def active(work: Work, run: Run) -> Run | None:
    """Another run of the same journey and key."""
    for other in work.runs:
        if same(other, run) and other.id != run.id and other.status != FAILED:
            return other
    return None


def same(one: Run, other: Run) -> bool:
    return one.journey == other.journey and one.key == other.key
