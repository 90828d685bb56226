"""Records of `laudstream.rows`: Debezium's unwrapped rows of customers, consents, suppressions, segment members and
identities.

JSON object of the row's columns, plus `__op` (c u d r), `__table`, `__lsn`, `__source_ts_ms`, `__deleted`
("true" | "false"). JSONB columns come as JSON text, timestamps as ISO 8601 text. A value that Debezium
could not know (`__debezium_unavailable_value`) cannot be read (A16).
"""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.customers.row import Alias, Consent, Member, Row, Suppression
from laudstream.errors import Undecodable
from laudstream.records import depth

_UNAVAILABLE = b"__debezium_unavailable_value"


class _Raw(msgspec.Struct, gc=False):
    table: str = msgspec.field(name="__table")
    revision: int
    deleted: str = msgspec.field(name="__deleted", default="false")
    changed: int | None = msgspec.field(name="__source_ts_ms", default=0)
    born: int = 0
    attributes: str = "{}"
    created_ms: int = 0
    writes: int = 0
    merges: int = 0
    channel: str = ""
    subscription: str = ""
    status: str = ""
    reason: str = ""
    segment: str = ""
    member: bool = False
    root: str = ""


_raw = msgspec.json.Decoder(_Raw)
_attributes = msgspec.json.Decoder(dict[str, Any])


def row(value: bytes | None) -> Row | Consent | Suppression | Member | Alias:
    """A record of `laudstream.rows`. Raises Undecodable."""
    if value is None or _UNAVAILABLE in value:
        raise Undecodable("row without a value" if value is None else "row with a value that Debezium could not know")
    try:
        raw = _raw.decode(value)
        gone = raw.deleted == "true"
        if raw.table == "customers":
            attributes = _attributes.decode(raw.attributes)
            depth.check(raw.attributes, attributes)
            return Row(
                raw.born,
                raw.revision,
                attributes,
                raw.created_ms,
                gone,
                raw.writes,
                raw.changed or 0,
                raw.merges,
            )
        if raw.table == "consents":
            return Consent(raw.channel, raw.subscription, raw.status, raw.revision, gone)
        if raw.table == "suppressions":
            return Suppression(raw.channel, raw.reason, raw.revision, gone)
        if raw.table == "segment_members":
            return Member(raw.segment, raw.member, raw.revision, gone)
        if raw.table == "identities":
            return Alias(raw.root, raw.revision, raw.born, raw.writes, gone, raw.changed or 0)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Undecodable(str(error)) from None
    raise Undecodable(f"row of an unknown table {raw.table!r}")
