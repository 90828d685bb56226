"""The quotas of a lane: which entries get a place in journeys that take a fixed number (A11, R18).

A quota lies in the lane that owns its key, as a record of its own (`workspace:!quota/<journey>` + NUL + q).
It counts places that were given and not released; the most there are is what the live version says.
"""

from __future__ import annotations

import struct

import msgspec

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import Ask, Grant, Quota, Release, quota_key
from laudstream.journey.live import NOTHING
from tables.layout import QUOTA
from tables.view import View

FORMAT = 1
_HEAD = struct.pack(">BQ", FORMAT, 0)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Quota).decode


class Quotas:
    """Those that a round looks at."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._now: dict[bytes, Quota] = {}
        self._changed: dict[bytes, None] = {}

    def ask(self, ask: Ask, catalog: Catalog) -> Grant:
        """Gives places to the first of those who ask, as many as there are."""
        live = catalog.spaces.get(ask.workspace, NOTHING).journeys.get(ask.journey)
        version = live.versions.get(live.status.live) if live is not None else None
        most = version.max_entries if version is not None else 0
        wanted = len(ask.places)
        key = _key(ask.workspace, ask.journey)
        quota = self._read(key)
        free = max(0, most - quota.granted) if most else wanted
        granted = min(wanted, free) if version is not None else 0  # None: the journey is gone
        self._put(key, quota.granted + granted)
        return Grant(ask.workspace, ask.journey, ask.places, granted, most)

    def release(self, release: Release) -> None:
        key = _key(release.workspace, release.journey)
        self._put(key, max(0, self._read(key).granted - 1))

    def records(self) -> list[tuple[bytes, bytes | None]]:
        """What changed, as state records."""
        return [(key, _HEAD + _encode(self._now[key])) for key in self._changed]

    def _read(self, key: bytes) -> Quota:
        found = self._now.get(key)
        if found is None:
            (value,) = self._view.get_many([key])
            found = self._now[key] = _decode(value[len(_HEAD) :]) if value else Quota()
        return found

    def _put(self, key: bytes, granted: int) -> None:
        if granted != self._now[key].granted:
            self._now[key] = Quota(granted)
            self._changed[key] = None


def _key(workspace: str, journey: str) -> bytes:
    return quota_key(workspace, journey).encode() + QUOTA
