"""Whether an entry admits a customer, and why it refuses (R22 to R24, R59).

Asked in this order: status of the journey, opening times, too_old, key_missing, condition, already_in, reentry,
already_out, limit. The first that refuses gives the reason. Where places are counted, the quota is asked last (R18).
"""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.customers.event import Event
from laudstream.journey.customer import ASKING, Run
from laudstream.journey.entering import OPEN_RUNS, OPEN_RUNS_OF_JOURNEY, active, same
from laudstream.journey.listening import exit_rule
from laudstream.journey.live import DRAINING, PAUSED, LiveJourney
from laudstream.journey.matching import too_old
from laudstream.journey.moves import CONTEXT_BYTES, CONTEXTS_BYTES
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Audience, DateEntry, Entry, Journey, SegmentEntry
from laudstream.journey.work import Work

AnyEntry = Entry | DateEntry | Audience | SegmentEntry


class Refusal(msgspec.Struct, frozen=True, gc=False):
    reason: str
    data: dict[str, Any]


def refusal_of(work: Work, live: LiveJourney, version: Journey, entry: Entry, event: Event, run: Run) -> Refusal | None:
    """Of an entry by an event or a call; None: it admits the customer."""
    refusal = closed(work, live, version)
    if refusal is not None:
        return refusal
    on = entry.on
    if too_old(work, version, on, event):
        return Refusal(Reason.TOO_OLD, {"timestamp": event.timestamp})
    if on.key and not run.key:
        return Refusal(Reason.KEY_MISSING, {"key": on.key})
    if on.where is not None:
        scope = work.scope(run, event.properties)
        if not on.where.test(scope):
            return Refusal(Reason.CONDITION, on.where.looked_at(scope))
    return seen_before(work, entry, run) or out_or_full(work, version, entry, run)


def closed(work: Work, live: LiveJourney, version: Journey) -> Refusal | None:
    """By the status of the journey and its opening times."""
    now, settings = work.moment.now, version.settings
    if live.status.status in (PAUSED, DRAINING):
        return Refusal(Reason.PAUSED if live.status.status == PAUSED else Reason.DRAINING, {})
    if now < settings.starts_at or (settings.ends_at and now >= settings.ends_at):
        return Refusal(Reason.NOT_OPEN, {})
    return None


def unlike(work: Work, entry: SegmentEntry, run: Run) -> Refusal | None:
    """By the condition of the entry."""
    scope = work.scope(run)
    if entry.where is None or entry.where.test(scope):
        return None
    return Refusal(Reason.CONDITION, entry.where.looked_at(scope))


def seen_before(work: Work, entry: AnyEntry, run: Run) -> Refusal | None:
    """By a run that is there or was."""
    present = active(work, run) if work.runs else None
    if present is not None:
        may = entry.restart and not any(same(other, run) and other.status == ASKING for other in work.runs)
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


def out_or_full(work: Work, version: Journey, entry: AnyEntry, run: Run) -> Refusal | None:
    """By an exit that the customer meets already, or a limit (A7)."""
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
