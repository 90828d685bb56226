"""The workspace's time zone changed: whatever goes by it is computed again, for each customer once (R31).

Runs that rest until an instant of that zone, deferred messages, and alarms of entries on time. Durations are not, nor
what goes by the customer's zone or the journey's. A sweep brings it to all; any input of a customer does it first.
"""

from __future__ import annotations

from collections.abc import Callable

from laudstream.journey import again, alarms
from laudstream.journey.customer import ACTIVE, ASKING, Core, Run
from laudstream.journey.live import Space
from laudstream.journey.settling import guarded_entry
from laudstream.journey.telling import guarded, movable
from laudstream.journey.work import Work

MARK = "!zone"
"""Among what a customer was looked at for: when the zone changed last, ms."""


def awaits(core: Core, space: Space) -> bool:
    """Whether anything of the customer may go by the zone before."""
    at = space.rezoned_at
    if not at or core.swept.get(MARK, 0) >= at:
        return False
    return bool(core.alarms) or any(run.arrived_at <= at and run.status != ASKING for run in core.runs)


def catch_up(work: Work, ask_deferred: Callable[[Work], None]) -> None:
    """Computes it again, as of the present input."""
    core, at = work.core, work.space.rezoned_at
    if not awaits(core, work.space):
        return
    core.swept = {**core.swept, MARK: at}
    for run, live, version in movable(work):
        if run.arrived_at <= at and not version.settings.time_zone and _rests(run, version.reads.get(run.step)):
            guarded(work, run, again.again, version, live.moves)
    ask_deferred(work)
    for key in sorted(core.alarms):
        owner = work.journeys.get(key.partition("/")[0])
        if owner is not None:
            guarded_entry(work, owner, None, alarms.rezone, work, owner, key)


def _rests(run: Run, reads: frozenset[str] | None) -> bool:
    """Whether it rests until an instant of local time."""
    return reads is not None and "timezone" in reads and run.status == ACTIVE and not run.trail
