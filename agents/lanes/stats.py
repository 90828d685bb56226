"""What a lane tells about itself: plain counters, read by the ops server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from agents.lanes.round import Plan, Result


class LaneStats(msgspec.Struct):
    rounds: int = 0
    inputs: int = 0
    timers: int = 0
    restored: int = 0
    aborted: int = 0
    failed: int = 0
    """Runs parked by an error."""
    dead_letters: int = 0
    open_s: float = 0.0
    core_s: float = 0.0
    """Time in the pure part."""
    commit_s: float = 0.0
    """Time from there to the end of the commit."""
    late_ms: int = 0
    """Clock minus lane time after the last round."""
    timers_seen: int = 0
    timers_late_s: float = 0.0
    """Of all timers that were looked at: the clock of their round minus when they were due."""
    timer_late_ms: int = 0
    """Of the one that was due first, in the last round that looked at any."""
    restoring: int = 0
    """Offsets of the changelog that are left to read; 0: it is restored."""
    longest_gap_s: float = 0.0
    last_round_at: float = 0.0

    def round_done(self, plan: Plan, result: Result, core_s: float, commit_s: float) -> None:
        at = time.monotonic()
        if self.last_round_at:
            self.longest_gap_s = max(self.longest_gap_s, at - self.last_round_at)
        self.last_round_at = at
        self.rounds += 1
        self.inputs += len(plan.inputs)
        self.timers += result.fired
        self.failed += len(result.parked)
        self.dead_letters += len(result.skipped)
        self.core_s += core_s
        self.commit_s += commit_s
        self.late_ms = plan.clock - result.lane_time
        if result.done:
            self._timers_done([due for due, _ in result.done], plan.clock)

    def _timers_done(self, due: list[int], clock: int) -> None:
        """`due`: when they were due, ms, in their order."""
        self.timers_seen += len(due)
        self.timers_late_s += (len(due) * clock - sum(due)) / 1000
        self.timer_late_ms = clock - due[0]


class Sight(NamedTuple):
    """What can be seen of a lane from outside."""

    stats: LaneStats
    is_open: bool
    seq: int = 0
    in_hand: int = 0
    lag: Mapping[str, int] = {}
    """Topic -> records that are not handled, as far as the last fetch knew."""
    store_bytes: int = 0
