"""Mass releases: what is due for many customers at one instant is spread by a hash of the customer (A8, R39).

All of a customer's releases move alike, and none moves past the end of what it may lie in.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from laudstream.ids import share
from laudstream.journey.durations import instant, local
from laudstream.journey.steps import Journey
from laudstream.journey.work import Work


def spread(work: Work, version: Journey) -> int:
    """ms over which releases are spread: the journey's, else the workspace's."""
    own = version.settings.release_spread
    return work.space.workspace.release_spread if own is None else own


def released(work: Work, version: Journey, at: int, ends: int) -> int:
    """`at` (ms), or a little later: within the first half of what is left until `ends` (ms)."""
    most = min(spread(work, version), (ends - at) // 2)
    return at + share("release", work.workspace, work.customer) * most // 10_000 if most > 0 else at


def released_that_day(work: Work, version: Journey, at: int, zone: tzinfo) -> int:
    """`at` (ms), or a little later on the same local day."""
    midnight = datetime.combine(local(at, zone).date(), time())
    try:
        ends = instant(midnight + timedelta(days=1), zone)
    except OverflowError:  # the last day of all: a date that stands for never
        return at
    return released(work, version, at, ends)
