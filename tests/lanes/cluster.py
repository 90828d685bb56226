"""Lanes that hand records to each other, in any interleaving of rounds."""

from __future__ import annotations

from typing import Any

from laudstream import topics
from laudstream.ids import partition_of
from tests.lanes.kit import LaneKit, key

LANES = 3


class Cluster:
    """Lanes that hand records to each other; each round may be the next one, in any lane."""

    def __init__(self, *journeys: dict[str, Any]) -> None:
        self.now = 1_000
        self.lanes = [LaneKit() for _ in range(LANES)]
        for body in journeys:
            self.publish(body, 1)

    def publish(self, body: dict[str, Any], version: int, kind: str = "journey") -> None:
        at = self.tick()
        for lane in self.lanes:
            lane.publish(body, at, kind, version)
        for which in range(LANES):
            self.round(which)

    def control(self, kind: str, id: str, status: str) -> None:
        """In every lane, each at its next round."""
        at = self.tick()
        for lane in self.lanes:
            lane.control(kind, id, status, at)

    def tick(self) -> int:
        self.now += 1
        return self.now

    def event(self, customer: str, name: str, id: str = "", **properties: Any) -> None:
        """`id` of none: the same event again is no other one."""
        lane = self.lanes[partition_of(key(customer), LANES)]
        lane.event(customer, name, self.tick(), id=id or f"{customer}{name}", **properties)

    def round(self, at: int) -> int:
        """Returns how many handoffs came out."""
        result = self.lanes[at].round(self.tick())
        handed = result.out.topics.get(topics.HANDOFFS, ())
        for where, value in handed:
            assert where is not None
            self.lanes[partition_of(where, LANES)].put(topics.HANDOFFS, self.tick(), where, value)
        return len(handed)

    def owner(self, key: str) -> LaneKit:
        """The lane of a key."""
        return self.lanes[partition_of(key.encode(), LANES)]

    def settle(self) -> None:
        """Rounds until nothing is on its way."""
        while sum(self.round(at) for at in range(LANES)):
            pass

    def decisions(self) -> list[Any]:
        return [made for lane in self.lanes for made in lane.decisions() if made.kind != "control"]

    def named(self, kind: str, reason: str = "") -> list[str]:
        return [made.customer for made in self.decisions() if (made.kind, made.reason) == (kind, reason)]
