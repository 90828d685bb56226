"""What delays, waits and windows share: a run rests until an instant, or does what is said where there is none."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from msgspec.structs import replace

from laudstream.conditions import Scope
from laudstream.journey import until as untils
from laudstream.journey.customer import Run
from laudstream.journey.moves import Left, end, rest
from laudstream.journey.reasons import Reason
from laudstream.journey.releases import released, released_that_day
from laudstream.journey.steps import Journey
from laudstream.journey.until import EXIT, HOLD, PASS, Due, Fallback, Until
from laudstream.journey.windows import FOREVER
from laudstream.journey.work import Work


def rest_until(work: Work, run: Run, version: Journey, until: Until, fallback: Fallback, way: Left) -> Left | None:
    """The run rests until the instant, and then goes `way`; it goes at once if that is now, or as `fallback` says."""
    scope, zone = work.scope(run), work.zone(version)
    found = untils.due(until, scope, way.at, zone)
    data = {until.path: _said(until, scope)} if until.path else {}
    if found is None:
        return missing(work, run, fallback, way, data)
    if found.at < way.at:
        return past(work, run, fallback, way, {**data, "due": found.at})
    if found.at == way.at:
        return way
    rest(run, _released(work, version, until, found, zone))
    return None


def _said(until: Until, scope: Scope) -> Any:
    value = until.get(scope) if until.get is not None else None
    return value[:200] if isinstance(value, str) else value if isinstance(value, int | float) else None


def _released(work: Work, version: Journey, until: Until, found: Due, zone: tzinfo) -> int:
    if not found.many:
        return found.at
    if until.fixed:
        return released(work, version, found.at, FOREVER)
    return released_that_day(work, version, found.at, zone)


def past(work: Work, run: Run, fallback: Fallback, way: Left, data: dict[str, Any]) -> Left | None:
    """The instant is past (R31)."""
    data = {**data, "reason": Reason.IF_PAST}
    if fallback.if_past == PASS:
        return replace(way, data=data)
    if fallback.if_past == EXIT:
        data.pop("reason")
        end(work, run, way.at, reason=Reason.IF_PAST, data=data)
        return None
    return Left("skip" if fallback.if_past == untils.SKIP else "past", fallback.to_step, data, way.at)


def missing(work: Work, run: Run, fallback: Fallback, way: Left, data: dict[str, Any]) -> Left | None:
    """There is no value (R31)."""
    if fallback.if_missing == PASS:
        return replace(way, data={**data, "reason": Reason.IF_MISSING})
    if fallback.if_missing == HOLD:
        rest(run, 0)
    else:
        end(work, run, way.at, reason=Reason.IF_MISSING, data=data)
    return None


def past_edges(fallback: Fallback) -> dict[str, str]:
    """The ways that only lead on where the instant is past."""
    if not fallback.to_step:
        return {}
    return {"skip" if fallback.if_past == untils.SKIP else "past": fallback.to_step}
