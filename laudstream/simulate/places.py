"""The places of what is counted over all lanes: the questions of runs, answered as quotas of lanes do it (A11)."""

from __future__ import annotations

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import PACE, Ask, Grant, Pacing, Release, quota_key
from laudstream.journey.quotas import give, pace


class Places:
    def __init__(self) -> None:
        self._granted: dict[str, int] = {}
        self._paces: dict[str, Pacing] = {}

    def ask(self, ask: Ask, catalog: Catalog, clock: int) -> Grant:
        """Gives places to the first of those who ask, as many as there are; of a pace slots to all, from `clock` on."""
        if ask.of == PACE:
            key = quota_key(ask.workspace, ask.journey, ask.of)
            grant, self._paces[key] = pace(ask, catalog, self._paces.get(key, Pacing()), clock)
            return grant
        taken = self.taken(ask.workspace, ask.journey, ask.of)
        grant = give(ask, catalog, taken)
        self._granted[quota_key(ask.workspace, ask.journey, ask.of)] = taken + grant.granted
        return grant

    def release(self, release: Release) -> None:
        """A place that was given to a run which had ended meanwhile is free again."""
        key = quota_key(release.workspace, release.journey, release.of)
        self._granted[key] = max(0, self._granted.get(key, 0) - 1)

    def taken(self, workspace: str, journey: str, of: str = "") -> int:
        return self._granted.get(quota_key(workspace, journey, of), 0)
