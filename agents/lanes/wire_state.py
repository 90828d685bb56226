"""Kafka's requests about its own state: transactions under way, and the cluster. Written like `agents.lanes.wire`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from agents.lanes.wire import TP, Code, ProducerId, by_topic, grouped
from laudstream.kafka_admin import NOT_ALLOWED
from laudstream.kafka_encoding import I32, I64, NO_TAGS, Call, Reader, array, text


# -- who holds a partition open ----------------------------------------------------
def list_open_transactions() -> Call:
    """ListTransactions v0. Answer: (code, [transactional id])."""

    def read(r: Reader) -> Any:
        r.i32()
        code = r.i16()
        r.array(r.text)
        return code, [row[0] for row in r.array(lambda: (r.text(), r.i64(), r.text(), r.tags()))]

    return Call(66, 0, array([text("Ongoing")]) + array([]) + NO_TAGS, read)


class Transaction(NamedTuple):
    """The last transaction of a transactional id, as its coordinator has it."""

    code: int
    state: str
    start_ms: int
    pid: ProducerId
    tps: frozenset[TP]
    """Empty once it has ended."""


def describe_transaction(txn_id: str) -> Call:
    """DescribeTransactions v0, to the id's coordinator. Answer: Transaction."""

    def read(r: Reader) -> Any:
        r.i32()
        rows: list[Transaction] = []

        def row() -> None:
            code, _, state, _, start = r.i16(), r.text(), r.text(), r.i32(), r.i64()
            pid = ProducerId(r.i64(), r.i16())
            tps: set[TP] = set()

            def topic() -> None:
                name = r.text()
                tps.update((name, p) for p in r.array(r.i32))
                r.tags()

            r.array(topic)
            r.tags()
            rows.append(Transaction(code, state, start, pid, frozenset(tps)))

        r.array(row)
        return rows[0]

    return Call(65, 0, array([text(txn_id)]) + NO_TAGS, read)


class ActiveProducer(NamedTuple):
    id: int
    epoch: int
    begins_at: int
    """Offset of the first record of its open transaction; -1: none is open."""


def describe_producers(tps: Iterable[TP]) -> Call:
    """DescribeProducers v0, to the leader. Answer: {tp: (code, [ActiveProducer])}."""
    body = grouped(tps) + NO_TAGS

    def read(r: Reader) -> Any:
        r.i32()
        found: dict[TP, Any] = {}

        def producer() -> ActiveProducer:
            id, epoch = r.i64(), r.i32()
            r.i32(), r.i64(), r.i32()
            begins_at = r.i64()
            r.tags()
            return ActiveProducer(id, epoch, begins_at)

        def topic() -> None:
            name = r.text()

            def partition() -> None:
                at, code = r.i32(), r.i16()
                r.text()
                found[name, at] = code, r.array(producer)
                r.tags()

            r.array(partition)
            r.tags()

        r.array(topic)
        return found

    return Call(61, 0, body, read)


# -- what stands in a log and nobody may read yet ----------------------------------
_NO_CONSUMER = -4
"""Asks as somebody who is not held back: a consumer is told the high watermark. (-2, a debugger, would be answered by
followers as well.)"""


def log_ends(tps: Iterable[TP]) -> Call:
    """ListOffsets v7, to the leader. Answer: {tp: (code, offset behind the last record, replicated or not)}."""
    latest = I32.pack(-1) + I64.pack(-1) + NO_TAGS
    body = I32.pack(_NO_CONSUMER) + b"\0" + by_topic((tp, latest) for tp in tps) + NO_TAGS

    def read(r: Reader) -> Any:
        r.i32()
        found: dict[TP, tuple[int, int]] = {}

        def topic() -> None:
            name = r.text()

            def partition() -> None:
                at, code = r.i32(), r.i16()
                r.i64()
                found[name, at] = code, r.i64()
                r.i32()
                r.tags()

            r.array(partition)
            r.tags()

        r.array(topic)
        return found

    return Call(2, 7, body, read)


# -- the cluster -------------------------------------------------------------------
def topic_ids(names: Iterable[str]) -> Call:
    """Metadata v12. Answer: (cluster id, {topic: (id, number of partitions)}, topics that we may not see); missing
    topics are left out."""
    wanted = array(b"\0" * 16 + text(name) + NO_TAGS for name in names)

    def read(r: Reader) -> Any:
        r.i32()
        r.array(lambda: (r.i32(), r.text(), r.i32(), r.text(), r.tags()))
        cluster = r.text()
        r.i32()
        found: dict[str, tuple[str, int]] = {}
        hidden: set[str] = set()

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
            elif code in NOT_ALLOWED and name is not None:
                hidden.add(name)

        r.array(topic)
        return cluster, found, hidden

    return Call(3, 12, wanted + b"\0" + b"\0" + NO_TAGS, read)


class Cluster(NamedTuple):
    """What does not change while a worker lives: whose topics these are."""

    id: str
    ids: Mapping[str, str]
    counts: Mapping[str, int]

    def partitions(self, topic: str) -> int:
        return self.counts[topic]
