"""What lanes say to each other, through `laudstream.handoffs`: events that runs emit (R52), and places of what is
counted over all lanes (A11): entries of a journey (R18), the first customers of an arm (R45).

One quota of each, in the lane that owns its key. A lane asks once a round for all who want a place; the quota gives
places to the first ones, and answers the lane that asked.
"""

from __future__ import annotations

import msgspec

from laudstream.customers.event import Event
from laudstream.ids import derive

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


Handoff = Ask | Grant | Release | Emitted


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
