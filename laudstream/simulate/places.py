"""The places of journeys that take a fixed number: the questions of runs, answered as the quota of a lane does it
(A11, R18). The most there are is what the live version says; those that are given count over all versions."""

from __future__ import annotations

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import Ask, Grant, Release
from laudstream.journey.live import NOTHING


class Places:
    def __init__(self) -> None:
        self._granted: dict[tuple[str, str], int] = {}

    def ask(self, ask: Ask, catalog: Catalog) -> Grant:
        """Gives places to the first of those who ask, as many as there are."""
        live = catalog.spaces.get(ask.workspace, NOTHING).journeys.get(ask.journey)
        version = live.versions.get(live.status.live) if live is not None else None
        most = version.max_entries if version is not None else 0
        wanted, taken = len(ask.places), self.taken(ask.workspace, ask.journey)
        free = max(0, most - taken) if most else wanted
        granted = min(wanted, free) if version is not None else 0
        self._granted[ask.workspace, ask.journey] = taken + granted
        return Grant(ask.workspace, ask.journey, ask.places, granted, most)

    def release(self, release: Release) -> None:
        """A place that was given to a run which had ended meanwhile is free again."""
        key = release.workspace, release.journey
        self._granted[key] = max(0, self._granted.get(key, 0) - 1)

    def taken(self, workspace: str, journey: str) -> int:
        return self._granted.get((workspace, journey), 0)
