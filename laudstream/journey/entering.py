"""Entries: which journeys an event starts, and why others refuse it (R21 to R24, R59).

Asked in this order: status of the journey, opening times, too_old, key_missing, condition, already_in, reentry,
already_out, limit. The first that refuses gives the reason. Where places are counted, the quota is asked last (R18).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from laudstream.customers.event import ENTER, LEAVE, Event
from laudstream.journey import goals, trial
from laudstream.journey.customer import ACTIVE, ASKING, FAILED, Entered, Run
from laudstream.journey.handoff import Ask
from laudstream.journey.listening import exit_rule
from laudstream.journey.live import DRAINING, PAUSED, LiveJourney, Signal
from laudstream.journey.matching import key_value, too_old
from laudstream.journey.moves import CONTEXT_BYTES, CONTEXTS_BYTES, end, packed
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Audience, DateEntry, Entry, Journey, SegmentEntry
from laudstream.journey.walking import walk
from laudstream.journey.work import Work

OPEN_RUNS = 100
OPEN_RUNS_OF_JOURNEY = 20
KEYS_OF_JOURNEY = 1_000
KEYS = 4_000
SIGNALLED = "signal"

AnyEntry = Entry | DateEntry | Audience | SegmentEntry
Occurrence = tuple[str | int, ...]
"""What tells entries on time of one input apart: the alarm and its number; empty: there is only one."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    reason: str
    data: dict[str, Any]


def enter(work: Work, live: LiveJourney, event: Event) -> None:
    """Asks the entries of a journey that the event meets; the first that accepts starts a run."""
    number = live.taking(work.moment.now)
    if live.status.trial[0]:
        number = trial.taking(work, live, number)
    if not number:
        return
    version = live.versions[number]
    for entry in version.entries:
        if entry.api != (event.type == ENTER) or not (entry.api or entry.on.name == event.name):
            continue
        run = _candidate(work, live, number, entry, event)
        refusal = _refusal(work, live, version, entry, event, run)
        if refusal is None:
            _start(work, version, run)
            return
        work.decide("not_entered", run, work.moment.now, reason=refusal.reason, data=refusal.data)


def enter_audience(work: Work, live: LiveJourney, audience: Audience, occurrence: Occurrence = ()) -> None:
    """Asks the audience of a journey; who merely does not belong to it is not recorded (R36, R59)."""
    by = entered(work, None)
    if occurrence:
        by = Entered("", packed({"number": occurrence[-1]}), work.moment.now, by="audience")
    run = _timed(work, live, by)
    if _belongs(work, audience, run):
        _ask(work, live, audience, run, occurrence)


def enter_signal(work: Work, live: LiveJourney, number: int, audience: Audience, signal: Signal) -> None:
    """Asks an audience for a signal; `entry.*` are its properties (R34). A trial gets its share of them (R48)."""
    by = Entered(signal.name, packed(signal.properties), work.moment.now, by="signal")
    run = Run("", live.id, trial.taking(work, live, number), work.moment.now, by, "")
    if _belongs(work, audience, run):
        _ask(work, live, audience, run, (SIGNALLED, signal.number))


def enter_date(
    work: Work, live: LiveJourney, entry: DateEntry, properties: dict[str, Any], occurrence: Occurrence
) -> None:
    """Asks an entry whose date has come; `properties`: what `entry.*` reads (R33)."""
    run = _timed(work, live, Entered("", packed(properties), work.moment.now, by="date"))
    if entry.where is not None and not entry.where.test(work.scope(run)):
        data = entry.where.looked_at(work.scope(run))
        work.decide("not_entered", run, work.moment.now, reason=Reason.CONDITION, data=data)
    else:
        _ask(work, live, entry, run, occurrence)


def miss(work: Work, live: LiveJourney, audience: Audience, data: dict[str, Any]) -> None:
    """Occurrences of an audience went by, and are not made up (R36)."""
    run = _timed(work, live, entered(work, None))
    if _belongs(work, audience, run):
        work.decide("not_entered", run, work.moment.now, reason=Reason.MISSED, data=data)


def _timed(work: Work, live: LiveJourney, by: Entered) -> Run:
    """Who enters by time, and when, is what the live version says, also where a trial takes the customer (R48)."""
    return Run("", live.id, trial.taking(work, live, live.status.live), work.moment.now, by, "")


def _belongs(work: Work, audience: Audience, run: Run) -> bool:
    return audience.where is None or audience.where.test(work.scope(run))


def _ask(work: Work, live: LiveJourney, entry: Audience | DateEntry, run: Run, occurrence: Occurrence) -> None:
    version = live.versions[run.version]
    refusal = _closed(work, live, version) or _seen_before(work, entry, run) or _out_or_full(work, version, entry, run)
    if refusal is None:
        _start(work, version, run, occurrence)
    else:
        work.decide("not_entered", run, work.moment.now, reason=refusal.reason, data=refusal.data)


