"""Decoded customers kept between rounds, bounded by bytes.

Two generations: what is read or written goes to the young one; when that is half of the budget, it becomes
the old one and the old one is forgotten. No bookkeeping per hit, and never more than the budget.
"""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")


class Cache(Generic[V]):
    def __init__(self, budget: int) -> None:
        self._half = budget // 2
        self._young: dict[bytes, tuple[V, int]] = {}
        self._old: dict[bytes, tuple[V, int]] = {}
        self._size = 0

    def get(self, key: bytes) -> V | None:
        entry = self._young.get(key)
        if entry is None:
            entry = self._old.pop(key, None)
            if entry is None:
                return None
            self._add(key, entry)
        return entry[0]

    def put(self, key: bytes, value: V, size: int) -> None:
        """`size`: about how many bytes the value takes; the caller's estimate."""
        before = self._young.pop(key, None)
        if before is not None:
            self._size -= before[1]
        self._add(key, (value, size))

    def clear(self) -> None:
        self._young, self._old, self._size = {}, {}, 0

    def _add(self, key: bytes, entry: tuple[V, int]) -> None:
        self._young[key] = entry
        self._size += entry[1]
        if self._size > self._half:
            self._old, self._young, self._size = self._young, {}, 0
