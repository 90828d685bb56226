"""Keys and values of a lane's store; the same bytes as in `laudstream.state` (A7).

A customer is several records: `workspace:customer` + NUL + suffix.

    suffix  record                               first bytes of the value
    c       core: runs, caps, consents, …        format byte, 8 bytes big-endian wake_at (0 = none)
    a       attributes                           format byte, 8 zero bytes
    m       message ids seen, and counts         format byte, 8 bytes: number of the newest kept event
    t       tallies of events                    format byte, 8 zero bytes
    q       places given, of a quota's key       format byte, 8 zero bytes

Keys of the lane itself begin with NUL, which no workspace id does:

    \\0head       head record: the committed position of the lane
    \\0catalogue  statuses of all definitions as of the head
    \\0sweeps     sweeps under way
    \\0e…        kept events by the number of their bundle (8 bytes): format byte, 8 bytes: lane time of the
                youngest one's handling, then each: number of the customer's event before (8 bytes), lane time
                (8 bytes), length (4 bytes), the event as it came
    \\0clock      never there: a worker that asks the brokers for the time deletes it

A timer is a hint: column family `timers`, key = 8-byte big-endian due ms + customer key, empty value.
It says "look at this customer at this time"; the core's wake_at decides. Hints are derived, not in the changelog (A8).
"""

from __future__ import annotations

import struct

from laudstream.records.head import HEAD_KEY

__all__ = [
    "CATALOGUE_KEY", "CLOCK_KEY", "CORE", "EVENT", "HEAD_KEY", "PARTS", "SWEEPS_KEY", "customer_of", "event_key",
    "hint", "hint_of", "wake_at_of",
]  # fmt: skip

CATALOGUE_KEY = b"\0catalogue"
SWEEPS_KEY = b"\0sweeps"
CLOCK_KEY = b"\0clock"

CORE = b"\0c"
QUOTA = b"\0q"
PARTS = (CORE, b"\0a", b"\0m", b"\0t")
EVENT = b"\0e"
"""Before the number of a bundle of kept events."""

MAX_RECORD_BYTES = 512 * 1024
MAX_LANE_RECORD_BYTES = 8 << 20
"""Of the lane's own: its catalogue takes about 100 bytes a definition, of all workspaces. A topic takes 10 MB."""

_DUE = struct.Struct(">Q")


def customer_of(key: bytes) -> bytes | None:
    """Customer key of a core record's key; None for every other key."""
    return key[:-2] if key[-2:] == CORE and key[0] else None


def event_key(number: int) -> bytes:
    """Numbers grow, so that a store takes an event at its end."""
    return EVENT + _DUE.pack(number)


def wake_at_of(core: bytes) -> int:
    """When this customer wants to be looked at, ms; decodes no body."""
    return int.from_bytes(core[1:9], "big")


def hint(due: int, customer: bytes) -> bytes:
    return _DUE.pack(due) + customer


def hint_of(key: bytes) -> tuple[int, bytes]:
    return _DUE.unpack_from(key)[0], key[8:]
