"""How a lane's round gets into Kafka: one transaction for all lanes of the process, or one for each lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from agents.lanes.producer import Pairs, TxnProducer


class Round(NamedTuple):
    partition: int
    seq: int
    timestamp_ms: int
    positions: Mapping[str, int]
    """Next offset of every input topic after the round."""
    moved: Mapping[str, int]
    """Those that changed."""
    writes: Mapping[str, Pairs]
    """Records per output topic; all go to the lane's own partition."""


class CommitPort(Protocol):
    async def start(self) -> None: ...

    async def commit(self, round_: Round) -> Mapping[str, int]:
        """All or nothing. Returns the offset after the last record, per output topic. Raises TxnError."""


class LanePort:
    """One producer and one transaction a lane; the transactional id is the fence. Best latency for few lanes."""

    def __init__(self, producer: TxnProducer) -> None:
        self._producer = producer

    async def start(self) -> None:
        await self._producer.start()

    async def commit(self, round_: Round) -> Mapping[str, int]:
        writes = {
            (topic, round_.partition): (round_.timestamp_ms, pairs) for topic, pairs in round_.writes.items() if pairs
        }
        ends = await self._producer.commit(writes)
        return {topic: end for (topic, _), end in ends.items()}
