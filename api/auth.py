"""Who asks: a key, of which PostgreSQL knows only the SHA-256.

Looking a hash up gives away nothing about the key by its timing, because nobody can choose hashes. Answers
are remembered for `FRESH_S`, so a revoked key works so much longer at most; while PostgreSQL does not answer,
they serve for `STALE_S`, so that events are still taken.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from api.problems import Unauthorized
from laudstream.errors import Unavailable
from laudstream.postgres import queries, tenancy

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

_SQL = queries("keys")

FRESH_S = 5.0
STALE_S = 600.0
MAX_KNOWN = 10_000
"""Answers kept, unknown keys among them: guessing must not fill the memory."""
MAX_KEY = 200


class Access(Enum):
    """What a route asks for."""

    OPEN = "open"
    WRITE = "write"
    """A write key: sends events, reads nothing."""
    ADMIN = "admin"
    """An admin token: everything but sending events."""


class _Known(NamedTuple):
    workspace: str  # empty: no such key
    kind: str
    asked_at: float
    """When PostgreSQL was asked last …"""
    seen_at: float
    """… and when it answered last."""


class Keys:
    def __init__(self, pool: Pool, clock: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def workspace(self, authorization: str, access: Access) -> str:
        """The workspace whose key came in the header. Raises Unauthorized, Unavailable."""
        key = _given(authorization)
        if not key:
            raise Unauthorized(f"send {_WANTED[access]}", _CHALLENGE[access])
        known = await self._lookup(sha256(key).digest())
        if known.kind != access.value:
            raise Unauthorized(f"this key does not open this address; send {_WANTED[access]}", _CHALLENGE[access])
        return known.workspace

    async def _lookup(self, hash: bytes) -> _Known:
        known, now = self._known.get(hash), self._clock()
        if known is not None and now - known.asked_at < FRESH_S:
            return known
        if known is not None:  # one request asks; those beside it go on with what is known
            self._known[hash] = known._replace(asked_at=now)
        try:
            found = await self._ask(hash)
        except Unavailable:
            if known is None or now - known.seen_at > STALE_S:
                raise
            return known
        self._known[hash] = found
        self._known.move_to_end(hash)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return found

    async def _ask(self, hash: bytes) -> _Known:
        with tenancy.reachable():
            async with self._pool.acquire(timeout=tenancy.ACQUIRE_S) as connection:
                row = await connection.fetchrow(_SQL["workspace_of_key"], hash)
        now = self._clock()
        return _Known("", "", now, now) if row is None else _Known(row["workspace_id"], row["kind"], now, now)


_WANTED = {
    Access.WRITE: "a write key: as user name of HTTP Basic, or `Authorization: Bearer <key>`",
    Access.ADMIN: "an admin token: `Authorization: Bearer <token>`",
}
_CHALLENGE = {
    Access.WRITE: 'Basic realm="laudstream", Bearer realm="laudstream"',
    Access.ADMIN: 'Bearer realm="laudstream"',  # no Basic: browsers would open a window over the UI
}


def _given(header: str) -> bytes:
    """The key in an Authorization header: a bearer token, or the user name of HTTP Basic; empty if there is none."""
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if len(value) > 2 * MAX_KEY:
        return b""
    if scheme.lower() == "bearer":
        return value.encode("latin-1")
    if scheme.lower() == "basic":
        try:
            return b64decode(value, validate=True).partition(b":")[0]
        except (binascii.Error, ValueError):
            return b""
    return b""
