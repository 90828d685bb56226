"""What a lane hands to `advance`, and what it gets back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from laudstream.customers.event import Event
from laudstream.customers.row import Alias, Consent, Member, Row, Suppression
from laudstream.journey.customer import Customer
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import Ask, Emitted, Forwarded, Release
from laudstream.journey.legacy import Legacy
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
    number: int = 0
    """Of the pointer that it followed (A18); 0: none."""


class RowInput(msgspec.Struct, frozen=True, gc=False):
    cause: Cause
    row: Row | Consent | Suppression | Member


class AliasInput(msgspec.Struct, frozen=True, gc=False):
    """The customer is another one by now (A18)."""

    cause: Cause
    alias: Alias


class DeliveryInput(msgspec.Struct, frozen=True, gc=False):
    cause: Cause
    delivery: Delivery
    number: int = 0
    """As of an event."""


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
    number: int = 0
    """As of an event."""


class MergeInput(msgspec.Struct, frozen=True, gc=False):
    """Another customer was merged into this one: what it had, or a part of it (R50)."""

    cause: Cause
    source: str
    number: int
    """Of the merge, or of the pointer that it followed last."""
    legacy: Legacy
    last: bool = True
    """No part follows."""


class RootInput(msgspec.Struct, frozen=True, gc=False):
    """An input came along a newer pointer than the customer's own: it is the root again, and its row says so later."""


class Inheritance(msgspec.Struct, frozen=True, gc=False):
    """Effect: what a customer leaves to its root. The lane adds its kept events and sends it there."""

    workspace: str
    root: str
    source: str
    number: int
    legacy: Legacy


Input = (
    EventInput | RowInput | DeliveryInput | TimerInput | TouchInput | GrantInput | AliasInput | MergeInput | RootInput
)
Effect = Decision | SendRequest | Write | Ask | Release | Emitted | Forwarded | Inheritance


class Outcome(msgspec.Struct, frozen=True, gc=False):
    customer: Customer
    """The same object if nothing changed."""
    effects: list[Effect]
    parked: Sequence[str] = ()
    """Runs (or, for an entry that failed, journeys) that an error parked (A6)."""
