"""When a customer has to be looked at next."""

from __future__ import annotations

from laudstream.journey.customer import Core, Run
from laudstream.journey.live import LiveJourney

MARKER_MS = 7 * 86_400_000
"""How long it is remembered that a customer was deleted (A18)."""


def wake_at(core: Core, runs: tuple[Run, ...], journeys: dict[str, LiveJourney]) -> int:
    """Earliest due time of a run that may move, of a segment, of an alarm or of a marker, ms; 0: none."""
    gone_at = core.row.gone_at
    earliest = gone_at + MARKER_MS if gone_at else 0
    if core.ticks:
        tick = min(core.ticks.values())
        earliest = min(earliest, tick) if earliest else tick
    for run in runs:
        look = run.look_at  # exits act in a pause too (R49)
        if look and (not earliest or look < earliest):
            earliest = look
        due = run.due if run.late_at else run.wake_at
        if due and (not earliest or due < earliest):
            live = journeys.get(run.journey)
            if live is not None and live.moves:
                earliest = due
    if core.alarms:
        for key, alarm in core.alarms.items():
            if alarm.due and (not earliest or alarm.due < earliest):
                live = journeys.get(key.partition("/")[0])
                if live is not None and live.wakes:
                    earliest = alarm.due
    return earliest
