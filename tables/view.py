"""What a round may ask of a lane's store: reading only. Two things implement it: LaneStore and MemoryStore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Records = Sequence[tuple[bytes, bytes | None]]
"""Keys and values of `laudstream.state`; None deletes."""


Record = tuple[bytes, int]
"""Key of a record, and bytes of its value."""


class Due(NamedTuple):
    """Timer hints in order, up to `horizon`: beyond it there may be more. Some may be stale."""

    hints: list[tuple[int, bytes]]
    horizon: tuple[int, bytes]


class View(Protocol):
    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]: ...

    def due(self, before: int, limit: int) -> Due:
        """Hints due earlier than `before` (ms), at most `limit`."""

    def scan(self, prefix: bytes, after: bytes, limit: int) -> list[bytes]:
        """Customer keys that begin with `prefix` and are greater than `after`, in order."""

    def history(self, customer: bytes) -> list[tuple[bytes, bytes]]:
        """Events that are kept of a customer: keys and values, the oldest first."""

    def history_sizes(self, after: bytes, limit: int) -> list[Record]:
        """Kept events of customers whose keys are greater than `after`, in order, at most `limit`."""
