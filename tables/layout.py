"""Keys and values of a lane's store; the same bytes as in `laudstream.state` (A7).

A customer is several records: `workspace:customer` + NUL + suffix.

    suffix  record                               first bytes of the value
    c       core: runs, caps, consents, …        format byte, 8 bytes big-endian wake_at (0 = none)
    a       attributes                           format byte, 8 zero bytes
    m       message ids seen                     format byte, 8 zero bytes
    t       tallies of events                    format byte, 8 zero bytes
    q       places given, of a quota's key       format byte, 8 zero bytes
    h…h     an event that is kept; between them  format byte, 8 zero bytes
            its time (8 bytes, big-endian ms)
            and 8 bytes that stand for its id

Keys of the lane itself begin with NUL, which no workspace id does:

    \\0head       head record: the committed position of the lane
    \\0catalogue  statuses of all definitions as of the head
    \\0sweeps     sweeps under way
    \\0clock      never there: a worker that asks the brokers for the time deletes it

A timer is a hint: column family `timers`, key = 8-byte big-endian due ms + customer key, empty value.
It says "look at this customer at this time"; the core's wake_at decides. Hints are derived, not in the changelog (A8).
"""

from __future__ import annotations

import struct

from laudstream.records.head import HEAD_KEY

__all__ = [
    "CATALOGUE_KEY", "CLOCK_KEY", "CORE", "HEAD_KEY", "HISTORY", "PARTS", "SWEEPS_KEY", "customer_of", "hint",
    "hint_of", "history_at", "history_customer", "history_key", "wake_at_of",
]  # fmt: skip

CATALOGUE_KEY = b"\0catalogue"
SWEEPS_KEY = b"\0sweeps"
CLOCK_KEY = b"\0clock"

CORE = b"\0c"
QUOTA = b"\0q"
PARTS = (CORE, b"\0a", b"\0m", b"\0t")
HISTORY = b"\0h"
"""Before and behind the time and the id of an event that is kept."""
_HISTORY_TAIL = 2 + 8 + 8 + 2

MAX_RECORD_BYTES = 512 * 1024

_DUE = struct.Struct(">Q")


def customer_of(key: bytes) -> bytes | None:
    """Customer key of a core record's key; None for every other key."""
    return key[:-2] if key[-2:] == CORE and key[0] else None


def history_key(customer: bytes, at: int, mark: bytes) -> bytes:
    """`at`: ms; `mark`: 8 bytes."""
    return customer + HISTORY + _DUE.pack(at) + mark + HISTORY


def history_customer(key: bytes) -> bytes:
    return key[:-_HISTORY_TAIL]


def history_at(key: bytes) -> int:
    return int.from_bytes(key[2 - _HISTORY_TAIL : 10 - _HISTORY_TAIL], "big")


def wake_at_of(core: bytes) -> int:
    """When this customer wants to be looked at, ms; decodes no body."""
    return int.from_bytes(core[1:9], "big")


def hint(due: int, customer: bytes) -> bytes:
    return _DUE.pack(due) + customer


def hint_of(key: bytes) -> tuple[int, bytes]:
    return _DUE.unpack_from(key)[0], key[8:]
