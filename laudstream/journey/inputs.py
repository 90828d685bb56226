"""What a lane hands to `advance`, and what it gets back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from laudstream.customers.event import Event
from laudstream.customers.row import Consent, Member, Row, Suppression
from laudstream.journey.customer import Customer
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import Ask, Emitted, Release
from laudstream.journey.write import Write
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest

Cause = tuple[str, int, int]
"""The record that an input came from: topic, partition, offset (A15)."""


class Moment(msgspec.Struct, frozen=True, gc=False):
    now: int
    """Lane time of the input, ms: runs move by it (R26)."""
    clock: int
    """Clock of the round, ms: message gates look at it, and what follows a message counts from it (A4)."""
    epoch: int = 0
    ids: bool = True
    """False: nobody reads the ids of decisions, and none are made (a simulation that only counts)."""


class EventInput(msgspec.Struct, frozen=True, gc=False):
    cause: Cause
    event: Event
    life: int | None = None
    """Of an event that a run of the customer emitted: the life that it belongs to (R15); None: whichever is there."""


class RowInput(msgspec.Struct, frozen=True, gc=False):
    cause: Cause
    row: Row | Consent | Suppression | Member


class DeliveryInput(msgspec.Struct, frozen=True, gc=False):
    cause: Cause
    delivery: Delivery


class TimerInput(msgspec.Struct, frozen=True, gc=False):
    """Everything of the customer that is due up to `moment.now` fires, in the order in which it is due."""

    due: int
    """Due time of the hint, ms; it makes the ids of what follows (A15)."""


class TouchInput(msgspec.Struct, frozen=True, gc=False):
    """A control record changed the status of journeys: their runs end, or go on (R49)."""

    seq: int


class GrantInput(msgspec.Struct, frozen=True, gc=False):
    """The quota has answered for a run (R18)."""

    cause: Cause
    journey: str
    run: str
    granted: bool
    most: int
    """Places that there are."""
    of: str = ""
    """Which quota of the journey; empty: that of its entries."""
    slot: int = 0
    """Of a pace: from when on a message may go, ms."""


Input = EventInput | RowInput | DeliveryInput | TimerInput | TouchInput | GrantInput
Effect = Decision | SendRequest | Write | Ask | Release | Emitted


class Outcome(msgspec.Struct, frozen=True, gc=False):
    customer: Customer
    """The same object if nothing changed."""
    effects: list[Effect]
    parked: Sequence[str] = ()
    """Runs (or, for an entry that failed, journeys) that an error parked (A6)."""
