"""Sweeps take turns: of all lanes of a process one sweeps at a time, so that a live event waits for one slice, not for
a slice of every lane (A10, A12)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SLICE = 200
"""Customers that a sweep looks at in a round."""
BUSY_SLICE = 50
"""The same where inputs wait."""
BUSY_TIMERS = 500
"""Timers that a lane fires in a round where inputs wait: after a downtime each event waits for a round of each lane."""


class Turns:
    """Lanes that have something to sweep, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    def mine(self, lane: int, wake: Callable[[], None]) -> bool:
        """Whether it is the turn of `lane`; if not, `wake` is called when it is."""
        if all(waiting != lane for waiting, _ in self._waiting):
            self._waiting.append((lane, wake))
        return self._waiting[0][0] == lane

    def done(self, lane: int) -> None:
        """`lane` has had its turn, or wants none."""
        first = self._waiting[0][0] if self._waiting else None
        self._waiting = deque((waiting, wake) for waiting, wake in self._waiting if waiting != lane)
        if first == lane and self._waiting:
            self._waiting[0][1]()
