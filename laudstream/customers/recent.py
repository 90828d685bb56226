"""Ids of inputs that a customer has already had (R2, R57): 24 hours, at most the last 256.

Layout: 12 bytes an entry, oldest first: BLAKE2b-64 of the id, then seconds since the epoch (big-endian uint32).
Bytes are replaced, never changed.
"""

from __future__ import annotations

from hashlib import blake2b

ENTRY = 12
KEEP = 256
KEEP_SECONDS = 86_400
_FULL = ENTRY * KEEP


def fingerprint(id: str) -> bytes:
    """8 bytes that stand for an input's id."""
    return blake2b(id.encode(), digest_size=8).digest()


def seen(recent: bytes, mark: bytes, now: int) -> bool:
    """Whether `mark` is among the ids that are remembered at `now` (ms)."""
    at = recent.find(mark)
    while at >= 0:
        if at % ENTRY == 0 and _second(recent, at) > now // 1000 - KEEP_SECONDS:
            return True
        at = recent.find(mark, at + 1)
    return False


def _second(recent: bytes, at: int) -> int:
    return int.from_bytes(recent[at + 8 : at + ENTRY], "big")


def remember(recent: bytes, mark: bytes, now: int) -> bytes:
    """`recent` with `mark` as of `now` (ms), and without what is too old or too much."""
    second = now // 1000
    start = 0
    oldest = second - KEEP_SECONDS
    while start < len(recent) and _second(recent, start) <= oldest:
        start += ENTRY
    start = max(start, len(recent) + ENTRY - _FULL)
    return (recent[start:] if start > 0 else recent) + mark + second.to_bytes(4, "big")
