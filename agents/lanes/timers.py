"""The timers of a round that are due when its inputs are handled (A4, A8)."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import NamedTuple

from agents.lanes.crowd import Crowd
from laudstream.journey.inputs import TimerInput
from tables.view import Due


class Fired(NamedTuple):
    timers: int = 0
    done: list[tuple[int, bytes]] = []  # noqa: RUF012 - nobody adds to the default
    """Hints that have had their effect."""
    popped: frozenset[bytes] = frozenset()
    """Customers whose hints these were."""


def fire(due: Due, crowd: Crowd, before: int, limit: int) -> Fired:
    """Fires live timers due before an instant (ms), at most so many, in order (wake_at, customer), whatever stale hints
    lie between them."""
    hinted = set(due.hints)
    queued = set(hinted)
    horizon, now_of = due.horizon, crowd.now
    for key in crowd.changed:
        wake_at = now_of[key].core.wake_at
        if 0 < wake_at < before:  # armed in this round, and due already
            queued.add((wake_at, key))
    if not queued:
        return Fired()
    pending = list(queued)
    heapify(pending)
    timers = 0
    done: list[tuple[int, bytes]] = []
    while pending and timers < limit and pending[0] <= horizon:
        at, key = entry = heappop(pending)
        if entry in hinted:
            done.append(entry)
        if now_of[key].core.wake_at == at:
            timers += 1
            crowd.advance(key, TimerInput(at), at)
        wake_at = now_of[key].core.wake_at
        if at < wake_at < before and (following := (wake_at, key)) not in queued:
            queued.add(following)
            heappush(pending, following)
    return Fired(timers, done, frozenset(key for _, key in done))
