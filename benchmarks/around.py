"""What stands around a round in the budget of an event: fetched bytes become inputs, and the round becomes the requests
of a transaction. And effects, by the decision: the counting journey makes none in passing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from agents.lanes import surface, wire
from agents.lanes.batches import in_waves
from agents.lanes.record import Record
from agents.lanes.wire import TP, Member, ProducerId
from agents.lanes.writer import Out
from laudstream import topics
from laudstream.journey.decision import Decision
from laudstream.records import head as heads
from laudstream.records.head import Head, Journal

PID = ProducerId(1, 1)
EVENTS: TP = (topics.EVENTS, 0)
MEMBER = Member("laudstream-journeys", 1, "member-1-00000000-0000-0000-0000-000000000000", None)


def phases(records: Sequence[Record], out: Out, head: Head) -> dict[str, Callable[[], None]]:
    """`records`: those of a round; `out`: what came of it; `head`: after it."""
    surface.lean_records(topics.LANE_INPUTS)
    waves = in_waves({EVENTS: (head.clock, [(r.key, r.value) for r in records])}, PID, {})
    fetched = [bytes(wave[EVENTS][1]) for wave in waves]

    def fetch() -> None:
        for batch in fetched:
            given = PartitionRecords(
                TopicPartition(*EVENTS), MemoryRecords(batch), [], 0, None, None, False, READ_COMMITTED
            )
            assert [*given]

    entry = Journal(
        head.seq, head.lane_time, head.clock, {topics.EVENTS: head.seq}, core_level=head.core_level,
        epoch=head.epoch, out_digest=out.out_digest(), state_digest=out.state_digest(), state_format=head.state_format,
    )  # fmt: skip

    def journal() -> None:
        heads.encode(head)
        heads.encode(entry)

    made = in_waves({(topics.STATE, 0): (head.clock, [*out.records, *out.kept])}, PID, {})

    def transaction() -> None:
        for wave in made:
            wire.produce("worker-0", {tp: batch for tp, (_, batch) in wave.items()}, 10_000).encode()
        wire.txn_offset_commit("worker-0", PID, MEMBER, {EVENTS: (head.seq, str(head.seq))}).encode()
        wire.end_txn("worker-0", PID, True).encode()

    return {"fetch": fetch, "journal": journal, "transaction": transaction}


def effects(key: bytes, count: int) -> Callable[[], None]:
    """So many decisions, as a run makes them that moves."""
    moved = Decision(
        id="0" * 32, kind="moved", workspace="workspace1", customer="c1", at=1_800_000_000_000, clock=1_800_000_000_000,
        n=7, journey="counting", version=1, run="1" * 32, step="look", to="split", branch="0",
        data={"customer.plan": "gold"},
    )  # fmt: skip

    def encode() -> None:
        out = Out(0)
        for _ in range(count):
            out.effect(key, moved)
        out.finish(1)
        out.out_digest()

    return encode
