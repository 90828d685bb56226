"""Writes of lanes to customers' rows (A19), taken apart into one row an attribute. Pure.

Each write has a number, 1, 2, 3, … per customer, and the row keeps the number of the last write that it contains.
A write applies if its number is greater: so it applies exactly once, in order, whatever is repeated (R53). A gap
(a row restored from a backup) holds nothing up. A write that cannot be carried out is passed over: the row gets its
number, and comes back to the lane without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import msgspec

from agents.projection.rows import ConsentRow, MemberRow, PassedRow, SeenRow, WriteRow
from laudstream.errors import Undecodable
from laudstream.journey.write import CONSENT, FIRST_SIGHT, FORGOTTEN, INCREMENT, MEMBER, OPS, SET, UNSET, Write

STATUSES = ("subscribed", "unsubscribed", "pending", "unknown")

R = TypeVar("R", SeenRow, WriteRow, ConsentRow, MemberRow, PassedRow)

_encode = msgspec.json.Encoder().encode


class Changes(NamedTuple):
    """What writes come to."""

    seen: list[SeenRow]
    writes: list[WriteRow]
    consents: list[ConsentRow]
    members: list[MemberRow]
    passed: list[PassedRow]
    forgotten: dict[tuple[str, str], int]
    """(workspace, customer) -> the deletion that the lane has carried out."""

    def unseen(self) -> set[tuple[str, str]]:
        """(workspace, customer) for whom something was written while there was no row."""
        found = {(row.workspace_id, row.customer_id) for row in self.writes if not row.born}
        others: list[ConsentRow | MemberRow | PassedRow] = [*self.consents, *self.members, *self.passed]
        return found | {(row.workspace_id, row.customer_id) for row in others if not row.born}

    def without(self, gone: set[tuple[str, str]]) -> Changes:
        """Without what was written for these while there was no row."""

        def living(rows: list[R]) -> list[R]:
            return [row for row in rows if row[:2] not in gone or (not isinstance(row, SeenRow) and row.born)]

        return Changes(
            living(self.seen), living(self.writes), living(self.consents), living(self.members), living(self.passed),
            self.forgotten,
        )  # fmt: skip


def passed(w: Write) -> PassedRow | None:
    """What the row of the customer gets of a write that is not carried out; None: its number is none."""
    return PassedRow(w.workspace, w.customer, w.number, w.born) if 0 < w.number < 1 << 63 else None


def check_write(w: Write) -> None:
    """Raises Undecodable for a write that nobody can carry out."""
    if w.op not in OPS and w.op != FORGOTTEN:
        raise Undecodable(f"unknown op of a write {w.op[:40]!r}")
    if w.number < 1:
        raise Undecodable(f"write with number {w.number}: numbers begin with 1")
    for name, value in w.attributes.items():
        wrong = (
            (w.op == INCREMENT and (isinstance(value, bool) or not isinstance(value, int | float)))
            or (w.op == CONSENT and (value not in STATUSES or "/" not in name))
            or (w.op == MEMBER and not isinstance(value, bool))
        )
        if wrong:
            raise Undecodable(f"write {w.op} of {name[:40]!r}: {str(value)[:40]!r} is no value for it")


def writes(taken: Iterable[Write]) -> Changes:
    """Rows of writes; each has passed `check_write`."""
    into = Changes([], [], [], [], [], {})
    once: dict[tuple[str, str, int, int], Write] = {}
    for w in taken:
        if w.op == FORGOTTEN:
            into.forgotten[w.workspace, w.customer] = w.born
            void = (w.workspace, w.customer, 0)
            once = {key: kept for key, kept in once.items() if key[:3] != void}
        else:
            once[w.workspace, w.customer, w.born, w.number] = w
    for w in once.values():
        if w.op == FIRST_SIGHT:
            into.seen.append(SeenRow(w.workspace, w.customer, w.number, w.at))
        values: dict[str, msgspec.Raw | None] = {}
        if w.op in (SET, INCREMENT):
            values = {name: msgspec.Raw(_encode(value)) for name, value in w.attributes.items()}
        elif w.op == UNSET:
            values = dict.fromkeys(w.names)
        head = (w.workspace, w.customer, w.number, w.born)
        into.writes.extend(WriteRow(*head, name, value, w.op == INCREMENT) for name, value in values.items())
        if w.op == CONSENT:
            into.consents.extend(ConsentRow(*head, *_place(name), status) for name, status in w.attributes.items())
        elif w.op == MEMBER:
            into.members.extend(MemberRow(*head, segment, member) for segment, member in w.attributes.items())
        if not values:
            into.writes.append(WriteRow(*head, None, None))
    return into


def _place(name: str) -> tuple[str, str]:
    """(channel, subscription)."""
    channel, _, subscription = name.partition("/")
    return channel, subscription
