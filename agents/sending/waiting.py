"""Claims that wait in memory for their turn: transactional before marketing, workspaces one after the other.

Each class has room of its own, so that a flood of marketing never keeps a transactional message out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable

from agents.sending.claims import Claim, Key


class _Turns:
    """The claims of one class, dealt out one per workspace in turn."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[Claim]] = OrderedDict()
        self.count = 0

    def put(self, claim: Claim) -> None:
        self._of.setdefault(claim.request.workspace, deque()).append(claim)
        self.count += 1

    def take(self) -> Claim:
        workspace, line = next(iter(self._of.items()))
        claim = line.popleft()
        self.count -= 1
        if line:
            self._of.move_to_end(workspace)
        else:
            del self._of[workspace]
        return claim

    def expired(self, at: int) -> list[Claim]:
        out: list[Claim] = []
        for workspace in list(self._of):
            line = self._of[workspace]
            over = [claim for claim in line if claim.request.send_before < at]
            if over:
                out += over
                self._of[workspace] = deque(claim for claim in line if claim.request.send_before >= at)
                if not self._of[workspace]:
                    del self._of[workspace]
        self.count -= len(out)
        return out


class Waiting:
    def __init__(self, room: int) -> None:
        self.room = room  # claims of one class from which on no more are fetched
        self.keys: set[Key] = set()
        self._now, self._bulk = _Turns(), _Turns()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def urgent(self) -> bool:
        """A transactional message waits."""
        return self._now.count > 0

    def put(self, claims: Iterable[Claim]) -> None:
        """Adds claims, whatever the room; those that wait already are not added again."""
        for claim in claims:
            if claim.key not in self.keys:
                self.keys.add(claim.key)
                (self._bulk if claim.request.topic_is_bulk else self._now).put(claim)

    def take(self, limit: int) -> list[Claim]:
        out: list[Claim] = []
        for turns in (self._now, self._bulk):
            while turns.count and len(out) < limit:
                out.append(turns.take())
        self._gone(out)
        return out

    def expired(self, at: int) -> list[Claim]:
        """Takes those whose send_before is past at `at` (ms)."""
        out = self._now.expired(at) + self._bulk.expired(at)
        self._gone(out)
        return out

    def _gone(self, claims: list[Claim]) -> None:
        self.keys.difference_update(claim.key for claim in claims)
        if claims:
            self._changed.set()

    def free(self, *, bulk: bool) -> int:
        return max(0, self.room - (self._bulk if bulk else self._now).count)

    async def wait_for_room(self, *, bulk: bool) -> None:
        while not self.free(bulk=bulk):
            self._changed.clear()
            await self._changed.wait()
