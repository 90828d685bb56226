"""What runs write to their customer's row (R53, A19): seen at once, and written by the projector in order.

Until the row with that number comes back, what is pending lies on top of the row. What a run wrote in the input in
which it fails is taken back; what others wrote then is numbered anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from laudstream.journey import backlog
from laudstream.journey.bounded import nearest
from laudstream.journey.customer import Core, Pending
from laudstream.journey.write import CONSENT, INCREMENT, MEMBER, SET, UNSET, Write

if TYPE_CHECKING:
    from laudstream.journey.work import Work

_EXACT = Context(prec=700)
"""As many digits as a double can have."""


class Base(NamedTuple):
    """What an input found before its runs wrote anything."""

    attributes: dict[str, Any]
    pending: tuple[Pending, ...]
    consents: dict[str, tuple[str, int]]
    members: dict[str, tuple[bool, int]]
    writes: int


def put(work: Work, run: str, op: str, values: dict[str, Any], names: Iterable[str] = ()) -> None:
    """A run writes."""
    core = work.core
    if work.base is None:
        work.base = Base(work.attributes, core.pending, core.consents, core.members, core.writes)
    if work.told is None:
        work.told = (work.attributes, core.consents, core.members)
    core.writes += 1
    write = Write(
        work.workspace, work.customer, core.writes, op, work.moment.now, values, list(names), work.core.row.born
    )
    work.out.append(write)
    work.writes.append((run, write))
    _lay(work, write)


def take_back(work: Work, run: str) -> None:
    """Drops what a run wrote in this input."""
    if work.base is None or all(writer != run for writer, _ in work.writes):
        return
    core = work.core
    work.attributes, core.pending, core.consents, core.members, core.writes = work.base
    made, work.writes = work.writes, []
    instead: dict[int, Write | None] = {}
    for writer, write in made:
        again = None
        if writer != run:
            core.writes += 1
            again = replace(write, number=core.writes)
            work.writes.append((writer, again))
            _lay(work, again)
        instead[id(write)] = again
    out = (instead.get(id(effect), effect) for effect in work.out)
    work.out = [effect for effect in out if effect is not None]


def _lay(work: Work, write: Write) -> None:
    core = work.core
    pending = Pending(write.number, write.op, write.attributes, tuple(write.names))
    work.attributes = over(work.attributes, pending)
    for name, value in write.attributes.items():
        if write.op == CONSENT:
            core.consents = {**core.consents, name: (value, core.consents.get(name, ("", 0))[1])}
        elif write.op == MEMBER:
            core.members = {**core.members, name: (value, core.members.get(name, (False, 0))[1])}
    core.pending = backlog.added(core.pending, pending)


def over(attributes: dict[str, Any], pending: Pending) -> dict[str, Any]:
    """Attributes with a write on top."""
    if pending.op == SET:
        return {**attributes, **pending.attributes}
    if pending.op == UNSET:
        return {name: value for name, value in attributes.items() if name not in pending.names}
    if pending.op == INCREMENT:
        sums = {name: add(attributes.get(name), amount) for name, amount in pending.attributes.items()}
        return {**attributes, **sums}
    return attributes


def wanted(core: Core, op: str, name: str) -> Any:
    """What a pending write says of a consent or a membership; None: nothing."""
    found = None
    for pending in core.pending:
        if pending.op == op:
            found = pending.attributes.get(name, found)
    return found


packed = msgspec.msgpack.Encoder().encode


def number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def add(value: Any, amount: Any) -> Any:
    """The sum, exact in decimal digits as PostgreSQL has it; what is no number counts as 0. Beyond floats, the last of
    them: so the row reads when it comes back."""
    if not number(value):
        value = 0
    if isinstance(value, int) and isinstance(amount, int):
        total = value + amount
        return total if -(1 << 63) <= total < 1 << 63 else nearest(total)
    return nearest(_EXACT.add(Decimal(repr(value)), Decimal(repr(amount))))
