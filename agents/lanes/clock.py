"""What time it is for the lanes of a process: the brokers' time, for the inputs that timers wait for have theirs (A4).

Every answer to a write says when the broker took it. From there on a counter of the machine goes on, which nobody sets.
So a clock of the host that is wrong, or is set while a worker runs, makes no timer early and holds none up.

When an answer comes, the broker's time is at least the stamp, and at most the stamp and what the answer took. The
estimate is kept within that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

APART_S = 2.0
"""The two clocks of the machine may go apart so far before a broker is asked."""


class _Mark(NamedTuple):
    at: float
    """The brokers' time, ms …"""
    counter: float
    """… when the machine's counter stood here, s …"""
    wall: float
    """… and its wall clock here, s."""


def _counter() -> float:
    return time.clock_gettime(_COUNTER)


_COUNTER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, where there is one that does."""


class BrokerClock:
    """Read by any thread. Until a broker has answered it is the wall clock."""

    def __init__(self, counter: Callable[[], float] = _counter, wall: Callable[[], float] = time.time) -> None:
        self.counter, self._wall = counter, wall
        self._mark: _Mark | None = None

    def now(self) -> int:
        """Milliseconds since 1970."""
        mark = self._mark
        return int(self._wall() * 1000) if mark is None else int(mark.at + (self.counter() - mark.counter) * 1000)

    def stamped(self, at: int, sent: float) -> None:
        """A broker took at `at` (ms) what was sent when the counter stood at `sent`; its answer has come now."""
        mark, count = self._mark, self.counter()
        found = float(at)
        if mark is not None and not self.doubtful():
            reckoned = mark.at + (count - mark.counter) * 1000
            found = min(max(reckoned, found), at + (count - sent) * 1000)
        self._mark = _Mark(found, count, self._wall())

    def host_off_s(self) -> float:
        """So much the wall clock is ahead of the brokers, s."""
        return self._wall() - self.now() / 1000

    def doubtful(self) -> bool:
        """Whether a broker should be asked: none has answered yet, or the machine's two clocks have gone apart, so that
        one of them was set or stood still."""
        mark = self._mark
        return mark is None or abs((self._wall() - mark.wall) - (self.counter() - mark.counter)) > APART_S
