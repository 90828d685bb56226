"""The Kafka requests of a transaction, in versions that aiokafka 0.14 does not have.

Encoded by hand: aiokafka's schema classes cost one Python call per field. Layouts: the JSON schemas of
Apache Kafka's `clients/src/main/resources/common/message`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka.errors import for_code

from laudstream.kafka_admin import NOT_ALLOWED
from laudstream.kafka_encoding import I16, I32, I64, NO_TAGS, Call, Reader, array, text, uvarint

TP = tuple[str, int]

_PID = struct.Struct(">qh")


class Code:
    """Broker error codes that a transaction has to tell apart."""

    NONE, LOADING, NO_COORDINATOR, NOT_COORDINATOR = 0, 14, 15, 16
    UNKNOWN_TOPIC, NO_LEADER, NOT_LEADER, TIMED_OUT, DISCONNECTED, STORAGE = 3, 5, 6, 7, 13, 56
    TOO_FEW_REPLICAS, TOO_FEW_AFTER_APPEND, FENCED_LEADER, UNKNOWN_LEADER = 19, 20, 74, 75
    ILLEGAL_GENERATION, UNKNOWN_MEMBER, REBALANCING = 22, 25, 27
    DUPLICATE_SEQUENCE, BAD_EPOCH, CONCURRENT, FENCED_INSTANCE, UNSTABLE_OFFSET, FENCED = 46, 47, 51, 82, 88, 90
    COORDINATOR = frozenset((LOADING, NO_COORDINATOR, NOT_COORDINATOR))  # ask again, maybe elsewhere
    LEADER = frozenset((  # the partition cannot take it now: ask again, maybe elsewhere
        UNKNOWN_TOPIC, NO_LEADER, NOT_LEADER, TIMED_OUT, DISCONNECTED, STORAGE,
        TOO_FEW_REPLICAS, TOO_FEW_AFTER_APPEND, FENCED_LEADER, UNKNOWN_LEADER,
    ))  # fmt: skip
    FENCES = frozenset((BAD_EPOCH, FENCED))  # another producer has our id
    GROUP = frozenset((ILLEGAL_GENERATION, UNKNOWN_MEMBER, FENCED_INSTANCE))  # we are out of the group


def said(code: int) -> str:
    """Name and number of an error code, and where to look for a right that is missing."""
    advice = ": see `laudstream doctor --role`" if code in NOT_ALLOWED else ""
    return f"{for_code(code).__name__} ({code}){advice}"


class ProducerId(NamedTuple):
    id: int
    epoch: int

    def encode(self) -> bytes:
        return _PID.pack(self.id, self.epoch)


# -- producer id and end ---------------------------------------------------------
def init_producer_id(txn_id: str, timeout_ms: int) -> Call:
    """v4. Answer: (code, ProducerId). Ends an older transaction of this id and fences its producer."""
    body = text(txn_id) + I32.pack(timeout_ms) + _PID.pack(-1, -1) + NO_TAGS

    def read(r: Reader) -> Any:
        r.i32()
        return r.i16(), ProducerId(r.i64(), r.i16())

    return Call(22, 4, body, read)


def end_txn(txn_id: str, pid: ProducerId, commit: bool) -> Call:
    """v5 bumps the epoch and returns it (KIP-890). Answer: (code, ProducerId)."""
    body = text(txn_id) + pid.encode() + (b"\1" if commit else b"\0") + NO_TAGS

    def read(r: Reader) -> Any:
        r.i32()
        return r.i16(), ProducerId(r.i64(), r.i16())

    return Call(26, 5, body, read)


# -- partitions, records -----------------------------------------------------------
def by_topic(items: Iterable[tuple[TP, bytes]]) -> bytes:
    topics: dict[str, list[bytes]] = {}
    for (topic, partition), rest in items:
        topics.setdefault(topic, []).append(I32.pack(partition) + rest)
    return array(text(topic) + array(parts) + NO_TAGS for topic, parts in topics.items())


def grouped(tps: Iterable[TP]) -> bytes:
    """[topic, [partition]]"""
    topics: dict[str, list[bytes]] = {}
    for topic, partition in tps:
        topics.setdefault(topic, []).append(I32.pack(partition))
    return array(text(topic) + array(parts) + NO_TAGS for topic, parts in topics.items())


def _codes(r: Reader) -> dict[TP, int]:
    """[topic, [partition, code]]"""
    codes: dict[TP, int] = {}

    def topic() -> None:
        name = r.text()

        def partition() -> None:
            at, code = r.i32(), r.i16()
            codes[name, at] = code
            r.tags()

        r.array(partition)
        r.tags()

    r.array(topic)
    return codes


def produce(
    txn_id: str | None, batches: Mapping[TP, bytes | bytearray], timeout_ms: int, stamps: list[int] | None = None
) -> Call:
    """v12 adds the partitions to the transaction by itself (KIP-890).
    One batch per partition. Answer: {tp: (code, base offset)}. `stamps` gets the append times (ms)."""
    topics: dict[str, list[tuple[int, bytes | bytearray]]] = {}
    for (name, number), data in batches.items():
        topics.setdefault(name, []).append((number, data))
    parts: list[bytes | bytearray] = [text(txn_id), I16.pack(-1), I32.pack(timeout_ms), uvarint(len(topics) + 1)]
    for name, partitions in topics.items():
        parts += text(name), uvarint(len(partitions) + 1)
        for number, data in partitions:
            parts += I32.pack(number), uvarint(len(data) + 1), data, NO_TAGS
        parts.append(NO_TAGS)
    parts.append(NO_TAGS)
    body = b"".join(parts)  # the batches are large: they are copied once

    def read(r: Reader) -> Any:
        found: dict[TP, Any] = {}

        def topic() -> None:
            name = r.text()

            def partition() -> None:
                at, code, base = r.i32(), r.i16(), r.i64()
                found[name, at] = code, base
                stamp, _ = r.i64(), r.i64()
                if stamps is not None and stamp > 0:
                    stamps.append(stamp)
                r.array(lambda: (r.i32(), r.text(), r.tags()))
                r.text()
                r.tags()

            r.array(partition)
            r.tags()

        r.array(topic)
        return found

    return Call(0, 12, body, read)


# -- the group -----------------------------------------------------------------------
class Member(NamedTuple):
    """Who we are in the consumer group; a stale one is refused by the broker."""

    group: str
    generation: int
    member_id: str
    instance_id: str | None


def txn_offset_commit(txn_id: str, pid: ProducerId, member: Member, offsets: Mapping[TP, tuple[int, str]]) -> Call:
    """v5 adds the group's partition to the transaction by itself (KIP-890). Answer: {tp: code}."""
    body = (
        text(txn_id)
        + text(member.group)
        + pid.encode()
        + I32.pack(member.generation)
        + text(member.member_id)
        + text(member.instance_id)
        + by_topic(
            (tp, I64.pack(offset) + I32.pack(-1) + text(note) + NO_TAGS) for tp, (offset, note) in offsets.items()
        )
        + NO_TAGS
    )

    def read(r: Reader) -> Any:
        r.i32()
        return _codes(r)

    return Call(28, 5, body, read)


