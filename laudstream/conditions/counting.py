"""How often something happened: {at_least | at_most | exactly: n, within: P30D | since: 2026-05-01}.

Asked of a tally, never of the events: n within P is about the instant of the nth last one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, NamedTuple

from laudstream.conditions.dates import ALWAYS, FAR, Moment, Span, far, fixed, instant
from laudstream.conditions.scope import Scope
from laudstream.conditions.subject import within_horizon
from laudstream.conditions.tally import INSTANTS, Tally
from laudstream.journey.durations import Duration
from laudstream.journey.reader import Reader, at, shown

COUNTS = ("at_least", "at_most", "exactly")
PERIODS = ("within", "since")
NEVER_HAPPENED: tuple[Span, ...] = ()


class Counting(NamedTuple):
    low: int
    high: int | None
    """None: any number from `low` on."""
    within: Duration | None
    since: Moment | None

    @property
    def most(self) -> int:
        """Instants that it needs; the last one of all is always there."""
        needed = self.low if self.high is None else self.high + 1
        return 0 if needed <= 1 and self.since is None else needed if self.timed or self.since is not None else 0

    @property
    def timed(self) -> bool:
        return self.within is not None

    @property
    def zoned(self) -> bool:
        return self.within is not None or (self.since is not None and not isinstance(self.since, int))

    def span(self, tally: Tally, scope: Scope) -> Span | None:
        """When it holds of the tally as it is; None: never."""
        low, high, within = self.low, self.high, self.within
        if within is None:
            total = tally.total if self.since is None else self._since(tally, scope)
            return ALWAYS if low <= total and (high is None or total <= high) else None
        zone = scope.zone
        end = FAR if low == 0 else _end(tally, low, within, zone)
        start = -FAR if high is None else _end(tally, high + 1, within, zone)
        return (start, end) if start < end else None

    def _since(self, tally: Tally, scope: Scope) -> int:
        assert self.since is not None
        start = instant(self.since, scope.zone)
        return len(tally.recent) - bisect_left(tally.recent, start)


def _end(tally: Tally, n: int, within: Duration, zone: Any) -> int:
    """Until when the last n lie within the period; long ago if there are not as many. What is later is over later
    (R32), so that the nth last one tells."""
    if n == 1:
        return _over(tally.last, within, zone) if tally.total else -FAR
    recent = tally.recent
    return _over(recent[-n], within, zone) if len(recent) >= n else -FAR


def _over(at: int, within: Duration, zone: Any) -> int:
    try:
        return within.ends(at, zone)
    except (ValueError, OverflowError):
        return far(at)


def read(reader: Reader, found: dict[str, Any], pointer: str, *, keyed_any: bool = False) -> Counting:
    """`keyed_any`: it is asked of each value that there is."""
    asked = [name for name in COUNTS if name in found]
    low, high = 1, None
    if len(asked) > 1:
        reader.wrong(pointer, f"one of {', '.join(asked)} is enough", "keep one; use all: […] for several")
    elif asked:
        (name,) = asked
        spot, most = at(pointer, name), INSTANTS if name == "at_least" else INSTANTS - 1
        least = 0 if name != "at_least" and not keyed_any else 1
        n = reader.whole_of(found[name], spot, repr(name), least, most) or 0
        low, high = (n, None) if name == "at_least" else (1 if keyed_any else 0, n) if name == "at_most" else (n, n)
    within, since = period(reader, found, pointer)
    made = Counting(low, high, within, since)
    if within is not None and made.most > 1:
        within_horizon(reader, within, at(pointer, "within"))
    return made


def period(reader: Reader, found: dict[str, Any], pointer: str) -> tuple[Duration | None, Moment | None]:
    within, since = None, None
    if "within" in found:
        within = reader.duration_of(found["within"], at(pointer, "within"), "'within'")
    if "since" in found:
        spot = at(pointer, "since")
        since = fixed(found["since"])
        if within is not None or "within" in found:
            reader.wrong(spot, "'within' and 'since' are two periods", "keep one")
        elif since is None:
            reader.wrong(spot, f"'since' cannot be {shown(found['since'])}", "write a date such as 2026-05-01")
    return within, since


def limited(found: dict[str, Any], reader: Reader, pointer: str) -> Callable[[int, Scope], Span | None]:
    """For a first or a last one: when its instant lies in the period."""
    within, since = period(reader, found, pointer)

    def span(happened: int, scope: Scope) -> Span | None:
        if within is not None:
            return -FAR, _over(happened, within, scope.zone)
        if since is not None and happened < instant(since, scope.zone):
            return None
        return ALWAYS

    return span
