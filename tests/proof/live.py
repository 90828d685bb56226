"""What is live, as it was published and controlled; the oracles read it."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.proof.ledger import Passage
from tests.proof.meaning import share
from tests.proof.words import PINNED, PRO

Body = dict[str, Any]


class Map(NamedTuple):
    """A migration map (R48)."""

    number: int
    to: int
    steps: dict[str, str]
    at: int

    def goes(self, run: Passage) -> str:
        """Where it leads a run: a step, exit, or stay."""
        there = run.entered_at < self.at and run.version != self.to
        return self.steps.get(run.step, "stay") if there else "stay"


class Sent(NamedTuple):
    """A signal (R34)."""

    number: int
    name: str
    properties: Body
    at: int


class Definitions:
    def __init__(self, workspace: str) -> None:
        self.id = workspace
        self.workspace: Body = {}
        self.spreads = False
        """Whether releases were ever spread: an instant that was computed then stays where it is."""
        self.segments: dict[str, Body] = {}
        self.pinned: Body = {}
        """The first version of the segment that others pin."""
        self.bodies: dict[tuple[str, int], Body] = {}
        self.published: dict[str, list[tuple[int, int]]] = {}
        """Journey -> (version, since when)."""
        self.status: dict[str, str] = {}
        self.resumed: dict[str, int] = {}
        self.stopped: dict[str, int] = {}
        self.winners: dict[str, str] = {}
        self.trials: dict[str, tuple[int, int, int]] = {}
        """Journey -> (version, share in 1/10,000, since when) of the version on trial."""
        self.maps: dict[str, list[Map]] = {}
        self.signals: list[Sent] = []

    # What control says

    def publish(self, kind: str, id: str, version: int, body: Body) -> None:
        """The body is there; what makes it live comes as a control record."""
        if kind == "journey":
            self.bodies[id, version] = body
            self.published.setdefault(id, [])

    def control(self, kind: str, id: str, version: int, status: str, now: int, part: int, body: Body) -> None:
        if kind == "winner":
            self.winners[id] = status
        elif kind == "workspace":
            self.workspace = body
            self.spreads = self.spreads or body["release_spread"] == "PT10M"
        elif kind == "segment":
            self.segments[id] = body
            if (id, version) == (PRO, 1):
                self.pinned = body
        elif kind == "signal":
            self.signals.append(Sent(version, id, body.get("properties", {}), now))
        elif kind == "migration":
            self.maps.setdefault(id, []).append(Map(version, body["to"], body["steps"], now))
        elif kind == "journey" and status == "trial":
            of, _, since = self.trials.get(id, (0, 0, 0))
            self.trials[id] = (version, part, since if of == version else now)
        elif kind == "journey" and status == "withdrawn":
            self.trials.pop(id, None)
        elif kind == "journey":
            self._status(id, version, status, now)

    def _status(self, id: str, version: int, status: str, now: int) -> None:
        was, current = self.status.get(id), self.current(id)
        if status == "stopped" or version != current:
            self.trials.pop(id, None)
        if status != "stopped" and (was == "stopped" or version != current):
            self.published[id] = [each for each in self.published[id] if each[0] != version] + [(version, now)]
        if was == "paused" and status in ("live", "draining"):
            self.resumed[id] = now
        if status == "stopped":
            self.stopped[id] = now
        self.status[id] = status

    # What is asked

    def current(self, journey: str) -> int:
        """The live version; 0: none yet."""
        published = self.published.get(journey)
        return published[-1][0] if published else 0

    def taking(self, journey: str, now: int, customer: str) -> int:
        """The version that takes a customer who enters: the live one, or the one on trial for a share (R48). A stop
        ends what was published before it (R7)."""
        version, of, since = self.trials.get(journey, (0, 0, 0))
        if version and since <= now and share("trial", self.id, journey, customer) * 100 < of:
            return version
        since = self.stopped.get(journey, 0)
        found = [number for number, at in self.published.get(journey, ()) if since <= at <= now]
        return found[-1] if found else 0

    def moves(self, journey: str) -> bool:
        return self.status[journey] in ("live", "draining")

    def body(self, run: Passage) -> Body:
        return self.bodies[run.journey, run.version]

    def versions(self, journey: str) -> list[Body]:
        return [body for (id, _), body in self.bodies.items() if id == journey]

    def listened_to(self) -> list[str]:
        """Signals that a version which takes entries, or may again, waits for."""
        entries = [entry for bodies in self.bodies.values() for entry in bodies["entry"]]
        return sorted({entry["audience"]["signal"] for entry in entries if "signal" in entry.get("audience", {})})

    def counts(self, journey: str) -> bool:
        """Whether places of some version are counted."""
        return any("max_entries" in body for body in self.versions(journey))

    def tags(self, journey: str, version: int, step: str) -> list[str]:
        """Those of a message."""
        body = self.bodies[journey, version]
        message = body["steps"].get(step, {}).get("message", {})
        return list(message.get("tags", body.get("settings", {}).get("tags", ())))

    def watched(self) -> dict[str, Body]:
        """Segments by name: the live ones, and the pinned one where something names it."""
        naming = repr((self.bodies, self.segments))
        return {**self.segments, **({PINNED: self.pinned} if f"'{PINNED}'" in naming else {})}
