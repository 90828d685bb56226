"""Writes that have not come back, kept small (A7, A19): they are part of the core's record.

What a later one says again never shows. Of what is still too much the oldest is left out: if the row comes back before
it contains that one, the lane reads without it for so long.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from laudstream.journey.customer import Pending
from laudstream.journey.write import INCREMENT, SET, UNSET

MOST = 200
BYTES = 128 * 1024
"""As JSON."""
FEW = 2
"""So many are never too large: what one sets has at most 64 KB."""

_ATTRIBUTES = (SET, UNSET, INCREMENT)
_size = msgspec.json.Encoder().encode


def added(pending: tuple[Pending, ...], one: Pending) -> tuple[Pending, ...]:
    pending = (*pending, one)[-MOST:]
    if len(pending) <= FEW or len(_size(pending)) <= BYTES:
        return pending
    pending = _without_hidden(pending)
    sizes = [len(_size(each)) + 1 for each in pending]
    total, first = sum(sizes), 0
    while total > BYTES:
        total -= sizes[first]
        first += 1
    return pending[first:]


def _without_hidden(pending: tuple[Pending, ...]) -> tuple[Pending, ...]:
    """What a later write replaces is left out; one of which nothing is left, too."""
    stays: list[Pending] = []
    said: set[tuple[str, str]] = set()
    for each in reversed(pending):
        kind = each.op if each.op not in _ATTRIBUTES else ""
        values = {name: value for name, value in each.attributes.items() if (kind, name) not in said}
        names = tuple(name for name in each.names if (kind, name) not in said)
        if each.op != INCREMENT:
            said.update((kind, name) for name in (*each.attributes, *each.names))
        if values or names or not (each.attributes or each.names):
            stays.append(replace(each, attributes=values, names=names))
    return tuple(reversed(stays))
