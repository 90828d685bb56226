"""Decoded customers kept between rounds, bounded by bytes.

Two generations: what is read or written goes to the young one; when that has taken half of the budget, it becomes
the old one and the old one is forgotten. No bookkeeping per hit, and never more than the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class Cache(Generic[V]):
    def __init__(self, budget: int) -> None:
        self._half = budget // 2
        self._young: dict[bytes, V] = {}
        self._old: dict[bytes, V] = {}
        self._mean = 0.0  # bytes a value, of those that came last

    def get(self, key: bytes) -> V | None:
        value = self._young.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is not None:
                self._young[key] = value
        return value

    def update(self, values: Mapping[bytes, V], size: int) -> None:
        """`size`: about how many bytes all of them take."""
        if not values:
            return
        mean = size / len(values)
        self._mean += (mean - self._mean) / 8 if self._mean else mean
        self._young.update(values)
        if len(self._young) * self._mean > self._half:
            self._old, self._young = self._young, {}

    def clear(self) -> None:
        self._young, self._old = {}, {}

    def __len__(self) -> int:
        return len(self._young) + sum(key not in self._young for key in self._old)
