"""What a condition depends on: who keeps state for it, and which changes make it worth asking again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from laudstream.conditions.tally import Query, united


class Tracker(msgspec.Struct, frozen=True):
    """An instant that is kept of attributes: when a value last changed, or since when something holds of it."""

    id: str
    """Of its tally; `last` holds the instant, ms, 0 where it does not hold."""
    attribute: str
    """Top-level name of the attribute."""
    value: Callable[[dict[str, Any]], Any]
    """Of the attributes: what must differ, or (`holds`) whether it holds."""
    holds: bool


class Needs(msgspec.Struct, frozen=True):
    attributes: frozenset[str] = frozenset()
    """Top-level names below `customer.`; group.* is `group`."""
    queries: tuple[Query, ...] = ()
    trackers: tuple[Tracker, ...] = ()
    segments: frozenset[str] = frozenset()
    consents: frozenset[str] = frozenset()
    """channel/subscription."""
    journeys: frozenset[str] = frozenset()
    """Asked for their runs under way."""
    timed: bool = False
    """It may change by time alone."""
    zoned: bool = False
    """It goes by local time."""

    @property
    def stateful(self) -> bool:
        """Whether it reads more than attributes and inputs."""
        return bool(self.queries or self.trackers or self.segments or self.consents or self.journeys)


NONE = Needs()


def joined(all_of: Iterable[Needs]) -> Needs:
    each = tuple(needs for needs in all_of if needs is not NONE)
    if len(each) < 2:
        return each[0] if each else NONE
    return Needs(
        frozenset().union(*(needs.attributes for needs in each)),
        tuple(united(query for needs in each for query in needs.queries).values()),
        tuple({tracker.id: tracker for needs in each for tracker in needs.trackers}.values()),
        frozenset().union(*(needs.segments for needs in each)),
        frozenset().union(*(needs.consents for needs in each)),
        frozenset().union(*(needs.journeys for needs in each)),
        any(needs.timed for needs in each),
        any(needs.zoned for needs in each),
    )
