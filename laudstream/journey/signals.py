"""Signals: events that belong to no customer start the audiences that listen to them, each customer once (R34).

A signal is a control record with a body, so every lane has it at the same place among the definitions, once. A sweep
brings it to all who were there; any input of a customer does it first. A lane keeps those of the last day: a sweep is
over by then, and rows that came late are there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.errors import Invalid, Problem
from laudstream.journey import entries
from laudstream.journey.customer import Core
from laudstream.journey.live import LiveJourney, Signal, Space
from laudstream.journey.reader import Reader
from laudstream.journey.work import Work

SIGNAL = "signal"
"""Kind of its control record; the id is its name, the version its number in the workspace."""
MARK = "!signal"
"""Among what a customer was looked at for: the number of the last signal."""
MOST_BYTES = 8 * 1024

_size = msgspec.json.Encoder().encode


def parse(body: dict[str, Any]) -> dict[str, Any]:
    """Its properties. Raises Invalid."""
    reader = Reader()
    reader.only(body, "", ("properties",))
    properties = reader.object_of(body.get("properties", {}), "/properties", "'properties'") or {}
    if len(_size(properties)) > MOST_BYTES:
        reader.wrong("/properties", f"a signal has at most {MOST_BYTES} bytes of properties", "send less")
    if reader.problems:
        first: Problem = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    return properties


def awaits(core: Core, space: Space) -> bool:
    """Whether there is a signal that the customer was not looked at for."""
    signals = space.signals
    if not signals or not core.row.born or core.swept.get(MARK, 0) >= signals[-1].number:
        return False
    return any(_concerns(core, space, signal) for signal in signals)


def _concerns(core: Core, space: Space, signal: Signal) -> bool:
    known = core.swept.get(MARK, 0)
    return signal.number > known and core.row.created_at <= signal.at and signal.name in space.listeners


def hear(work: Work, guarded: Any) -> None:
    """Asks the audiences that listen, signal by signal, by priority (R21)."""
    space, core = work.space, work.core
    if not awaits(core, space):
        return
    met = [signal for signal in space.signals if _concerns(core, space, signal)]
    core.swept = {**core.swept, MARK: space.signals[-1].number}
    for signal in met:
        for live in space.listeners[signal.name]:
            guarded(work, live, None, _enter, work, live, signal)


def _enter(work: Work, live: LiveJourney, signal: Signal) -> None:
    number = live.taking(signal.at)
    audience = live.versions[number].audience if number else None
    if audience is not None and audience.signal == signal.name:
        entries.enter_signal(work, live, number, audience, signal)
