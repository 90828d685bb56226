"""What a customer leaves to the one that it is merged into (R50): one handoff, or several numbered ones, each of which
holds whole things and is united by itself (A18)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from laudstream.conditions.tally import Tally
from laudstream.errors import Undecodable
from laudstream.journey.bounded import bounded
from laudstream.journey.customer import Aim, Alarm, Pending, Run, Slot

WHOLE_BYTES = 256 * 1024
"""Up to so much goes in one piece."""
PART_BYTES = 192 * 1024

T = TypeVar("T")


class Legacy(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Of a part, only some of it is there."""

    decisions: int
    """Number of the last decision: the numbers of both go on from the greater one."""
    events: tuple[tuple[int, bytes], ...] = ()
    """(lane time of its handling, the event as it came) of kept events, the oldest first; the lane adds them."""
    tallies: dict[str, Tally] = {}
    recent: bytes = b""
    attributes: dict[str, Any] = {}
    consents: dict[str, tuple[str, int]] = {}
    suppressions: dict[str, tuple[str, int]] = {}
    members: dict[str, tuple[bool, int]] = {}
    memory: dict[str, dict[str, int]] = {}
    assignments: dict[str, str] = {}
    slots: tuple[Slot, ...] = ()
    goals: tuple[Aim, ...] = ()
    alarms: dict[str, Alarm] = {}
    swept: dict[str, int] = {}
    pending: tuple[Pending, ...] = ()
    """Writes that the merged row does not contain."""
    lives: tuple[int, ...] = ()
    taken: int = 0
    """Merges that it had taken in itself."""
    runs: tuple[Run, ...] = ()


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Legacy).decode


def parts(legacy: Legacy) -> list[bytes]:
    """The legacy in one piece or in several: kept events and tallies first, runs last."""
    try:
        whole = _pack(legacy)
    except OverflowError:  # of a number that no record has held yet
        legacy = bounded(legacy)
        whole = _pack(legacy)
    if len(whole) <= WHOLE_BYTES:
        return [whole]
    bare = Legacy(legacy.decisions)
    found = [replace(bare, events=some) for some in _sliced(legacy.events)]
    found += [replace(bare, tallies=dict(some)) for some in _sliced(legacy.tallies.items())]
    found.append(replace(legacy, events=(), tallies={}, runs=()))
    found += [replace(bare, runs=some, swept=legacy.swept) for some in _sliced(legacy.runs)]
    return [_pack(part) for part in found]


def read(body: bytes) -> Legacy:
    """Raises Undecodable."""
    try:
        return _unpack(body)
    except msgspec.DecodeError as error:
        raise Undecodable(f"what a merge brings: {error}") from None


def _sliced(items: Iterable[T]) -> Iterator[tuple[T, ...]]:
    """Slices of about PART_BYTES."""
    some: list[T] = []
    size = 0
    for item in items:
        size += len(_pack(item))
        if some and size > PART_BYTES:
            yield tuple(some)
            some, size = [], len(_pack(item))
        some.append(item)
    if some:
        yield tuple(some)
