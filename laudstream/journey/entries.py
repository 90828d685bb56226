"""Which journeys an input starts: by an event or a call, by time, by a change of a segment, by a signal (R21)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from laudstream.customers.event import ENTER, LEAVE, Event
from laudstream.journey import trial
from laudstream.journey.admission import closed, out_or_full, refusal_of, seen_before, unlike
from laudstream.journey.customer import FAILED, Entered, Run
from laudstream.journey.entering import Occurrence, start
from laudstream.journey.live import LiveJourney, Signal
from laudstream.journey.matching import key_value
from laudstream.journey.moves import end, packed
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Audience, DateEntry, Entry
from laudstream.journey.work import Work

SIGNALLED = "signal"


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
        refusal = refusal_of(work, live, version, entry, event, run)
        if refusal is None:
            start(work, version, run)
            return
        work.decide("not_entered", run, work.moment.now, reason=refusal.reason, data=refusal.data)


def _candidate(work: Work, live: LiveJourney, number: int, entry: Entry, event: Event) -> Run:
    """The run as it would be; without an id and a step until it begins."""
    key = key_value(event.properties, entry.on.key) if entry.on.key else ""
    return Run("", live.id, number, work.moment.now, entered(work, event), "", key, entry.on.key)


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
    refusal = closed(work, live, version) or seen_before(work, entry, run) or out_or_full(work, version, entry, run)
    if refusal is None:
        start(work, version, run, occurrence)
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
            closed(work, live, version) or unlike(work, entry, run) or seen_before(work, entry, run)
            or out_or_full(work, version, entry, run)
        )  # fmt: skip
        if refusal is None:
            start(work, version, run)
            return
        work.decide("not_entered", run, work.moment.now, reason=refusal.reason, data=refusal.data)


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