def stable_offsets(group: str, tps: Iterable[TP]) -> Call:
    """OffsetFetch v7, require_stable. Answer: (code, {tp: (code, offset, note)}); UNSTABLE_OFFSET while a
    transaction with an offset of this partition is open."""
    body = text(group) + grouped(tps) + b"\1" + NO_TAGS

    def read(r: Reader) -> Any:
        r.i32()
        found: dict[TP, Any] = {}

        def topic() -> None:
            name = r.text()

            def partition() -> None:
                at, offset = r.i32(), r.i64()
                r.i32()
                note = r.text()
                found[name, at] = r.i16(), offset, note
                r.tags()

            r.array(partition)
            r.tags()

        r.array(topic)
        return r.i16(), found

    return Call(9, 7, body, read)


# -- a transaction without records ---------------------------------------------------
def add_partitions_to_txn(txn_id: str, pid: ProducerId, tps: Iterable[TP]) -> Call:
    """AddPartitionsToTxn v3. Answer: {tp: code}."""

    def read(r: Reader) -> Any:
        r.i32()
        return _codes(r)

    return Call(24, 3, text(txn_id) + pid.encode() + grouped(tps) + NO_TAGS, read)


def add_offsets_to_txn(txn_id: str, pid: ProducerId, group: str) -> Call:
    """AddOffsetsToTxn v3. Answer: code."""

    def read(r: Reader) -> Any:
        r.i32()
        return r.i16()

    return Call(25, 3, text(txn_id) + pid.encode() + text(group) + NO_TAGS, read)
