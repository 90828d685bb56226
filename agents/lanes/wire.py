"""The Kafka requests of a transaction, in versions that aiokafka 0.14 does not have.

All are flexible versions (compact types, tagged fields; KIP-482), encoded by hand: aiokafka's schema classes
cost one Python call per field. A `Call` fits aiokafka's `AIOKafkaClient.send`. Layouts: the JSON schemas of
Apache Kafka's `clients/src/main/resources/common/message`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.errors import IncompatibleBrokerVersion

TP = tuple[str, int]

_HEADER = struct.Struct(">hhih")
_I16, _I32, _I64 = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
_PID = struct.Struct(">qh")
NO_TAGS = b"\0"


class Code:
    """Broker error codes that a transaction has to tell apart."""

    NONE, LOADING, NO_COORDINATOR, NOT_COORDINATOR = 0, 14, 15, 16
    ILLEGAL_GENERATION, UNKNOWN_MEMBER, REBALANCING = 22, 25, 27
    DUPLICATE_SEQUENCE, BAD_EPOCH, CONCURRENT, FENCED_INSTANCE, UNSTABLE_OFFSET, FENCED = 46, 47, 51, 82, 88, 90
    COORDINATOR = frozenset((LOADING, NO_COORDINATOR, NOT_COORDINATOR))  # ask again, maybe elsewhere
    FENCES = frozenset((BAD_EPOCH, FENCED))  # another producer has our id
    GROUP = frozenset((ILLEGAL_GENERATION, UNKNOWN_MEMBER, FENCED_INSTANCE))  # we are out of the group


def uvarint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(value: str | None) -> bytes:
    if value is None:
        return b"\0"
    raw = value.encode()
    return uvarint(len(raw) + 1) + raw


def array(items: Iterable[bytes]) -> bytes:
    items = list(items)
    return uvarint(len(items) + 1) + b"".join(items)


class Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _unpack(self, kind: struct.Struct) -> int:
        value: int = kind.unpack_from(self._data, self._at)[0]
        self._at += kind.size
        return value

    def i16(self) -> int:
        return self._unpack(_I16)

    def i32(self) -> int:
        return self._unpack(_I32)

    def i64(self) -> int:
        return self._unpack(_I64)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def uuid(self) -> str:
        self._at += 16
        return self._data[self._at - 16 : self._at].hex()

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str:
        """Null reads as empty."""
        size = self.uvarint() - 1
        if size < 0:
            return ""
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def array(self, item: Callable[[], Any]) -> list[Any]:
        return [item() for _ in range(self.uvarint() - 1)]

    def tags(self) -> int:
        """Skip tagged fields; returns how many there were."""
        count = self.uvarint()
        for _ in range(count):
            self.uvarint()
            size = self.uvarint()
            self._at += size
        return count


class _Raw(NamedTuple):
    data: bytes

    def encode(self) -> bytes:
        return self.data


class _Seen(NamedTuple):
    correlation_id: int


class Call:
    """One request in one version, with the function that reads its answer."""

    __slots__ = ("_body", "_key", "_read", "_version")

    def __init__(self, key: int, version: int, body: bytes, read: Callable[[Reader], Any]) -> None:
        self._key, self._version, self._body, self._read = key, version, body, read

    # what AIOKafkaConnection.send asks of a request
    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Call:
        low, high = versions.get(self._key, (0, -1))
        if not low <= self._version <= high:
            raise IncompatibleBrokerVersion(f"broker has API {self._key} v{low}-{high}, we need v{self._version}")
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> _Raw:
        name = client_id.encode()
        return _Raw(_HEADER.pack(self._key, self._version, correlation_id, len(name)) + name + NO_TAGS)

    def encode(self) -> bytes:
        return self._body

    def parse_response_header(self, stream: BytesIO) -> _Seen:
        (correlation_id,) = _I32.unpack(stream.read(4))
        if stream.read(1) != NO_TAGS:
            raise ValueError("tags in a response header")
        return _Seen(correlation_id)

    @property
    def RESPONSE_TYPE(self) -> Call:
        return self

    def decode(self, stream: BytesIO) -> Any:
        return self._read(Reader(stream.read()))


class ProducerId(NamedTuple):
    id: int
    epoch: int

    def encode(self) -> bytes:
        return _PID.pack(self.id, self.epoch)


# -- producer id and end ---------------------------------------------------------
def init_producer_id(txn_id: str, timeout_ms: int) -> Call:
    """v4. Answer: (code, ProducerId). Ends an older transaction of this id and fences its producer."""
    body = text(txn_id) + _I32.pack(timeout_ms) + _PID.pack(-1, -1) + NO_TAGS

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
def _by_topic(items: Iterable[tuple[TP, bytes]]) -> bytes:
    topics: dict[str, list[bytes]] = {}
    for (topic, partition), rest in items:
        topics.setdefault(topic, []).append(_I32.pack(partition) + rest)
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


def produce(txn_id: str | None, batches: Mapping[TP, bytes], timeout_ms: int) -> Call:
    """v12 adds the partitions to the transaction by itself (KIP-890).
    One batch per partition. Answer: {tp: (code, base offset)}."""
    body = (
        text(txn_id)
        + _I16.pack(-1)
        + _I32.pack(timeout_ms)
        + _by_topic((tp, uvarint(len(data) + 1) + data + NO_TAGS) for tp, data in batches.items())
        + NO_TAGS
    )

    def read(r: Reader) -> Any:
        found: dict[TP, Any] = {}

        def topic() -> None:
            name = r.text()

            def partition() -> None:
                at, code, base = r.i32(), r.i16(), r.i64()
                found[name, at] = code, base
                r.i64(), r.i64()
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
        + _I32.pack(member.generation)
        + text(member.member_id)
        + text(member.instance_id)
        + _by_topic(
            (tp, _I64.pack(offset) + _I32.pack(-1) + text(note) + NO_TAGS) for tp, (offset, note) in offsets.items()
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
    topics: dict[str, list[bytes]] = {}
    for topic, partition in tps:
        topics.setdefault(topic, []).append(_I32.pack(partition))
    body = text(group) + array(text(t) + array(ps) + NO_TAGS for t, ps in topics.items()) + b"\1" + NO_TAGS

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


# -- who holds a partition open ----------------------------------------------------
def list_open_transactions() -> Call:
    """ListTransactions v0. Answer: (code, [transactional id])."""

    def read(r: Reader) -> Any:
        r.i32()
        code = r.i16()
        r.array(r.text)
        return code, [row[0] for row in r.array(lambda: (r.text(), r.i64(), r.text(), r.tags()))]

    return Call(66, 0, array([text("Ongoing")]) + array([]) + NO_TAGS, read)


def describe_transaction(txn_id: str) -> Call:
    """DescribeTransactions v0, to the id's coordinator. Answer: (code, state, start ms, set of tp)."""

    def read(r: Reader) -> Any:
        r.i32()
        rows: list[Any] = []

        def row() -> None:
            code, _, state, _, start = r.i16(), r.text(), r.text(), r.i32(), r.i64()
            r.i64(), r.i16()
            tps: set[TP] = set()

            def topic() -> None:
                name = r.text()
                tps.update((name, p) for p in r.array(r.i32))
                r.tags()

            r.array(topic)
            r.tags()
            rows.append((code, state, start, tps))

        r.array(row)
        return rows[0]

    return Call(65, 0, array([text(txn_id)]) + NO_TAGS, read)


