"""Rows that a batch comes to; their fields stand in the order of the arrays in `queries/projection.sql`.

Times are integer milliseconds; SQL turns them into timestamps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class TimelineRow(NamedTuple):
    workspace_id: str
    customer_id: str
    n: int
    decision_id: str
    at: int
    kind: str
    journey_id: str
    version: int
    run_id: str
    step: str
    reason: str
    body: msgspec.Raw
    """The whole record, JSON."""


class RunRow(NamedTuple):
    """Where a run is after some of its decisions."""

    workspace_id: str
    run_id: str
    customer_id: str
    journey_id: str
    version: int
    step: str
    entered_at: int
    """Of the earliest decision that is known."""
    moved_at: int
    ended_at: int | None
    outcome: str | None
    reason: str | None
    arms: dict[str, str]
    last_n: int
    """Number of the last decision in it: the row with the greater one says where the run is."""


class MessageRow(NamedTuple):
    workspace_id: str
    send_id: str
    customer_id: str
    channel: str
    message_class: str
    journey_id: str
    version: int
    run_id: str
    step: str
    template_id: str
    template_version: int
    status: str
    status_rank: int
    reason: str
    requested_at: int | None
    sent_at: int | None
    status_at: int
    kinds: int
    """A bit per kind of delivery, in the order of `delivery.KINDS`."""


class LifeRow(NamedTuple):
    """Which life of its customer a message belongs to."""

    workspace_id: str
    send_id: str
    customer_id: str
    born: int


class SegmentRow(NamedTuple):
    """Whether a customer is in a segment, after some of its decisions."""

    workspace_id: str
    segment: str
    customer_id: str
    member: bool
    since: int
    last_n: int
    """Number of the decision: the greater one tells."""


class MergedRow(NamedTuple):
    """A customer whose merge into another one was carried out by a lane."""

    workspace_id: str
    alias: str
    at: int
    """Of the last decision under this id; -1: the lane of the other customer told."""
    clock: int
    """Of the round that made it."""


class MarkRow(NamedTuple):
    """A kind of delivery of a message: it counts if the message has not seen that kind before."""

    workspace_id: str
    send_id: str
    kind: int
    """Its bit."""
    journey_id: str
    version: int
    step: str
    counter: str


class SeenRow(NamedTuple):
    """The first sight of a customer."""

    workspace_id: str
    customer_id: str
    number: int
    at: int


class WriteRow(NamedTuple):
    """One attribute of a write; a write without attributes is one row without a name."""

    workspace_id: str
    customer_id: str
    number: int
    born: int
    name: str | None
    value: Any
    """msgspec.Raw; None: the attribute goes away."""
    adds: bool = False
    """The value is added to what is there."""


class PassedRow(NamedTuple):
    """A write that is not carried out."""

    workspace_id: str
    customer_id: str
    number: int
    born: int


class ConsentRow(NamedTuple):
    workspace_id: str
    customer_id: str
    number: int
    born: int
    channel: str
    subscription: str
    status: str


class MemberRow(NamedTuple):
    workspace_id: str
    customer_id: str
    number: int
    born: int
    segment: str
    member: bool


class CountedRow(NamedTuple):
    """Who is where in a journey, as one lane counted it."""

    control_seq: int
    """Of the question."""
    partition: int
    workspace_id: str
    journey_id: str
    cells: msgspec.Raw
    """JSON."""


class CensusRow(NamedTuple):
    """Of how many customers a condition holds, as one lane counted it."""

    control_seq: int
    """Of the order."""
    partition: int
    workspace_id: str
    looked_at: int
    matching: int
    failed: int
    unseen: msgspec.Raw
    """JSON, as the sample."""
    sample: msgspec.Raw


class LetterRow(NamedTuple):
    topic: str
    partition: int
    record_offset: int
    workspace_id: str | None
    error: str


Counter = tuple[str, str, int, str, str]
"""(workspace, journey, version, step, counter); step "" = the journey itself."""
