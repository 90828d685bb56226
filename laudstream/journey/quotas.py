"""Who gets a place of what is counted over all lanes (A11). Pure: lanes and simulations do the same.

How many there are is what the live version of the journey says, so a new version may give more; those that are given
count over all versions. Of an arm it is the newest version that has its experiment.
"""

from __future__ import annotations

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import ARM, Ask, Grant, Pacing
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.journey.live import NOTHING, LiveJourney, Space


def give(ask: Ask, catalog: Catalog, taken: int) -> Grant:
    """Places for the first of those who ask, as many as there are; `taken`: places that are given."""
    live = catalog.spaces.get(ask.workspace, NOTHING).journeys.get(ask.journey)
    most = None if live is None else _most(live, ask.of)
    wanted = len(ask.places)
    free = 0 if most is None else max(0, most - taken) if most else wanted
    return Grant(ask.workspace, ask.journey, ask.places, min(wanted, free), most or 0, of=ask.of)


def pace(ask: Ask, catalog: Catalog, now: Pacing, clock: int) -> tuple[Grant, Pacing]:
    """The next slots, one for each of those who ask, and what is known of the pace then (A11).

    Each period of the clock has `most` slots, evenly spread. The first one given is that of this instant, or the next
    one that is free. Where the pace has changed, slots go on in the first new period after those that are given.
    """
    live = catalog.spaces.get(ask.workspace, NOTHING).journeys.get(ask.journey)
    version = live.versions.get(live.status.live) if live is not None else None
    settings = version.settings.pace if version is not None else None
    most, period = (settings.limit, settings.period) if settings is not None else (now.most, now.period)
    if not most:  # nobody has ever said how many: as many as ask
        most, period = len(ask.places), 1
    following = now.following
    if following and (most, period) != (now.most, now.period):
        ended = -(-following // now.most) * now.period
        following = -(-ended // period) * most
    first = max(following, clock * most // period)
    grant = Grant(
        ask.workspace, ask.journey, ask.places, len(ask.places), most, of=ask.of, first=first, period=period
    )  # fmt: skip
    return grant, Pacing(first + len(ask.places), most, period)


def slot_of(grant: Grant, index: int) -> int:
    """When the slot of the place at `index` begins, ms; it lies in its period. 0: this is no pace."""
    return (grant.first + index) * grant.period // grant.most if grant.period else 0


def _most(live: LiveJourney, of: str) -> int | None:
    """None: there is nothing to give; 0: as many as ask."""
    if of.startswith(ARM):
        return _minimum(live, of.removeprefix(ARM).rpartition("/")[0])
    version = live.versions.get(live.status.live)
    return None if version is None else version.max_entries


def holds(space: Space, experiment: str) -> bool:
    """Whether there may be runs that wait for a winner of the experiment."""
    return any(_minimum(live, experiment) is not None for live in space.journeys.values())


def _minimum(live: LiveJourney, experiment: str) -> int | None:
    for number, _ in reversed(live.status.published):
        for step in live.versions[number].steps.values():
            if isinstance(step, ExperimentStep) and step.id == experiment and step.winner is not None:
                return step.winner.minimum
    return None
