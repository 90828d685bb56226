"""Transactions that Kafka has decided, and not ended in every partition.

A transaction coordinator that finds no leader for a partition when it has to write the end of a transaction there takes
the partition for deleted, and goes on without it (Kafka 4.0 to 4.3; `docs/decisions/0007`). Nobody comes back to it:
read-committed readers stand before that transaction for ever, and the next one of the same producer decides for both.
So a producer that has lost sight of a broker looks, before its next transaction, whether its older ones were ended
where they were written, and ends them itself, as they were decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import structlog
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError

from agents.lanes import wire, wire_state
from agents.lanes.brokers import Brokers
from agents.lanes.wire import TP, Code, ProducerId
from agents.lanes.wire_state import Transaction

log = structlog.get_logger(__name__)


class Refused(KafkaError):
    """The coordinator does not take us for the owner of the id (any more)."""


_MOVING = frozenset(("PrepareCommit", "PrepareAbort", "PrepareEpochFence"))


async def transaction(brokers: Brokers, txn_id: str, deadline: float) -> Transaction:
    """The id's last transaction, once no end of it is under way any more."""
    while True:
        found: Transaction = await brokers.ask_coordinator(
            CoordinationType.TRANSACTION, txn_id, wire_state.describe_transaction(txn_id), lambda t: t.code, deadline
        )
        if found.state not in _MOVING:
            return found
        await brokers.wait(deadline)


async def open_in(brokers: Brokers, producer: int, tps: Iterable[TP], deadline: float) -> dict[TP, int]:
    """Where this producer has a transaction open, with its epoch there."""
    found: dict[TP, int] = {}
    left = set(tps)
    while left:
        for node, some in (await brokers.by_leader(left, deadline)).items():
            try:
                answer = await brokers.send(node, wire_state.describe_producers(some))
            except (KafkaError, TimeoutError):
                continue
            for tp, (code, producers) in answer.items():
                if code == Code.NONE:
                    left.discard(tp)
                    for one in producers:
                        if one.id == producer and one.begins_at >= 0:
                            found[tp] = one.epoch
                elif code not in Code.LEADER:
                    raise KafkaError(f"DescribeProducers {tp}: {wire.said(code)}")
        if left:
            await brokers.refresh(deadline, f"leader of {min(left)}")
    return found


async def end(
    brokers: Brokers,
    txn_id: str,
    pid: ProducerId,
    tps: Collection[TP],
    group: str | None,
    commit: bool,
    deadline: float,
) -> ProducerId:
    """A transaction of nothing, over these partitions and the group's offsets: its end ends what is open there."""

    def worst(codes: dict[TP, int]) -> int:
        return max(codes.values())

    ask, kind = brokers.ask_coordinator, CoordinationType.TRANSACTION
    code = 0
    if tps:
        added = await ask(kind, txn_id, wire.add_partitions_to_txn(txn_id, pid, tps), worst, deadline)
        code = worst(added)
    if not code and group is not None:
        code = await ask(kind, txn_id, wire.add_offsets_to_txn(txn_id, pid, group), lambda c: c, deadline)
    if not code:
        code, after = await ask(kind, txn_id, wire.end_txn(txn_id, pid, commit), lambda answer: answer[0], deadline)
    if code:
        raise Refused(f"{txn_id}: its older transaction could not be ended: {wire.said(code)}")
    return after if after.id >= 0 else pid
