"""The places of what is counted over all lanes: the questions of runs, answered as quotas of lanes do it (A11)."""

from __future__ import annotations

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import Ask, Grant, Release, quota_key
from laudstream.journey.quotas import give


class Places:
    def __init__(self) -> None:
        self._granted: dict[str, int] = {}

    def ask(self, ask: Ask, catalog: Catalog) -> Grant:
        """Gives places to the first of those who ask, as many as there are."""
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
