"""Decisions and deliveries of a batch, folded into the rows that they come to. Pure.

Two folds of parts of a log merge into the fold of the whole, in whatever order they are merged: of a run the greater
`last_n` says where it is, of a message the greater rank. Only deletions need the order of the log: they erase what came
before them. Rows say who is meant as their records do; SQL writes them under the root of a merged customer (A18).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from agents.projection.counters import REQUESTED, count
from agents.projection.rows import (
    CensusRow,
    CountedRow,
    Counter,
    LifeRow,
    MarkRow,
    MergedRow,
    MessageRow,
    RunRow,
    SegmentRow,
    TimelineRow,
)
from laudstream.errors import Undecodable
from laudstream.journey.census import Told
from laudstream.journey.decision import KINDS as DECISION_KINDS
from laudstream.journey.decision import Decision
from laudstream.journey.presence import Cell
from laudstream.journey.reasons import Reason
from laudstream.messages.delivery import KINDS as DELIVERY_KINDS
from laudstream.messages.delivery import Delivery

RANK = {
    REQUESTED: 0,
    "unknown": 10,
    "refused": 20,
    "failed": 30,
    "sent": 40,
    "delivered": 50,
    "bounced": 60,
    "opened": 70,
    "clicked": 80,
    "replied": 90,
    "unsubscribed": 100,
    "complained": 110,
}
"""Of what is known about a message the greatest is its status, whatever came first."""

BIT = {kind: 1 << at for at, kind in enumerate(DELIVERY_KINDS)}


_BY_PEOPLE = ("opened", "clicked")


class Decided(msgspec.Struct):
    """What decisions come to."""

    timeline: list[TimelineRow] = msgspec.field(default_factory=list)
    runs: dict[tuple[str, str], RunRow] = msgspec.field(default_factory=dict)
    messages: dict[tuple[str, str], MessageRow] = msgspec.field(default_factory=dict)
    counts: dict[Counter, int] = msgspec.field(default_factory=dict)
    lanes: dict[int, int] = msgspec.field(default_factory=dict)
    """Partition -> control_seq that its lane has read."""
    presence: dict[tuple[int, int], CountedRow] = msgspec.field(default_factory=dict)
    """(control_seq, partition) -> what a lane has counted."""
    censuses: dict[tuple[int, int], CensusRow] = msgspec.field(default_factory=dict)
    """The same of censuses."""
    gone: set[tuple[str, str]] = msgspec.field(default_factory=set)
    """(workspace, customer) who was deleted: what is kept of them goes away before these rows are merged."""
    segments: dict[tuple[str, str, str], SegmentRow] = msgspec.field(default_factory=dict)
    merged: dict[tuple[str, str], MergedRow] = msgspec.field(default_factory=dict)
    """(workspace, alias) -> that their lane or the root's has carried out a merge."""


class Delivered(msgspec.Struct):
    """What deliveries come to."""

    messages: dict[tuple[str, str], MessageRow] = msgspec.field(default_factory=dict)
    lives: dict[tuple[str, str], LifeRow] = msgspec.field(default_factory=dict)
    """Of messages to customers who had a row."""
    marks: dict[tuple[str, str, int], MarkRow] = msgspec.field(default_factory=dict)


def check_decision(d: Decision) -> None:
    """Raises Undecodable for a decision that this page cannot place."""
    if d.kind not in DECISION_KINDS:
        raise Undecodable(f"unknown kind of decision {d.kind[:40]!r}")
    if d.kind == "control" and not all(type(d.data.get(name)) is int for name in ("partition", "seq")):
        raise Undecodable("control decision without partition and seq")
    if d.kind == "counted":
        _counted(d)
    if d.kind == "migrated" and type(d.data.get("of")) is not int:
        raise Undecodable("migrated decision without the version before")
    if d.kind == "merged" and not isinstance(d.data.get("into", d.data.get("from")), str):
        raise Undecodable("merged decision without the other customer")


