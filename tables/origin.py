"""Whose state a store holds, and as of when: what decides whether it may be gone on with."""

from __future__ import annotations

import msgspec

from laudstream.topics import DAY_MS


class Origin(msgspec.Struct, frozen=True):
    """Whose state a store holds."""

    cluster: str
    epoch: int
    partitions: int
    partition: int
    topic_id: str
    """Kafka's id of `laudstream.state`: a re-created topic is another one."""


class Meta(msgspec.Struct, frozen=True):
    origin: Origin
    position: int = 0
    """Next offset of the changelog to read."""
    written_at: int = 0
    """Clock when it last held all that the changelog held, ms: too old a store may have missed tombstones. One that is
    being built holds what the changelog held when that began."""

    def unfit(self, origin: Origin, now: int, max_age_ms: int) -> str:
        """Why nothing may be built on it; empty: it may."""
        if self.origin != origin:
            return f"it is of {self.origin}"
        if abs(now - self.written_at) > max_age_ms:
            return f"it was last in step {(now - self.written_at) / DAY_MS:.1f} days ago: may have missed deletions"
        return ""