def enter_segment(work: Work, live: LiveJourney, edges: Collection[tuple[str, str]]) -> None:
    """Asks the entries of a journey for a change of a segment; the first that accepts starts a run (R35)."""
    number = trial.taking(work, live, live.taking(work.moment.now))
    if not number:
        return
    version = live.versions[number]
    for entry in version.segment_entries:
        if (entry.segment, entry.edge) not in edges:
            continue
        properties = {"segment": entry.segment, "on": entry.edge}
        run = Run(
            "",
            live.id,
            number,
            work.moment.now,
            Entered("", packed(properties), work.moment.now, work.mark, "segment"),
            "",
        )
        refusal = (
            _closed(work, live, version) or _unlike(work, entry, run) or _seen_before(work, entry, run)
            or _out_or_full(work, version, entry, run)
        )  # fmt: skip
        if refusal is None:
            _start(work, version, run)
            return
        work.decide("not_entered", run, work.moment.now, reason=refusal.reason, data=refusal.data)


def _unlike(work: Work, entry: SegmentEntry, run: Run) -> Refusal | None:
    scope = work.scope(run)
    if entry.where is None or entry.where.test(scope):
        return None
    return Refusal(Reason.CONDITION, entry.where.looked_at(scope))


def _candidate(work: Work, live: LiveJourney, number: int, entry: Entry, event: Event) -> Run:
    """The run as it would be; without an id and a step until it begins."""
    key = key_value(event.properties, entry.on.key) if entry.on.key else ""
    return Run("", live.id, number, work.moment.now, entered(work, event), "", key, entry.on.key)


def entered(work: Work, event: Event | None) -> Entered:
    """What a run keeps of the event that starts it; None: the audience started it."""
    if event is None:
        return Entered("", packed({}), work.moment.now, by="audience")
    if event.type == ENTER:
        return Entered("", packed(event.properties), work.moment.now, work.mark, "api")
    return Entered(event.name, packed(event.properties), work.moment.now, work.mark)


def leave(work: Work, live: LiveJourney, event: Event) -> None:
    """The runs of a journey end with the outcome that the event names (R52)."""
    outcome = str(event.properties.get("outcome") or "left")
    for run in tuple(work.runs):
        if run.journey == live.id and run.status != FAILED:
            end(work, run, work.moment.now, outcome=outcome, data={"event": LEAVE})


def _refusal(work: Work, live: LiveJourney, version: Journey, entry: Entry, event: Event, run: Run) -> Refusal | None:
    closed = _closed(work, live, version)
    if closed is not None:
        return closed
    on = entry.on
    if too_old(work, version, on, event):
        return Refusal(Reason.TOO_OLD, {"timestamp": event.timestamp})
    if on.key and not run.key:
        return Refusal(Reason.KEY_MISSING, {"key": on.key})
    if on.where is not None:
        scope = work.scope(run, event.properties)
        if not on.where.test(scope):
            return Refusal(Reason.CONDITION, on.where.looked_at(scope))
    return _seen_before(work, entry, run) or _out_or_full(work, version, entry, run)


def _closed(work: Work, live: LiveJourney, version: Journey) -> Refusal | None:
    now, settings = work.moment.now, version.settings
    if live.status.status in (PAUSED, DRAINING):
        return Refusal(Reason.PAUSED if live.status.status == PAUSED else Reason.DRAINING, {})
    if now < settings.starts_at or (settings.ends_at and now >= settings.ends_at):
        return Refusal(Reason.NOT_OPEN, {})
    return None


def _seen_before(work: Work, entry: AnyEntry, run: Run) -> Refusal | None:
    present = active(work, run) if work.runs else None
    if present is not None:
        may = entry.restart and not any(_same(other, run) and other.status == ASKING for other in work.runs)
        return None if may else Refusal(Reason.ALREADY_IN, {"run": present.id})
    if entry.reentry == "always":
        return None
    last = work.core.memory.get(run.journey, {}).get(run.key)
    if last is None:
        return None
    if entry.reentry == "after" and entry.after is not None:
        again = entry.after.add(last, work.zone(work.journeys[run.journey].versions[run.version]))
        return None if again <= run.entered_at else Refusal(Reason.REENTRY, {"last": last, "again": again})
    return Refusal(Reason.REENTRY, {"last": last})


def active(work: Work, run: Run) -> Run | None:
    """Another run of the same journey and key."""
    for other in work.runs:
        if _same(other, run) and other.id != run.id and other.status != FAILED:
            return other
    return None


def _same(one: Run, other: Run) -> bool:
    return one.journey == other.journey and one.key == other.key


def _out_or_full(work: Work, version: Journey, entry: AnyEntry, run: Run) -> Refusal | None:
    met = exit_rule(work, run, version, None) if version.exits else None
    if met is not None:
        return Refusal(Reason.ALREADY_OUT, {"outcome": met[0], **met[1]})
    run.size = len(run.entry.packed)
    if not work.runs and run.size <= CONTEXT_BYTES:
        return None
    same = sum(other.journey == run.journey for other in work.runs)
    sizes = sum(other.size for other in work.runs)
    which = (
        "open runs" if len(work.runs) >= OPEN_RUNS
        else "open runs of a journey" if same >= OPEN_RUNS_OF_JOURNEY
        else "run context" if run.size > CONTEXT_BYTES or sizes + run.size > CONTEXTS_BYTES
        else ""
    )  # fmt: skip
    return Refusal(Reason.LIMIT, {"which": which}) if which else None


def _start(work: Work, version: Journey, run: Run, occurrence: Occurrence = ()) -> None:
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