def check_delivery(d: Delivery) -> None:
    """Raises Undecodable for a delivery of an unknown kind."""
    if d.kind not in BIT:
        raise Undecodable(f"unknown kind of delivery {d.kind[:40]!r}")


def decisions(taken: Iterable[tuple[Decision, msgspec.Raw]]) -> Decided:
    """Rows of decisions and the records they came in; each has passed `check_decision`."""
    into = Decided()
    timeline = into.timeline
    for d, body in taken:
        if d.kind == "control":
            partition, seq = d.data["partition"], d.data["seq"]
            into.lanes[partition] = max(seq, into.lanes.get(partition, 0))
            continue
        if d.kind == "counted":
            row = _counted(d)
            if isinstance(row, CensusRow):
                into.censuses[row.control_seq, row.partition] = row
            else:
                into.presence[row.control_seq, row.partition] = row
            continue
        timeline.append(
            TimelineRow(
                d.workspace, d.customer, d.n, d.id, d.at, d.kind, d.journey, d.version, d.run, d.step, d.reason, body
            )
        )
        count(into.counts, d)
        if d.kind == "deleted" or (d.reason == Reason.DELETED and d.kind == "ended"):
            _erase(into, d.workspace, d.customer)
        elif d.kind == "message":
            _request(into, d)
        elif d.kind == "segment":
            _belong(into.segments, d)
        elif d.kind == "merged":
            merge = _merged(d)
            into.merged[merge[:2]] = max(merge, into.merged.get(merge[:2], merge))
        elif d.run and d.kind in ("entered", "moved", "migrated", "ended", "failed"):
            _move(into.runs, d)
    return into


def _merged(d: Decision) -> MergedRow:
    """Of the source the last decision, of the target one of several perhaps."""
    if "into" in d.data:
        return MergedRow(d.workspace, d.customer, d.at, d.clock)
    return MergedRow(d.workspace, d.data["from"], -1, -1)


def _counted(d: Decision) -> CountedRow | CensusRow:
    """Raises Undecodable for what is no count."""
    try:
        if "census" in d.data:
            told = msgspec.convert(d.data, Told)
            unseen, sample = msgspec.Raw(_encode(told.unseen)), msgspec.Raw(_encode(told.sample))
            return CensusRow(
                told.seq, told.partition, d.workspace, told.looked_at, told.matching, told.failed, unseen, sample
            )
        found = msgspec.convert(d.data, _Presence)
    except msgspec.ValidationError as error:
        raise Undecodable(f"counted decision: {error}") from None
    return CountedRow(found.seq, found.partition, d.workspace, d.journey, msgspec.Raw(_encode(found.cells)))


class _Presence(msgspec.Struct):
    seq: int
    partition: int
    cells: list[Cell]


_encode = msgspec.json.Encoder().encode


def _move(runs: dict[tuple[str, str], RunRow], d: Decision) -> None:
    """`failed` leaves the run where it is, open, with a reason; a later move takes the reason away."""
    ended = d.kind == "ended"
    now = RunRow(
        d.workspace, d.run, d.customer, d.journey, d.version, d.to or d.step, d.at, d.at, d.at if ended else None,
        d.outcome or None if ended else None, d.reason or None if ended or d.kind == "failed" else None,
        {d.step: d.branch} if d.kind == "moved" and _text(d, "experiment") else {}, d.n,
    )  # fmt: skip
    key = d.workspace, d.run
    before = runs.get(key)
    runs[key] = now if before is None else merged_run(before, now)


def _belong(segments: dict[tuple[str, str, str], SegmentRow], d: Decision) -> None:
    row = SegmentRow(d.workspace, _text(d, "segment"), d.customer, d.data.get("change") == "entered", d.at, d.n)
    key = row[:3]
    segments[key] = merged_segment(segments[key], row) if key in segments else row


def merged_segment(a: SegmentRow, b: SegmentRow) -> SegmentRow:
    """What both say together. Commutes."""
    return max(a, b, key=lambda row: row.last_n)


