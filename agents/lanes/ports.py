"""What a lane needs around it: how its rounds get into Kafka, whatever the scheme of transactions (A1), and bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

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


class Bodies(Protocol):
    """What a lane needs of the definitions reader (agents.definitions)."""

    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        """KeyError: not here yet."""

    async def wait(self, key: str) -> None:
        """Until the body with this key is here."""
