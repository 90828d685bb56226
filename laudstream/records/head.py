"""Records of a lane about itself: the head and the journal.

Head: key `\\0head` in `laudstream.state` p, written in every round's transaction. It IS the committed
position of the lane (A1). Journal: `laudstream.journal` p, key = seq, one record a round (A13). Both msgpack maps.
"""

from __future__ import annotations

import msgspec

HEAD_KEY = b"\0head"

CORE_LEVEL = 1
"""Behaviour of the pure core: the highest number that this release knows. Lanes have their own (A14)."""
STATE_FORMAT = 3
"""Layout of state records: the highest number that this release knows."""


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    seq: int = 0
    """Rounds committed so far."""
    positions: dict[str, int] = {}
    """Next offset of each input topic."""
    topic_ids: dict[str, str] = {}
    """Kafka's id of each input topic, hex: a re-created topic is another topic."""
    lane_time: int = 0
    clock: int = 0
    control_seq: int = 0
    core_level: int = 1
    """As the next one raised only by a control record. A head that does not say means 1, whatever release reads it."""
    state_format: int = 1
    epoch: int = 0


class Journal(msgspec.Struct, frozen=True, omit_defaults=True):
    seq: int
    lane_time: int
    """After the round, ms."""
    clock: int
    """Worker's clock of the round, ms: what message gates look at."""
    ends: dict[str, int] = {}
    """Next offset of each topic that moved."""
    fired: int = 0
    """Timers fired after the inputs, in order (wake_at, customer)."""
    swept: int = 0
    """Customers handled by the sweep in this round."""
    parked: list[tuple[str, str]] = []
    """(customer key, run) that an error parked (A6)."""
    skipped: list[tuple[str, int]] = []
    """(topic, offset) of records that went to the dead letters."""
    core_level: int = 1
    """That the round had, as the format below; 1 where nothing is said."""
    epoch: int = 0
    out_digest: bytes = b""
    """96 bits of XXH3 over everything written to other topics."""
    state_digest: bytes = b""
    """96 bits of XXH3 over the state records."""
    state_format: int = 1


def new_head(epoch: int = 0) -> Head:
    """Of a lane that never had one. It begins with the newest numbers: nothing older depends on it."""
    return Head(core_level=CORE_LEVEL, state_format=STATE_FORMAT, epoch=epoch)


encode = msgspec.msgpack.Encoder().encode
decode_head = msgspec.msgpack.Decoder(Head).decode
decode_journal = msgspec.msgpack.Decoder(Journal).decode