def _erase(into: Decided, workspace: str, customer: str) -> None:
    """The customer was deleted (R15): only counters remain of what was decided up to here."""
    who = (workspace, customer)
    into.gone.add(who)
    into.timeline[:] = [row for row in into.timeline if row[:2] != who]
    into.runs = {key: row for key, row in into.runs.items() if (row.workspace_id, row.customer_id) != who}
    into.messages = {key: row for key, row in into.messages.items() if (row.workspace_id, row.customer_id) != who}
    into.segments = {key: row for key, row in into.segments.items() if (row.workspace_id, row.customer_id) != who}


def merged_run(a: RunRow, b: RunRow) -> RunRow:
    """What both say together. Commutes (an arm, once assigned, is kept: R45), as the statement `merge_runs` does."""
    older, newer = (a, b) if a.last_n < b.last_n else (b, a)
    arms = {**older.arms, **newer.arms} if older.arms and newer.arms else newer.arms or older.arms
    return newer._replace(entered_at=min(a.entered_at, b.entered_at), arms=arms)


def _request(into: Decided, d: Decision) -> None:
    """A message that was requested. A refused one leaves only its counter and its line in the timeline."""
    send_id = d.data.get("send_id")
    if d.reason or not isinstance(send_id, str):
        return
    row = MessageRow(
        d.workspace, send_id, d.customer, _text(d, "channel"), _text(d, "message_class"), d.journey, d.version, d.run,
        d.step, _text(d, "template"), _number(d, "template_version"), REQUESTED, RANK[REQUESTED], "",
        d.clock, None, d.clock, 0,
    )  # fmt: skip
    _known(into.messages, row)


def _text(d: Decision, name: str) -> str:
    value = d.data.get(name)
    return value if isinstance(value, str) else ""


def _number(d: Decision, name: str) -> int:
    value = d.data.get(name)
    return value if type(value) is int else 0


def deliveries(taken: Iterable[Delivery]) -> Delivered:
    """Rows of deliveries; each has passed `check_delivery`."""
    into = Delivered()
    for d in taken:
        if d.machine and d.kind in _BY_PEOPLE:  # a machine proves that it has arrived, and no more (R56)
            d = replace(d, kind="delivered")
        bit = BIT[d.kind]
        row = MessageRow(
            d.workspace, d.send_id, d.customer, d.channel, d.message_class, d.journey, d.version, d.run, d.step,
            d.template, d.template_version, d.kind, RANK[d.kind], d.reason, None, d.at if d.kind == "sent" else None,
            d.at, bit,
        )  # fmt: skip
        _known(into.messages, row)
        if d.life > 0:
            into.lives[row[:2]] = LifeRow(d.workspace, d.send_id, d.customer, d.life)
        counter = f"refused:{d.reason}" if d.kind == "refused" else d.kind
        into.marks.setdefault(
            (d.workspace, d.send_id, bit), MarkRow(d.workspace, d.send_id, bit, d.journey, d.version, d.step, counter)
        )
    return into


def _known(messages: dict[tuple[str, str], MessageRow], row: MessageRow) -> None:
    key = row.workspace_id, row.send_id
    before = messages.get(key)
    messages[key] = row if before is None else merged_message(before, row)


def merged_message(a: MessageRow, b: MessageRow) -> MessageRow:
    """What both say together. Commutes, as the statement `merge_messages` does."""
    lesser, greater = sorted((a, b), key=lambda row: (row.status_rank, -row.status_at))
    return greater._replace(
        channel=a.channel or b.channel,
        message_class=a.message_class or b.message_class,
        template_id=a.template_id or b.template_id,
        template_version=a.template_version or b.template_version,
        requested_at=_earlier(a.requested_at, b.requested_at),
        sent_at=_earlier(a.sent_at, b.sent_at),
        kinds=lesser.kinds | greater.kinds,
    )


def _earlier(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)