# -- the cluster -------------------------------------------------------------------
def topic_ids(names: Iterable[str]) -> Call:
    """Metadata v12. Answer: (cluster id, {topic: (id, number of partitions)}); missing topics are left out."""
    wanted = array(b"\0" * 16 + text(name) + NO_TAGS for name in names)

    def read(r: Reader) -> Any:
        r.i32()
        r.array(lambda: (r.i32(), r.text(), r.i32(), r.text(), r.tags()))
        cluster = r.text()
        r.i32()
        found: dict[str, tuple[str, int]] = {}

        def topic() -> None:
            code, name, topic_id = r.i16(), r.text(), r.uuid()
            r.byte()
            count = len(
                r.array(
                    lambda: (
                        r.i16(),
                        r.i32(),
                        r.i32(),
                        r.i32(),
                        r.array(r.i32),
                        r.array(r.i32),
                        r.array(r.i32),
                        r.tags(),
                    )
                )
            )
            r.i32()
            r.tags()
            if code == Code.NONE and name is not None:
                found[name] = topic_id, count

        r.array(topic)
        return cluster, found

    return Call(3, 12, wanted + b"\0" + b"\0" + NO_TAGS, read)


class Cluster(NamedTuple):
    """What does not change while a worker lives: whose topics these are."""

    id: str
    ids: Mapping[str, str]
    counts: Mapping[str, int]

    def partitions(self, topic: str) -> int:
        return self.counts[topic]
