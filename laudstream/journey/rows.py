"""Rows of PostgreSQL reach the lane: by CDC, or inside an identify (A16, A17, A19).

- An older revision changes nothing; a row of another birth erases the state first; a delete counts only for the
  birth that it names.
- Deleting ends the runs, and leaves for 7 days only the instant: inputs received before it change nothing (R15, R54).
- Until a write of the lane comes back in the row, the lane reads the row with that write on top.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from laudstream.conditions.operators import same
from laudstream.customers.row import Consent, Member, Row, Suppression
from laudstream.journey.customer import Pending, RowState
from laudstream.journey.identity import ALONE, Identity, told
from laudstream.journey.moves import end
from laudstream.journey.reasons import Reason
from laudstream.journey.work import Work
from laudstream.journey.write import CONSENT, MEMBER
from laudstream.journey.writing import over, wanted

STRICTEST = "unsubscribed"
"""At the same place in the log it beats what else is said of a consent (R12)."""


def apply(work: Work, row: Row | Consent | Suppression | Member) -> bool:
    """Puts a row into the customer; whether anything changed."""
    if isinstance(row, Row):
        return _customer(work, row)
    if isinstance(row, Member):
        return _member(work, row)
    return _consent(work, row) if isinstance(row, Consent) else _suppression(work, row)


def _customer(work: Work, row: Row) -> bool:
    if row.deleted:
        if not row.born or row.born != work.core.row.born:
            return False
        ended, at = max(row.revision, work.core.row.revision), row.at or work.moment.now
        later = tuple(each for each in work.identity.waiting if each.event is not None and each.event.received > at)
        _erase(work)
        work.core.row = RowState(0, ended, 0, at, ended)
        if later:  # of the next life (R54)
            work.identity = Identity(waiting=later)
        return True
    if row.revision <= work.core.row.revision:
        return False
    known = work.core.row
    if known.born not in (0, row.born):
        _erase(work)
        known = replace(known, before=row.born)
    work.core.row = RowState(row.born, row.revision, row.created_at, known.gone_at, known.before)
    if row.merges > work.identity.wanted:
        work.identity = told(work.identity, row.merges, work.moment.now)
        work.silent = True
    work.core.pending = tuple(write for write in work.core.pending if write.number > row.writes)
    work.core.writes = max(work.core.writes, row.writes)
    attributes = _with_pending(row.attributes, work.core.pending)
    if not same(attributes, work.attributes):
        work.attributes = attributes
    return True


def _erase(work: Work) -> None:
    for run in list(work.runs):
        end(work, run, work.moment.now, reason=Reason.DELETED)
    work.attributes = {}
    work.recent = b""
    work.core.memory, work.core.assignments, work.core.consents, work.core.suppressions = {}, {}, {}, {}
    work.core.swept, work.core.members, work.core.goals, work.core.alarms = {}, {}, (), {}
    work.core.segments, work.core.ticks, work.core.judged = {}, {}, 0
    work.tallies, work.newest = {}, 0
    work.core.slots, work.core.pending = (), ()
    work.core.writes = 0
    work.identity = ALONE


def _with_pending(attributes: dict[str, Any], pending: tuple[Pending, ...]) -> dict[str, Any]:
    for write in pending:
        attributes = over(attributes, write)
    return attributes


def _consent(work: Work, row: Consent) -> bool:
    name = f"{row.channel}/{row.subscription}"
    known = work.core.consents.get(name)
    if known is not None and (row.revision, row.deleted or row.status == STRICTEST) < (known[1], known[0] == STRICTEST):
        return False
    status = wanted(work.core, CONSENT, name) or row.status
    changed = _replaced(work.core.consents, name, None if row.deleted else (status, row.revision))
    if changed is not None:
        work.core.consents = changed
    return changed is not None


def _member(work: Work, row: Member) -> bool:
    known = work.core.members.get(row.segment)
    if known is not None and row.revision < known[1]:
        return False
    pending = wanted(work.core, MEMBER, row.segment)
    member = row.member if pending is None else pending
    now = None if row.deleted else (member, row.revision)
    if known == now:
        return False
    others = {name: kept for name, kept in work.core.members.items() if name != row.segment}
    work.core.members = others if now is None else {**others, row.segment: now}
    return True


def _suppression(work: Work, row: Suppression) -> bool:
    known = work.core.suppressions.get(row.channel)
    if known is not None and row.revision < known[1]:
        return False
    changed = _replaced(work.core.suppressions, row.channel, None if row.deleted else (row.reason, row.revision))
    if changed is not None:
        work.core.suppressions = changed
    return changed is not None


def _replaced(
    known: dict[str, tuple[str, int]], name: str, value: tuple[str, int] | None
) -> dict[str, tuple[str, int]] | None:
    """`known` with one entry replaced; None if that is no change."""
    if known.get(name) == value:
        return None
    others = {other: kept for other, kept in known.items() if other != name}
    return others if value is None else {**others, name: value}


def first_sight(work: Work) -> None:
    """An unknown customer did something: PostgreSQL learns of them (A19)."""
    if not work.core.row.born and not work.core.writes:
        work.write("first_sight")
        work.core.pending = (*work.core.pending, Pending(work.core.writes, "first_sight"))
