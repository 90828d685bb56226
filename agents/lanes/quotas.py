"""The quotas of a lane: how many places of what is counted over all lanes are given (A11, R18, R45).

A quota lies in the lane that owns its key, as a record of its own (e.g. `workspace:!quota/<journey>` + NUL + q).
It counts places that were given and not released.
"""

from __future__ import annotations

import struct

import msgspec

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import Ask, Grant, Quota, Release, quota_key
from laudstream.journey.quotas import give
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
        key = _key(ask)
        quota = self._read(key)
        grant = give(ask, catalog, quota.granted)
        self._put(key, quota.granted + grant.granted)
        return grant

    def release(self, release: Release) -> None:
        key = _key(release)
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


def _key(about: Ask | Release) -> bytes:
    return quota_key(about.workspace, about.journey, about.of).encode() + QUOTA
