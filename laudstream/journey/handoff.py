"""What lanes say to each other, through `laudstream.handoffs`: events that runs emit (R52), customers that are merged
(R50) and what came for them, and places of what is counted over all lanes (A11): entries of a journey (R18), the first
customers of an arm (R45).

One quota of each, in the lane that owns its key. A lane asks once a round for all who want a place; the quota gives
places to the first ones, and answers the lane that asked.
"""

from __future__ import annotations

import msgspec

from laudstream.customers.event import Event
from laudstream.ids import derive
from laudstream.messages.delivery import Delivery

QUOTA = "!quota/"
PLACES_A_RECORD = 1_000
"""Entries that one record names, at most."""

MOST_DEPTH = 8
"""Links of a chain of emitted events; the next one is refused."""

Place = tuple[str, str]
"""(customer, run)."""


ARM = "arm/"
"""Begins the name of the quota of an arm: arm/<experiment>/<arm>; one for all journeys that name the experiment."""


PACE = "pace"
"""Name of the quota that gives messages of a journey their time."""


class Ask(msgspec.Struct, frozen=True, tag="ask", omit_defaults=True, gc=False):
    """A run wants a place: an effect of the core, and of many of them one record."""

    workspace: str
    journey: str
    places: tuple[Place, ...]
    control_seq: int = 0
    """How far the asking lane had read: the quota answers once it has read as far (A9)."""
    of: str = ""
    """Which quota of the journey; empty: that of its entries."""


class Grant(msgspec.Struct, frozen=True, tag="grant", omit_defaults=True, gc=False):
    """The answer: the first `granted` places are given, the others are refused."""

    workspace: str
    journey: str
    places: tuple[Place, ...]
    granted: int
    most: int
    control_seq: int = 0
    of: str = ""
    first: int = 0
    """Of a pace: the slot of the first place; the others follow."""
    period: int = 0
    """Of a pace: ms in which there are `most` slots."""


class Release(msgspec.Struct, frozen=True, tag="release", omit_defaults=True, gc=False):
    """A place was given to a run that had ended meanwhile: it is free again. `run` makes the record unmistakable."""

    workspace: str
    journey: str
    run: str
    control_seq: int = 0
    of: str = ""


class Emitted(msgspec.Struct, frozen=True, tag="emitted", omit_defaults=True, gc=False):
    """An event that a run emits, for a customer of any lane: an effect of the core, and an input there (R52)."""

    workspace: str
    customer: str
    event: Event
    run: str
    """That emitted it."""
    control_seq: int = 0
    life: int | None = None
    """The life of the customer that the run belongs to (R15), where the event is for that customer itself; None: it is
    for another one, or a release that did not say it wrote the record."""


class Answered(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a quota answered for a run that has gone to another customer: the fields of a GrantInput."""

    journey: str
    run: str
    granted: bool
    most: int
    of: str = ""
    slot: int = 0


class Forwarded(msgspec.Struct, frozen=True, tag="forwarded", omit_defaults=True, gc=False):
    """An input that came for an alias, on its way to the root (A18): an event, a delivery or an answer."""

    workspace: str
    customer: str
    """The root."""
    number: int
    """Of the merge whose pointer it followed last; numbers grow along the way."""
    event: Event | None = None
    life: int | None = None
    """Of an event that a run emitted."""
    delivery: Delivery | None = None
    answer: Answered | None = None
    control_seq: int = 0


class Merged(msgspec.Struct, frozen=True, tag="merged", omit_defaults=True, gc=False):
    """What an alias leaves to its root, or a part of it (R50)."""

    workspace: str
    customer: str
    """The root."""
    number: int
    """Of the merge, or of the pointer that it followed last."""
    source: str
    """The alias."""
    body: bytes
    """See `laudstream.journey.legacy`."""
    part: int = 1
    parts: int = 1
    control_seq: int = 0


Handoff = Ask | Grant | Release | Emitted | Forwarded | Merged


class Quota(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """State of a quota."""

    granted: int = 0
    """Places that are taken."""


class Pacing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """State of a journey's pace."""

    following: int = 0
    """Slot that is given next: `most` of them lie in each `period`, numbered from 1970 on."""
    most: int = 0
    period: int = 0


def quota_key(workspace: str, journey: str, of: str = "") -> str:
    """Key of the lane that counts; as long as the id of a customer at most."""
    if of.startswith(ARM):
        return f"{workspace}:{QUOTA}!{derive('quota', of)}"
    return f"{workspace}:{QUOTA}{journey}{of and '/'}{of}"
