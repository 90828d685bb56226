"""The events of a customer, kept in the lane's store: what a new condition about the past is filled in from (A7, R58).

One record an event, with the bytes as they came: written without reading anything. What is too old or too much goes
once a day of lane time, in a sweep of its own, so an event costs no look at the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from agents.lanes.sweep import Sweep
from laudstream import topics
from laudstream.conditions.tally import Happened
from laudstream.customers.event import Event
from laudstream.customers.recent import ENTRY
from laudstream.journey import codec
from laudstream.records import codec as wire
from tables.layout import history_at, history_customer, history_key
from tables.view import Record, View

HORIZON_DAYS = 90
MOST_EVENTS = 1_000
MOST_BYTES = 256 * 1024
TRIM_SLICE = 2_000
"""Records that a slice of the daily sweep looks at; more than a customer may keep."""
KEPT = frozenset(("track", "page", "screen"))
"""Types of events that are kept."""


def record_of(key: bytes, event: Event, recent: bytes, value: bytes | None, now: int) -> tuple[bytes, bytes]:
    """The state record of an event that is handled at `now` (ms). `recent`: ids of the customer's inputs, this one's is
    the last."""
    mark = recent[-ENTRY : 8 - ENTRY]
    return history_key(key, event.timestamp or event.received, mark), codec.head(now) + (value or b"")


def events(view: View, key: bytes) -> Iterator[Happened]:
    """What is kept of a customer, the oldest first."""
    for stored, value in view.history(key):
        event = wire.event(value[codec.HEAD_BYTES :])
        if event.type == "track":
            received = codec.wake_at(value)
            yield Happened(event.name, event.properties, min(history_at(stored), received), received)


def daily(sweeps: tuple[Sweep, ...], before: int, now: int) -> tuple[Sweep, ...]:
    """The sweep that trims begins with each day of lane time (ms)."""
    if not before or now // topics.DAY_MS == before // topics.DAY_MS or any(sweep.trims for sweep in sweeps):
        return sweeps
    return (*sweeps, Sweep(0, "", trims=True))


class Trimmed(NamedTuple):
    gone: list[bytes]
    """Keys of records to delete."""
    cursor: bytes | None
    """Customer that the next slice begins after; None: that was all."""


def trim(view: View, after: bytes, now: int) -> Trimmed:
    """One slice: the events of the customers after `after` that are too old at `now` (ms), or too much."""
    found = view.history_sizes(after, TRIM_SLICE)
    more = len(found) == TRIM_SLICE
    groups = [(key, list(records)) for key, records in groupby(found, lambda record: history_customer(record[0]))]
    alone = len(groups) == 1
    if more and not alone:
        groups.pop()  # perhaps not all of that customer: the next slice begins with them
    oldest = now - HORIZON_DAYS * topics.DAY_MS
    gone: list[bytes] = []
    for _, records in groups:
        gone += _too_much(records, oldest)
    if more and alone:  # one customer with more than a slice: the next one looks at the rest
        return Trimmed(gone, after)
    return Trimmed(gone, groups[-1][0] if more else None)


def _too_much(records: list[Record], oldest: int) -> list[bytes]:
    first, size = len(records), 0
    for index in range(len(records) - 1, -1, -1):
        key, length = records[index]
        size += length
        if len(records) - index > MOST_EVENTS or size > MOST_BYTES or history_at(key) < oldest:
            break
        first = index
    return [key for key, _ in records[:first]]
