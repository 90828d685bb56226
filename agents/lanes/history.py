"""The events of a customer, kept in the lane's store: what a new condition about the past is filled in from (A7, R58).

One record an event, with the bytes as they came, under a number that grows: the store takes it at its end, and nothing
is read to write it. Each record names the customer's event before, and the record of message ids the newest one: a
chain that is read backwards when it is needed. What is too old goes once a day of lane time, from the front.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from agents.lanes.sweep import Sweep
from laudstream import topics
from laudstream.conditions.tally import Happened
from laudstream.journey import codec
from laudstream.records import codec as wire
from tables.layout import event_key
from tables.view import View

HORIZON_DAYS = 90
MOST_EVENTS = 1_000
MOST_BYTES = 256 * 1024
"""What is read of a customer at most: the newest events."""
TRIM_SLICE = 2_000
"""Records that a slice of the daily sweep looks at."""
KEPT = frozenset(("track", "page", "screen"))
"""Types of events that are kept."""
NUMBERS = 1 << 20
"""Events that a round may keep: the number of one is its round's seq times this, and its place in it."""

HEAD = struct.Struct(">BQQ")
"""Format, lane time of the handling (ms), number of the customer's event before; 0: there is none."""

Pending = Mapping[bytes, bytes | None]
"""Records of this round, which the store does not have yet."""


def chain(view: View, pending: Pending, newest: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the kept events of a customer, the newest first; `newest`: its number."""
    while newest:
        key = event_key(newest)
        value = pending[key] if key in pending else view.events([key])[0]
        if value is None:  # it was trimmed, and with it all before
            return
        yield key, value
        newest = HEAD.unpack_from(value)[2]


def events(view: View, pending: Pending, newest: int) -> list[Happened]:
    """What is kept of a customer, in the order of handling."""
    found: list[Happened] = []
    size = 0
    for count, (_, value) in enumerate(chain(view, pending, newest), 1):
        size += len(value)
        if count > MOST_EVENTS or size > MOST_BYTES:
            break
        event, received = wire.event(value[HEAD.size :]), codec.wake_at(value)
        if event.type == "track":
            at = min(event.timestamp or event.received or received, received)
            found.append(Happened(event.name, event.properties, at, received))
    return found[::-1]


def daily(sweeps: tuple[Sweep, ...], before: int, now: int) -> tuple[Sweep, ...]:
    """The sweep that trims begins with each day of lane time (ms)."""
    if not before or now // topics.DAY_MS == before // topics.DAY_MS or any(sweep.trims for sweep in sweeps):
        return sweeps
    return (*sweeps, Sweep(0, "", trims=True))


def trim(view: View, now: int) -> tuple[list[bytes], bool]:
    """One slice: keys of events that are too old at `now` (ms), and whether there may be more."""
    oldest = now - HORIZON_DAYS * topics.DAY_MS
    found = view.oldest(TRIM_SLICE)
    gone = [key for key, at in found if at < oldest]
    return gone, len(gone) == TRIM_SLICE
