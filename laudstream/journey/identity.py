"""Who a customer is after merges (R50, A18): an alias that points to its root, or a root that has taken others in."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from laudstream.customers.event import Event
from laudstream.journey.handoff import Answered
from laudstream.messages.delivery import Delivery

AWAIT_MS = 60_000
"""How long events of a root wait for what a merge brings, of lane time."""
MOST_WAITING = 50
MOST_WAITING_BYTES = 64 * 1024
"""Of all events that wait, as JSON: they are part of the core's record."""
RECORD_BYTES = 480 * 1024
"""Of the core with what waits, as JSON, which is larger than msgpack: a record has 512 KB at most (A7)."""
MOST_LIVES = 100

_size = msgspec.json.Encoder().encode


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came before what the merge brings: an event, or a delivery or an answer for a run that is not here."""

    cause: tuple[str, int, int]
    event: Event | None
    at: int
    """Lane time when it came, ms."""
    life: int | None = None
    number: int = 0
    """Of the pointer that it followed; 0: none, or that merge is waited for anyway."""
    delivery: Delivery | None = None
    answer: Answered | None = None


class Identity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    root: str = ""
    """Customer whose alias this is: whatever comes is handed on to it. Empty: this one is nobody's alias."""
    number: int = 0
    """Of the merge that made it an alias, or of the last one into it."""
    lives: tuple[int, ...] = ()
    """Lives of others that were merged into this one: what was requested in them belongs to it (R15)."""
    wanted: int = 0
    """Merges into this one that its row tells of …"""
    taken: int = 0
    """… and those of which the other lane has brought what there was."""
    until: int = 0
    """Its events wait for a merge up to this instant, ms; 0: they do not."""
    waiting: tuple[Waiting, ...] = ()

    def crowded(self, core: object) -> bool:
        """Whether more events wait than may; `core`: of the customer, they share a record with it."""
        events = [size_of(each) for each in self.waiting if each.event is not None]
        return len(events) > MOST_WAITING or sum(events) > MOST_WAITING_BYTES or self.too_large(core)

    def too_large(self, core: object) -> bool:
        """Whether a record has no room for all that waits."""
        return sum(map(size_of, self.waiting)) + len(_size(core)) > RECORD_BYTES


def size_of(one: Waiting) -> int:
    """Bytes as JSON."""
    return len(_size(one))


ALONE = Identity()
"""Of a customer who was never merged; it is not written."""


def told(identity: Identity, merges: int, now: int) -> Identity:
    """The row says how many were merged into this customer: what they bring is waited for."""
    if merges <= identity.wanted:
        return identity
    missing = merges > identity.taken
    return replace(identity, wanted=merges, until=now + AWAIT_MS if missing else identity.until)


def brought(identity: Identity, number: int, merges: int, lives: tuple[int, ...]) -> Identity:
    """A merge has brought all that there was; `merges`: how many it stands for."""
    known = (*identity.lives, *(life for life in lives if life not in identity.lives))
    taken = identity.taken + merges
    return replace(
        identity, number=max(number, identity.number), lives=known[-MOST_LIVES:], taken=taken,
        until=identity.until if taken < identity.wanted else 0,
    )  # fmt: skip
