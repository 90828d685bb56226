"""Counts of what was decided: none of the decisions is kept."""

from __future__ import annotations

from typing import NamedTuple

from laudstream.journey.decision import Decision
from laudstream.messages.delivery import Delivery


class Key(NamedTuple):
    """What decisions have in common that are counted together."""

    kind: str
    journey: str
    step: str
    to: str
    branch: str
    reason: str
    outcome: str
    template: str
    deferred: bool


class Tally:
    def __init__(self) -> None:
        self._decisions: dict[tuple[str, str, str, str, str, str, str], list[int]] = {}
        """(kind, journey, step, to, branch, reason, outcome) -> how many, of all but messages."""
        self._messages: dict[tuple[str, str, str, str, bool], list[int]] = {}
        """(journey, step, reason, template, deferred) -> how many."""
        self.deliveries: dict[tuple[str, str, str, str], int] = {}
        """(journey, template, kind, reason) -> how many."""
        self.segments: dict[tuple[str, str], int] = {}
        """(segment, entered or left) -> how many."""

    @property
    def decisions(self) -> dict[Key, int]:
        found = {Key(*key, "", False): count for key, (count,) in self._decisions.items()}
        for (journey, step, reason, template, deferred), (count,) in self._messages.items():
            found[Key("message", journey, step, "", "", reason, "", template, deferred)] = count
        return found

    def decided(self, d: Decision) -> None:
        if d.kind == "message":
            data = d.data
            message = d.journey, d.step, d.reason, data.get("template", ""), "deferred_until" in data
            count = self._messages.get(message)
            if count is None:
                count = self._messages[message] = [0]
        else:
            key = d.kind, d.journey, d.step, d.to, d.branch, d.reason, d.outcome
            count = self._decisions.get(key)
            if count is None:
                count = self._decisions[key] = [0]
            if d.kind == "segment":
                change = d.data["segment"], d.data["change"]
                self.segments[change] = self.segments.get(change, 0) + 1
        count[0] += 1  # a key of so many texts is hashed once

    def delivered(self, d: Delivery) -> None:
        key = d.journey, d.template, d.kind, d.reason
        self.deliveries[key] = self.deliveries.get(key, 0) + 1
