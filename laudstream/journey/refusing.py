"""Entries that refuse an event by what the customer has or had, by far the most that do: without a Work."""

from __future__ import annotations

from typing import Any

from laudstream.customers.event import Event
from laudstream.journey.customer import FAILED, Core, Customer
from laudstream.journey.decision import Decision
from laudstream.journey.inputs import Effect, Moment
from laudstream.journey.live import LIVE, LiveJourney, Space
from laudstream.journey.matching import YOUNG_MS
from laudstream.journey.origin import Origin, low, stem_of
from laudstream.journey.reasons import Reason

ALREADY_IN, REENTRY = Reason.ALREADY_IN, Reason.REENTRY


def refused(
    customer: Customer, entries: tuple[LiveJourney, ...], event: Event, moment: Moment, space: Space, cause: Origin
) -> list[Effect] | None:
    """What `entries.enter` decides of a tracked event that nothing else listens to, where every entry refuses because
    a run is there or was (R22, R23). None: one of them may do more, or nothing is decided."""
    now, core = moment.now, customer.core
    if (event.timestamp and now - event.timestamp >= YOUNG_MS) or core.goals or space.ticking or space.watch.own:
        return None
    made: list[Effect] = []
    stem, n = "", core.decisions
    for live in entries:
        status = live.status
        if status.status != LIVE or status.trial[0]:
            return None
        number = live.taking(now)
        version = live.versions.get(number)
        if version is None or version.settings.starts_at or version.settings.ends_at:
            return None
        for entry in version.entries:
            on = entry.on
            if entry.api or on.name != event.name:
                continue
            if on.key or on.where is not None or entry.restart or (on.max_age is not None and not on.max_age.days):
                return None
            why = _why(core, live.id, entry.reentry)
            if why is None:
                return None
            n, stem = n + 1, stem or stem_of(customer, moment, cause)
            made.append(
                Decision(
                    stem + low(n), "not_entered", customer.workspace, customer.id, now, moment.clock, n, live.id,
                    number, reason=why[0], data=why[1],
                )
            )  # fmt: skip
    return made or None


def _why(core: Core, journey: str, reentry: str) -> tuple[str, dict[str, Any]] | None:
    for run in core.runs:
        if run.journey == journey and not run.key and run.status != FAILED:
            return ALREADY_IN, {"run": run.id}
    last = core.memory.get(journey, _NEVER).get("") if reentry == "never" else None
    return None if last is None else (REENTRY, {"last": last})


_NEVER: dict[str, int] = {}
