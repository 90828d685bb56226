"""A few customers whose whole timelines are kept: some by name, and some by hash of the seed.

Those by hash are the first ones in the order of their hashes among all who have a decision. Whoever is among them in
the end was among them all the time, so that nothing of theirs is missing and nothing of others is kept.
"""

from __future__ import annotations

from hashlib import blake2b
from heapq import heappush, heappushpop

from laudstream.journey.decision import Decision
from laudstream.simulate.listener import Listener


class Sample(Listener):
    def __init__(self, size: int, *, seed: int = 0, named: tuple[str, ...] = ()) -> None:
        self.size = size
        self._key = str(seed).encode()[:64]
        self._named = named
        self._kept: dict[str, list[Decision]] = {}
        self._first: list[tuple[int, str]] = []
        self._passed: set[str] = set()

    def decided(self, decision: Decision) -> None:
        customer = decision.customer
        timeline = self._kept.get(customer)
        if timeline is not None:
            timeline.append(decision)
        elif customer not in self._passed:
            self._meet(customer, decision)

    def _meet(self, customer: str, decision: Decision) -> None:
        if customer in self._named:
            self._kept[customer] = [decision]
            return
        if not self.size:
            self._passed.add(customer)
            return
        digest = blake2b(customer.encode(), key=self._key, digest_size=8).digest()
        place = (-int.from_bytes(digest, "big"), customer)
        if len(self._first) < self.size:
            heappush(self._first, place)
        else:
            _, gone = heappushpop(self._first, place)
            self._kept.pop(gone, None)
            self._passed.add(gone)
            if gone == customer:
                return
        self._kept[customer] = [decision]

    def timelines(self) -> dict[str, list[Decision]]:
        """Customer -> decisions, those by name first, each in the order of ids. Who was named and has none: empty."""
        named = {customer: self._kept.get(customer, []) for customer in self._named}
        return named | {customer: self._kept[customer] for customer in sorted(self._kept) if customer not in named}
