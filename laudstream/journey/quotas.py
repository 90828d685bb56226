"""Who gets a place of what is counted over all lanes (A11). Pure: lanes and simulations do the same.

How many there are is what the live version of the journey says, so a new version may give more; those that are given
count over all versions. Of an arm it is the newest version that has its experiment.
"""

from __future__ import annotations

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import ARM, Ask, Grant
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.journey.live import NOTHING, LiveJourney, Space


def give(ask: Ask, catalog: Catalog, taken: int) -> Grant:
    """Places for the first of those who ask, as many as there are; `taken`: places that are given."""
    live = catalog.spaces.get(ask.workspace, NOTHING).journeys.get(ask.journey)
    most = None if live is None else _most(live, ask.of)
    wanted = len(ask.places)
    free = 0 if most is None else max(0, most - taken) if most else wanted
    return Grant(ask.workspace, ask.journey, ask.places, min(wanted, free), most or 0, of=ask.of)


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
