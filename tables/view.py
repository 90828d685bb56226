"""What a round may ask of a lane's store: reading only. Two things implement it: LaneStore and MemoryStore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Records = Sequence[tuple[bytes, bytes | None]]
"""Keys and values of `laudstream.state`; None deletes."""


Record = tuple[bytes, int]
"""Key of a kept event, and when it was handled, ms."""


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

    def events(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Kept events by their keys."""

    def oldest(self, limit: int) -> list[Record]:
        """The first kept events, in order, at most `limit`."""
