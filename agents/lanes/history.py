"""The events of a customer, kept in the lane's store: what a new condition about the past is filled in from (A7, R58).

Each event has a number that grows, and names the customer's event before; the record of message ids names the newest
one. So a customer's events are a chain that is read backwards when it is needed, and nothing is read to keep one.
Events of a round that follow each other share a record, a bundle: about a block of the store. What is too old goes once
a day of lane time, from the front.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec.structs import force_setattr

from agents.lanes.sweep import Sweep
from laudstream import topics
from laudstream.conditions.tally import Happened
from laudstream.journey import codec
from laudstream.journey.customer import Customer
from laudstream.records import codec as wire
from tables.layout import event_key
from tables.view import View

MOST_EVENTS = 1_000
MOST_BYTES = 256 * 1024
"""What is read of a customer at most: the newest events. One that is larger is not kept."""
TRIM_SLICE = 256
"""Bundles that a slice of the daily sweep looks at."""
KEPT = frozenset(("track", "page", "screen"))
"""Types of events that are kept."""

NUMBERS = 1 << 20
"""Events that a round may keep: the number of one is its round's seq times this, and its place in it."""
BUNDLE = 16
"""Numbers that share a record."""
LARGE_BYTES = 16 * 1024
"""An event that is larger has a record of its own."""

_HEAD = struct.Struct(">BQ")
"""Of a bundle: format, lane time of its youngest event's handling (ms)."""
_AT = itemgetter(-2)
_ENTRY = struct.Struct(">QQI")
"""Of an event: number of the customer's event before (0: none), lane time of its handling (ms), length of what follows:
the event as it came. Length 0: it was erased."""


class Entry(NamedTuple):
    before: int
    at: int
    value: bytes


