"""A lane's store in memory: the twin of `tables.store.LaneStore`, for replay and for tests.

It holds exact timers (one a customer), where the real store holds hints: both fire the same.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from tables.layout import EVENT, customer_of, wake_at_of
from tables.view import Due, Record, Records


class MemoryStore:
    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._customers: list[bytes] = []  # sorted keys of core records' customers
        self._timers: list[tuple[int, bytes]] = []  # sorted (due, customer)
        self._history: list[bytes] = []  # sorted keys of kept events

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self._values.get(key) for key in keys]

    def due(self, before: int, limit: int) -> Due:
        end = bisect_left(self._timers, (before, b""))
        hints = self._timers[: min(end, limit)]
        return Due(list(hints), hints[-1] if end > limit else (before, b""))

    def scan(self, prefix: bytes, after: bytes, limit: int) -> list[bytes]:
        start = bisect_left(self._customers, max(prefix, after + b"\0"))
        found: list[bytes] = []
        for customer in self._customers[start:]:
            if not customer.startswith(prefix) or len(found) == limit:
                break
            found.append(customer)
        return found

    def events(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.get_many(keys)

    def oldest(self, limit: int) -> list[Record]:
        return [(key, wake_at_of(self._values[key])) for key in self._history[:limit]]

    def write(
        self, records: Records, hints: Iterable[tuple[int, bytes]] = (), done: Iterable[tuple[int, bytes]] = ()
    ) -> None:
        """Apply a committed round. Hints are not needed: they follow from the records."""
        for key, value in records:
            before = self._values.get(key)
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
            customer = customer_of(key)
            if customer is None:
                if key[:2] == EVENT and (before is None) != (value is None):
                    self._note(self._history, key, present=value is not None)
                continue
            self._move_timer(customer, wake_at_of(before) if before else 0, wake_at_of(value) if value else 0)
            if (before is None) != (value is None):
                self._note(self._customers, customer, present=value is not None)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        return self._values.items()

    def _move_timer(self, customer: bytes, before: int, after: int) -> None:
        if before == after:
            return
        if before:
            at = bisect_left(self._timers, (before, customer))
            del self._timers[at]
        if after:
            insort(self._timers, (after, customer))

    def _note(self, ordered: list[bytes], key: bytes, *, present: bool) -> None:
        at = bisect_left(ordered, key)
        if present:
            ordered.insert(at, key)
        else:
            del ordered[at]
