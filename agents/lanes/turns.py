"""What the lanes of a process leave each other, so that a live event waits for little (A10, A12).

Sweeps take turns: of all lanes one sweeps at a time, so that an event waits for one slice, not for a slice of every
lane. Where there is a backlog, the long rounds of all lanes together stay below a quarter of a second or so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SLICE = 200
"""Customers that a sweep looks at in a round."""
BUSY_SLICE = 50
"""The same where inputs wait."""
BUSY_TIMERS = 500
"""Timers that a lane fires in a round where inputs wait: after a downtime each event waits for a round of each lane."""


PASS = 16_000
"""Records of a backlog that all lanes of a process take, one round each, before any of them comes again."""


class Turns:
    """Lanes that have something to sweep, in the order in which they came."""

    def __init__(self) -> None:
        self.lanes = 1
        """Of this process."""
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    def mine(self, lane: int, wake: Callable[[], None]) -> bool:
        """Whether it is the turn of `lane`; if not, `wake` is called when it is."""
        if all(waiting != lane for waiting, _ in self._waiting):
            self._waiting.append((lane, wake))
        return self._waiting[0][0] == lane

    def room(self, waiting: int, usual: int, most: int) -> int:
        """Records of the next round of a lane for which so many wait. Long rounds cost less; how long, the number of
        lanes says: each may have a backlog."""
        return usual if waiting <= 2 * usual else max(usual, min(most, PASS // max(1, self.lanes)))

    def done(self, lane: int) -> None:
        """`lane` has had its turn, or wants none."""
        first = self._waiting[0][0] if self._waiting else None
        self._waiting = deque((waiting, wake) for waiting, wake in self._waiting if waiting != lane)
        if first == lane and self._waiting:
            self._waiting[0][1]()