class History:
    """Kept events as a round sees and changes them. `fresh` holds those of the round: (number, *Entry)."""

    def __init__(self, view: View, seq: int) -> None:
        self._view = view
        self.number = seq * NUMBERS
        self._enough = self.number + NUMBERS // 2
        self.fresh: list[tuple[int, int, int, bytes]] = []
        self._changed: dict[bytes, bytes | None] = {}

    def keep(self, customer: Customer, value: bytes, now: int) -> None:
        """The event that made `customer`, who is nobody else's yet; `now`: lane time, ms."""
        number = self.number
        if len(value) <= LARGE_BYTES:
            self.number = number + 1
        elif len(value) <= MOST_BYTES:
            number += -number % BUNDLE
            self.number = number + BUNDLE
        else:
            return
        self.fresh.append((number, customer.newest, now, value))
        force_setattr(customer, "newest", number)

    def happened(self, newest: int, since: int) -> list[Happened]:
        """What a customer did from `since` (ms) on, in the order of handling; `newest`: number of its newest event."""
        found: list[Happened] = []
        size = 0
        for count, (_, entry) in enumerate(self._chain(newest), 1):
            size += len(entry.value)
            if count > MOST_EVENTS or size > MOST_BYTES or entry.at < since:
                break
            event = wire.event(entry.value)
            if event.type == "track":
                at = min(event.timestamp or event.received or entry.at, entry.at)
                found.append(Happened(event.name, event.properties, at, entry.at))
        return found[::-1]

    def entries(self, newest: int) -> list[Entry]:
        """The events of a customer, the oldest first, within the limits."""
        found: list[Entry] = []
        size = 0
        for count, (_, entry) in enumerate(self._chain(newest), 1):
            size += len(entry.value)
            if count > MOST_EVENTS or size > MOST_BYTES:
                break
            if entry.value:
                found.append(entry)
        return found[::-1]

    def unite(self, customer: Customer, others: Sequence[tuple[int, bytes]]) -> None:
        """Puts events of another one, (lane time in ms, event as it came), between those of a customer who is nobody
        else's yet (R50). Where the round has no room for so many numbers, those of the other one are not kept."""
        mine = [(entry.at, entry.value) for entry in self.entries(customer.newest)]
        both = sorted([*mine, *others], key=itemgetter(0))[-MOST_EVENTS:]
        if self.number + len(both) * BUNDLE > self._enough:
            return
        self.erase(customer.newest)
        force_setattr(customer, "newest", 0)
        for at, value in both:
            self.keep(customer, value, at)

    def erase(self, newest: int) -> None:
        """All events of a customer are gone (R15)."""
        for number, entry in [*self._chain(newest)]:
            place = self._fresh(number)
            if place is not None:
                self.fresh[place] = (number, entry.before, entry.at, b"")
                continue
            key = event_key(number // BUNDLE)
            entries = _entries(self._read(key) or b"")
            entries[number % BUNDLE] = entry._replace(value=b"")
            self._changed[key] = _bundle(entries) if any(one.value for one in entries) else None

    def trim(self, since: int) -> bool:
        """One slice of the daily sweep: what was handled before `since` (ms) goes; whether there may be more."""
        gone = [key for key, at in self._view.oldest(TRIM_SLICE) if at < since]
        self._changed.update(dict.fromkeys(gone))
        return len(gone) == TRIM_SLICE

    def records(self) -> list[tuple[bytes, bytes | None]]:
        """What is to be written."""
        records, fresh, start = [*self._changed.items()], self.fresh, 0
        while start < len(fresh):
            bundle, end = fresh[start][0] // BUNDLE, min(start + BUNDLE, len(fresh))
            while fresh[end - 1][0] // BUNDLE != bundle:
                end -= 1
            records.append((event_key(bundle), _bundle(fresh[start:end])))
            start = end
        return records

    def _chain(self, newest: int) -> Iterator[tuple[int, Entry]]:
        """Numbers and events of a customer, the newest first."""
        while newest:
            place = self._fresh(newest)
            if place is not None:
                entry = Entry(*self.fresh[place][1:])
            else:
                value = self._read(event_key(newest // BUNDLE))
                if value is None:  # it was trimmed, and with it all before
                    return
                entry = _entry(value, newest % BUNDLE)
            yield newest, entry
            newest = entry.before

    def _fresh(self, number: int) -> int | None:
        place = bisect_left(self.fresh, (number,))
        return place if place < len(self.fresh) and self.fresh[place][0] == number else None

    def _read(self, key: bytes) -> bytes | None:
        return self._changed[key] if key in self._changed else self._view.events([key])[0]


def _bundle(entries: Sequence[Sequence[Any]]) -> bytes:
    """Of entries that end with (before, at, value)."""
    parts, pack = [_HEAD.pack(codec.FORMAT, max(map(_AT, entries)))], _ENTRY.pack
    for entry in entries:
        value = entry[-1]
        parts += pack(entry[-3], entry[-2], len(value)), value
    return b"".join(parts)


def _entries(value: bytes) -> list[Entry]:
    found: list[Entry] = []
    start = _HEAD.size
    while start < len(value):
        before, at, length = _ENTRY.unpack_from(value, start)
        start += _ENTRY.size + length
        found.append(Entry(before, at, value[start - length : start]))
    return found


def _entry(value: bytes, place: int) -> Entry:
    """The one at that place, without making the others."""
    unpack, size = _ENTRY.unpack_from, _ENTRY.size
    start = _HEAD.size
    for _ in range(place):
        start += size + unpack(value, start)[2]
    before, at, length = unpack(value, start)
    start += size
    return Entry(before, at, value[start : start + length])


def daily(sweeps: tuple[Sweep, ...], before: int, now: int) -> tuple[Sweep, ...]:
    """The sweep that trims begins with each day of lane time (ms)."""
    if not before or now // topics.DAY_MS == before // topics.DAY_MS or any(sweep.trims for sweep in sweeps):
        return sweeps
    return (*sweeps, Sweep(0, "", trims=True))
