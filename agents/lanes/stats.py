"""What a lane tells about itself: plain counters, read by the ops server."""

from __future__ import annotations

import time

import msgspec


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
    longest_gap_s: float = 0.0
    last_round_at: float = 0.0

    def round_done(self, inputs: int, timers: int, core_s: float, commit_s: float, clock: int, lane_time: int) -> None:
        at = time.monotonic()
        if self.last_round_at:
            self.longest_gap_s = max(self.longest_gap_s, at - self.last_round_at)
        self.last_round_at = at
        self.rounds += 1
        self.inputs += inputs
        self.timers += timers
        self.core_s += core_s
        self.commit_s += commit_s
        self.late_ms = clock - lane_time
