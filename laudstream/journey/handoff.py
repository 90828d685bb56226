"""What lanes say to each other, through `laudstream.handoffs`: events that runs emit (R52), and places of journeys that
take a fixed number (A11, R18).

One quota a journey, in the lane that owns the key `workspace:!quota/<journey>`. A lane asks once a round for all who
want to enter; the quota gives places to the first ones, and answers the lane that asked.
"""

from __future__ import annotations

import msgspec

from laudstream.customers.event import Event

QUOTA = "!quota/"
PLACES_A_RECORD = 1_000
"""Entries that one record names, at most."""

MOST_DEPTH = 8
"""Links of a chain of emitted events; the next one is refused."""

Place = tuple[str, str]
"""(customer, run)."""


class Ask(msgspec.Struct, frozen=True, tag="ask", gc=False):
    """A run wants a place: an effect of the core, and of many of them one record."""

    workspace: str
    journey: str
    places: tuple[Place, ...]
    control_seq: int = 0
    """How far the asking lane had read: the quota answers once it has read as far (A9)."""


class Grant(msgspec.Struct, frozen=True, tag="grant", gc=False):
    """The answer: the first `granted` places are given, the others are refused."""

    workspace: str
    journey: str
    places: tuple[Place, ...]
    granted: int
    most: int
    control_seq: int = 0


class Release(msgspec.Struct, frozen=True, tag="release", gc=False):
    """A place was given to a run that had ended meanwhile: it is free again. `run` makes the record unmistakable."""

    workspace: str
    journey: str
    run: str
    control_seq: int = 0


class Emitted(msgspec.Struct, frozen=True, tag="emitted", gc=False):
    """An event that a run emits, for a customer of any lane: an effect of the core, and an input there (R52)."""

    workspace: str
    customer: str
    event: Event
    run: str
    """That emitted it."""
    control_seq: int = 0


Handoff = Ask | Grant | Release | Emitted


class Quota(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """State of a journey's quota."""

    granted: int = 0
    """Places that are taken."""


def quota_key(workspace: str, journey: str) -> str:
    return f"{workspace}:{QUOTA}{journey}"
