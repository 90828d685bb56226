"""State records of a customer in `laudstream.state` and in the store (A7).

suffix | value
c      | msgpack array of Core
a      | msgpack map of attributes
m      | packed ids of recent inputs

A value begins with a format byte (1) and 8 bytes big-endian: wake_at for the core, zero for the others. So a
restore finds timers without decoding a body. A part that is empty has no record.
"""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.errors import Undecodable
from laudstream.journey.customer import Core, Customer

FORMAT = 1
CORE, ATTRIBUTES, RECENT = b"c", b"a", b"m"

_PLAIN = bytes([FORMAT]) + bytes(8)
_HEAD = len(_PLAIN)
_EMPTY = Core()

_encode = msgspec.msgpack.Encoder().encode
_core = msgspec.msgpack.Decoder(Core).decode
_attributes = msgspec.msgpack.Decoder(dict[str, Any]).decode


def empty(workspace: str, id: str) -> Customer:
    """A customer of whom nothing is known."""
    return Customer(workspace, id, _EMPTY, {}, b"")


def wake_at(value: bytes) -> int:
    """Wake-up time in the head of a record, ms; 0: none."""
    return int.from_bytes(value[1:_HEAD], "big")


def encode(before: Customer | None, after: Customer) -> list[tuple[bytes, bytes | None]]:
    """The records that changed, as (suffix, value); None is a tombstone."""
    records: list[tuple[bytes, bytes | None]] = []
    if before is None:
        before = empty(after.workspace, after.id)
    if after.core is not before.core:
        core = after.core
        head = bytes([FORMAT]) + core.wake_at.to_bytes(8, "big")
        records.append((CORE, None if core == _EMPTY else head + _encode(core)))
    if after.attributes is not before.attributes and (after.attributes or before.attributes):
        records.append((ATTRIBUTES, _PLAIN + _encode(after.attributes) if after.attributes else None))
    if after.recent is not before.recent and after.recent != before.recent:
        records.append((RECENT, _PLAIN + after.recent if after.recent else None))
    return records


def decode(workspace: str, id: str, parts: dict[bytes, bytes]) -> Customer:
    """The customer of its records. Raises Undecodable."""
    for value in parts.values():
        if len(value) < _HEAD or value[0] != FORMAT:
            raise Undecodable(f"state of {workspace}:{id} has a format that this release does not read")
    core, attributes, recent = parts.get(CORE), parts.get(ATTRIBUTES), parts.get(RECENT)
    try:
        return Customer(
            workspace,
            id,
            _EMPTY if core is None else _core(core[_HEAD:]),
            {} if attributes is None else _attributes(attributes[_HEAD:]),
            b"" if recent is None else recent[_HEAD:],
        )
    except msgspec.DecodeError as error:
        raise Undecodable(f"state of {workspace}:{id}: {error}") from None
