"""The quotas of a lane: how many places of what is counted over all lanes are given (A11, R18, R45).

A quota lies in the lane that owns its key, as a record of its own (e.g. `workspace:!quota/<journey>` + NUL + q).
It counts places that were given and not released.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

import msgspec

from laudstream.journey.catalog import Catalog
from laudstream.journey.handoff import PACE, Ask, Grant, Pacing, Quota, Release, quota_key
from laudstream.journey.quotas import give, pace
from tables.layout import QUOTA
from tables.view import View

FORMAT = 1
_HEAD = struct.pack(">BQ", FORMAT, 0)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Quota).decode
_pacing = msgspec.msgpack.Decoder(Pacing).decode

S = TypeVar("S", Quota, Pacing)


class Quotas:
    """Those that a round looks at."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._now: dict[bytes, Quota | Pacing] = {}
        self._changed: dict[bytes, None] = {}

    def ask(self, ask: Ask, catalog: Catalog, clock: int) -> Grant:
        """Gives places to the first of those who ask, as many as there are; of a pace slots to all, from `clock` on."""
        key = _key(ask)
        if ask.of == PACE:
            grant, pacing = pace(ask, catalog, self._read(key, _pacing, Pacing()), clock)
            self._now[key], self._changed[key] = pacing, None
            return grant
        quota = self._read(key, _decode, Quota())
        grant = give(ask, catalog, quota.granted)
        self._put(key, quota.granted + grant.granted)
        return grant

    def release(self, release: Release) -> None:
        key = _key(release)
        self._put(key, max(0, self._read(key, _decode, Quota()).granted - 1))

    def records(self) -> list[tuple[bytes, bytes | None]]:
        """What changed, as state records."""
        return [(key, _HEAD + _encode(self._now[key])) for key in self._changed]

    def _read(self, key: bytes, decode: Callable[[bytes], S], nothing: S) -> S:
        if key not in self._now:
            (value,) = self._view.get_many([key])
            self._now[key] = decode(value[len(_HEAD) :]) if value else nothing
        found = self._now[key]
        assert isinstance(found, type(nothing))
        return found

    def _put(self, key: bytes, granted: int) -> None:
        if self._now[key] != Quota(granted):
            self._now[key] = Quota(granted)
            self._changed[key] = None


def _key(about: Ask | Release) -> bytes:
    return quota_key(about.workspace, about.journey, about.of).encode() + QUOTA
