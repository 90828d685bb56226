"""How a lane's round gets into Kafka: the port behind which the scheme of transactions stands (A1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from agents.lanes.transaction import Pairs


class Round(NamedTuple):
    partition: int
    seq: int
    timestamp_ms: int
    positions: Mapping[str, int]
    """Next offset of every input topic after the round."""
    moved: Mapping[str, int]
    """Those that changed."""
    writes: Mapping[str, Pairs]
    """Records per output topic; they go to the lane's own partition."""
    handoffs: Mapping[int, Pairs] = {}
    """Records of `laudstream.handoffs` per partition."""


class CommitPort(Protocol):
    async def start(self) -> None: ...

    async def commit(self, round_: Round) -> Mapping[str, int]:
        """All or nothing. Returns the offset after the last record, per output topic. Raises TxnError."""
