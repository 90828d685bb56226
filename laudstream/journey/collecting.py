"""`steps.<id>.events`: events that a wait collects for the template, at most 50 (R25)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from laudstream.customers.event import Event
from laudstream.journey.customer import Run
from laudstream.journey.matching import Heard
from laudstream.journey.moves import CONTEXT_BYTES, CONTEXTS_BYTES, size_of
from laudstream.journey.reasons import Reason
from laudstream.journey.work import Work

MOST = 50


def gather(work: Work, run: Run, names: Collection[str], heard: Heard, at: int) -> None:
    """Collects an input of the wait that the run is at, if it is one of those; `run` is ours to change."""
    if not isinstance(heard, Event) or heard.name not in names:
        return
    known: list[Any] = run.steps.get(run.step, {}).get("events", [])
    made = {**heard.properties, "name": heard.name} if "name" not in heard.properties else heard.properties
    size = size_of(made)
    others = sum(other.size for other in work.runs)
    if len(known) >= MOST or run.size + size > CONTEXT_BYTES or others + size > CONTEXTS_BYTES:
        work.decide("limit", run, at, reason=Reason.LIMIT, data={"which": "collected events"})
        return
    keep_events(run, [*known, made])


def keep_events(run: Run, events: list[Any]) -> None:
    """Puts the collected events of the present step into the run."""
    known = run.steps.get(run.step, {})
    run.size += sum(map(size_of, events)) - sum(map(size_of, known.get("events", [])))
    run.steps = {**run.steps, run.step: {**known, "events": events}}
