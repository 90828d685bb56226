"""State records of a customer in `laudstream.state` and in the store (A7).

suffix | value
c      | msgpack array of Core; of layout 2, an array of Core and Identity
a      | msgpack map of attributes
m      | packed ids of recent inputs; of layout 2, before them 2 bytes big-endian: the length of what comes
       | first, a msgpack array of what runs have counted since the core was written last
t      | msgpack map of tallies

A value begins with a byte, its layout (1, of `c` and `m` also 2), and 8 bytes big-endian: wake_at for the core, the
number of the newest kept event for `m`, zero for the others. So a restore finds timers without decoding a body. A part
that is empty has no record.

Format 1 of a lane (A14) knows layout 1 only: a customer who has counted is written with the numbers in the core.
Format 2 writes them beside the ids, which an event changes anyway, and leaves the core as it is. Format 3 writes who
was merged (R50); whoever was not is written as in format 2.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from laudstream.conditions.tally import Tally
from laudstream.errors import Broken
from laudstream.journey.counted import folded
from laudstream.journey.customer import Core, Counted, Customer
from laudstream.journey.identity import ALONE, Identity

FORMAT = 1
"""Layout of records, but for those with counts."""
WITH_COUNTS = 2
"""Layout of ids with counts before them; written from this format of a lane on."""
MERGED = 2
"""Layout of a core with its identity behind it."""
MERGES = 3
"""Format of a lane from which on customers are merged."""
CORE, ATTRIBUTES, RECENT, TALLIES = b"c", b"a", b"m", b"t"

_HEAD = struct.Struct(">BQ")
_BODY = _HEAD.size
PLAIN = _HEAD.pack(FORMAT, 0)
"""Head of a record without a wake-up time."""
_COUNTED = struct.Struct(">BQH")
_IDS = _COUNTED.size
_EMPTY = Core()

_encode = msgspec.msgpack.Encoder().encode
_core = msgspec.msgpack.Decoder(Core).decode
_merged = msgspec.msgpack.Decoder(tuple[Core, Identity]).decode
_counted = msgspec.msgpack.Decoder(Counted).decode
_tallies = msgspec.msgpack.Decoder(dict[str, Tally]).decode
_attributes = msgspec.msgpack.Decoder(dict[str, Any]).decode


def empty(workspace: str, id: str) -> Customer:
    """A customer of whom nothing is known."""
    return Customer(workspace, id, _EMPTY, {}, b"")


def wake_at(value: bytes) -> int:
    """Wake-up time in the head of a record, ms; 0: none."""
    return int.from_bytes(value[1:_BODY], "big")


def encode(
    before: Customer | None, after: Customer, prefix: bytes = b"", format: int = WITH_COUNTS
) -> list[tuple[bytes, bytes | None]]:
    """The records that changed, as (prefix + suffix, value); None is a tombstone. `format`: of the lane."""
    records: list[tuple[bytes, bytes | None]] = []
    before = empty(after.workspace, after.id) if before is None else before
    put(records, before, after if format >= WITH_COUNTS else folded(after), prefix)
    return records


def put(records: list[tuple[bytes, bytes | None]], before: Customer, after: Customer, prefix: bytes) -> None:
    """`encode` onto the end of a list; before format 2, `after` must be folded."""
    core, recent, counted = after.core, after.recent, after.counted
    if after.identity is not ALONE or before.identity is not ALONE:
        _put_merged(records, before, after, prefix)
    elif core is not before.core:
        blank = not core.runs and core == _EMPTY
        records.append((prefix + CORE, None if blank else _HEAD.pack(FORMAT, core.wake_at) + _encode(core)))
    if after.attributes is not before.attributes and (after.attributes or before.attributes):
        records.append((prefix + ATTRIBUTES, PLAIN + _encode(after.attributes) if after.attributes else None))
    if (recent is not before.recent and recent != before.recent) or counted != before.counted:
        if counted:
            counts = _encode(counted)
            records.append((prefix + RECENT, _COUNTED.pack(WITH_COUNTS, after.newest, len(counts)) + counts + recent))
        else:
            records.append((prefix + RECENT, _HEAD.pack(FORMAT, after.newest) + recent if recent else None))
    tallies = after.tallies
    if tallies is not before.tallies and (tallies or before.tallies):
        records.append((prefix + TALLIES, PLAIN + _encode(tallies) if tallies else None))


def _put_merged(records: list[tuple[bytes, bytes | None]], before: Customer, after: Customer, prefix: bytes) -> None:
    core, identity = after.core, after.identity
    if core is before.core and identity is before.identity:
        return
    if identity != ALONE:
        value: bytes | None = _HEAD.pack(MERGED, core.wake_at) + _encode((core, identity))
    else:
        value = None if not core.runs and core == _EMPTY else _HEAD.pack(FORMAT, core.wake_at) + _encode(core)
    records.append((prefix + CORE, value))


def decode(workspace: str, id: str, parts: dict[bytes, bytes]) -> Customer:
    """The customer of its records, by suffix. Raises Broken for what this release cannot read."""
    return read(workspace, id, *map(parts.get, (CORE, ATTRIBUTES, RECENT, TALLIES)))


def read(
    workspace: str, id: str, core: bytes | None, attributes: bytes | None, recent: bytes | None, tallies: bytes | None
) -> Customer:
    """`decode`, of its records in this order."""
    state, ids, newest = _EMPTY, b"", 0
    counted: Counted = ()
    identity = ALONE
    known: dict[str, Any] = {}
    told: dict[str, Tally] = {}
    try:
        if core is not None:
            if core[0] == FORMAT:
                state = _core(core[_BODY:])
            elif core[0] == MERGED:
                state, identity = _merged(core[_BODY:])
            else:
                raise _unknown(workspace, id, core)
        if attributes is not None:
            if attributes[0] != FORMAT:
                raise _unknown(workspace, id, attributes)
            known = _attributes(attributes[_BODY:])
        if recent is not None:
            newest, counted, ids = _ids(workspace, id, recent)
        if tallies is not None:
            if tallies[0] != FORMAT:
                raise _unknown(workspace, id, tallies)
            told = _tallies(tallies[_BODY:])
    except IndexError:
        raise _unknown(workspace, id, b"") from None
    except msgspec.DecodeError as error:
        raise Broken(f"state of {workspace}:{id}: {error}") from None
    return Customer(workspace, id, state, known, ids, told, newest, counted, identity)


def _ids(workspace: str, id: str, value: bytes) -> tuple[int, Counted, bytes]:
    """Of a record of ids: the number of the newest kept event, what runs have counted, the ids."""
    layout = value[0]
    if layout == FORMAT and len(value) >= _BODY:
        return wake_at(value), (), value[_BODY:]
    if layout != WITH_COUNTS or len(value) < _IDS:
        raise _unknown(workspace, id, value)
    _, newest, length = _COUNTED.unpack_from(value)
    end = _IDS + length
    return newest, _counted(value[_IDS:end]), value[end:]


def _unknown(workspace: str, id: str, value: bytes) -> Broken:
    return Broken(
        f"state of {workspace}:{id} begins with {value[:1].hex() or 'nothing'}, this release reads layouts "
        f"{FORMAT} and {WITH_COUNTS}: start a worker of the release that wrote it (docs/upgrading.md)"
    )
