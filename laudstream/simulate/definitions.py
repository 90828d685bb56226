"""What is published in a virtual world. Each change is a control record of that instant, and whoever it concerns is
looked at at once, in the order of their ids (A9, A10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laudstream.errors import Broken
from laudstream.journey.control import MIGRATION, WINNER, Control
from laudstream.journey.inputs import TouchInput
from laudstream.journey.live import NOTHING, Space
from laudstream.journey.quotas import holds
from laudstream.journey.signals import SIGNAL

if TYPE_CHECKING:
    from laudstream.simulate.world import World


class Definitions:
    """Bodies and numbers of versions; the world's catalogue is what was made of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bodies: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._versions: dict[tuple[str, str], int] = {}
        self._seq = 0

    def publish(self, kind: str, id: str, body: dict[str, Any]) -> int:
        """Makes a new version live, now; its number. Its map moves the runs of those before (R48). Raises Invalid with
        every problem."""
        if kind == SIGNAL:
            return self.signal(id, body.get("properties", {}))
        version = self._versions.get((kind, id), 0) + 1
        self._bodies[kind, id, version] = body
        self.control(kind, id, "live", version)
        self._versions[kind, id] = version
        if kind == "journey" and version > 1 and body.get("migrate"):
            self.publish(MIGRATION, id, {"to": version, "steps": body["migrate"]})
        return version

    def control(self, kind: str, id: str, status: str, version: int = 0) -> None:
        """A definition's new status, of its last version unless one is named. Raises Broken if there is none."""
        chosen = version or self._versions.get((kind, id), 0)
        if (kind, id, chosen) not in self._bodies:
            raise Broken(f"there is no {kind} {id!r} in this world")
        space = self._world.catalog.spaces.get(self._world.workspace, NOTHING)
        known = kind == MIGRATION or (kind == "journey" and id in space.journeys)
        now = self._apply(kind, id, status, chosen)
        asks = kind == "journey" and bool(now.journeys[id].status.audience[0])
        if known or asks or now.judged != space.judged or now.rezoned_at != space.rezoned_at:
            self._touch()

    def signal(self, name: str, properties: dict[str, Any]) -> int:
        """Sends a signal, now; its number (R34). Raises Invalid."""
        number = self._versions[SIGNAL, ""] = self._versions.get((SIGNAL, ""), 0) + 1
        self._bodies[SIGNAL, name, number] = {"properties": properties}
        if name in self._apply(SIGNAL, name, "live", number).listeners:
            self._touch()
        return number

    def win(self, experiment: str, arm: str) -> None:
        """An arm of an experiment has won, now (R45)."""
        now = self._apply(WINNER, experiment, arm, 1)
        if holds(now, experiment):
            self._touch()

    def _apply(self, kind: str, id: str, status: str, version: int) -> Space:
        world = self._world
        record = Control(self._seq + 1, world.workspace, kind, id, version, status)
        world.catalog = world.catalog.apply(record, world.now, self._body)
        self._seq += 1
        now = world.catalog.spaces[world.workspace]
        world.chooser.look(now)
        return now

    def _touch(self) -> None:
        world = self._world
        for name in sorted(world.people):
            world.hand(world.people[name], TouchInput(self._seq), world.now)
            world.handled["touches"] += 1

    def _body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return self._bodies[kind, id, version]
