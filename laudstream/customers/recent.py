"""Ids of inputs that a customer has already had (R2, R57): 24 hours, at most the last 256.

Layout: 12 bytes an entry, oldest first: XXH3-64 of the id, then seconds since the epoch (big-endian uint32).
Bytes are replaced, never changed.
"""

from __future__ import annotations

ENTRY = 12
KEEP = 256
KEEP_SECONDS = 86_400
_FULL = ENTRY * KEEP
FEW = 64
_known: dict[int, tuple[bytes, bytes]] = {}
"""What `_stamps` has made; a few, since a round spans a few seconds."""


def admit(recent: bytes, mark: bytes, now: int) -> bytes | None:
    """`recent` with `mark` as of `now` (ms), and without what is too old or too much; None if it was there already."""
    second = now // 1000
    stamp, oldest = _known.get(second) or _stamps(second)
    if not recent:
        return mark + stamp
    if recent.find(mark) >= 0 and _seen(recent, mark, oldest):  # `in` takes the mark for a number first, twice as long
        return None
    if recent[8:ENTRY] <= oldest or len(recent) >= _FULL:
        recent = recent[_gone(recent, oldest) :]
    return recent + (mark + stamp)


def _stamps(second: int) -> tuple[bytes, bytes]:
    """A second, and the last one that is too old then; as they are kept, so that bytes compare like numbers."""
    if len(_known) >= FEW:
        _known.clear()
    made = _known[second] = second.to_bytes(4, "big"), max(0, second - KEEP_SECONDS).to_bytes(4, "big")
    return made


def _seen(recent: bytes, mark: bytes, oldest: bytes) -> bool:
    at = recent.find(mark)
    while at >= 0:
        if at % ENTRY == 0 and recent[at + 8 : at + ENTRY] > oldest:
            return True
        at = recent.find(mark, at + 1)
    return False


def _gone(recent: bytes, oldest: bytes) -> int:
    """Where what is kept begins, once there is one entry more."""
    start = 0
    while start < len(recent) and recent[start + 8 : start + ENTRY] <= oldest:
        start += ENTRY
    return max(start, len(recent) + ENTRY - _FULL)


def united(one: bytes, other: bytes) -> bytes:
    """The ids of two customers who became one (R50), the newest of them."""
    if not one or not other:
        return one or other
    newest: dict[bytes, bytes] = {}
    for recent in (one, other):
        for at in range(0, len(recent), ENTRY):
            mark, stamp = recent[at : at + 8], recent[at + 8 : at + ENTRY]
            newest[mark] = max(stamp, newest.get(mark, b""))
    entries = sorted((stamp, mark) for mark, stamp in newest.items())
    return b"".join(mark + stamp for stamp, mark in entries[-KEEP:])
