"""Places that do not answer rest, so that they hold up nobody else's messages.

After FAILURES calls in a row that came to nothing a place rests, longer each time; then one call at a time asks whether
it is back.
"""

from __future__ import annotations

from collections import OrderedDict

FAILURES = 3
FIRST_S, LONGEST_S = 5.0, 300.0
PROBE_S = 5.0
"""While a place is asked whether it is back, the others wait so long."""
KEPT = 10_000


class _Place:
    __slots__ = ("asked", "failures", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0
        self.asked = False
        """A call asks whether it is back."""


class Places:
    """Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, _Place] = OrderedDict()

    def rest(self, name: str, now: float) -> float:
        """How long the place rests still; 0: it does not."""
        place = self._of.get(name)
        return 0.0 if place is None or place.failures < FAILURES else max(0.0, place.until - now)

    def pause(self, name: str, now: float) -> float:
        """How long a call must wait; 0: it may go, and if the place rested, it is the only one for a while."""
        left = self.rest(name, now)
        place = self._of.get(name)
        if not left and place is not None and place.failures >= FAILURES:
            place.until, place.asked = now + PROBE_S, True
        return left

    def ended(self, name: str, now: float, *, well: bool) -> None:
        """What came of a call; `well`: the place answered, whatever it said."""
        if well:
            self._of.pop(name, None)
            return
        place = self._of.setdefault(name, _Place())
        self._of.move_to_end(name)
        if now < place.until and not place.asked:
            return  # of the many that were under way when it began to rest
        place.failures, place.asked = place.failures + 1, False
        if place.failures >= FAILURES:
            place.until = now + min(LONGEST_S, FIRST_S * 2 ** min(place.failures - FAILURES, 10))
        if len(self._of) > KEPT:
            self._of.popitem(last=False)
