"""Whoever chooses winners in a virtual world: it counts what is decided and delivered, as the projector does (R45)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laudstream.journey.choosing import Arm, Choice, choose, due_at
from laudstream.journey.decision import Decision
from laudstream.journey.kinds.experiment import ExperimentStep, Winner
from laudstream.journey.live import LIVE, Space
from laudstream.messages.delivery import Delivery
from laudstream.simulate.ranks import CONTROL

if TYPE_CHECKING:
    from laudstream.simulate.person import Person
    from laudstream.simulate.world import World

_MOVES = ("entered", "moved", "ended", "failed")


class _Count:
    """Of the arms of one experiment."""

    def __init__(self) -> None:
        self.customers: dict[str, set[str]] = {}
        self.runs: dict[str, set[str]] = {}
        self.met: dict[str, set[str]] = {}
        self.waiting: dict[str, int] = {}
        """Run -> since when, ms; in the order in which they came."""

    def arms(self, step: ExperimentStep) -> list[Arm]:
        none: set[str] = set()
        return [
            Arm(arm, *(len(each.get(arm, none)) for each in (self.customers, self.runs, self.met)))
            for arm in step.candidates
        ]


class Chooser:
    """Where no experiment may have a winner, it costs nothing."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, str], tuple[ExperimentStep, Winner]] = {}
        """(journey, step) -> experiments that may have a winner."""
        self._counts: dict[str, _Count] = {}
        self._at: dict[str, tuple[str, str]] = {}
        """Run -> the experiment and the arm that it went last."""
        self._changed: set[str] = set()
        self.open = False
        """Whether there is anything to choose."""
        self.looks_at = 0
        """When the world looks again, ms; 0: it does not."""

    def look(self, space: Space) -> None:
        """The definitions as they are now."""
        self._steps = dict(_open(space))
        self.open = bool(self._steps)

    def decided(self, made: Decision) -> None:
        if made.kind not in (*_MOVES, "goal"):
            return
        if made.kind == "goal":
            for name, arm in (made.data.get("arms") or {}).items():
                self._meets(made.journey, name, made.run, arm, "goal")
            return
        left = self._steps.get((made.journey, made.step))
        if left is not None:
            count = self._counts.setdefault(left[0].id, _Count())
            count.waiting.pop(made.run, None)
            if made.kind == "moved":
                count.customers.setdefault(made.branch, set()).add(made.customer)
                count.runs.setdefault(made.branch, set()).add(made.run)
                self._at[made.run] = made.step, made.branch
                self._changed.add(left[0].id)
        come = self._steps.get((made.journey, made.to)) if made.to else None
        if come is not None:
            self._counts.setdefault(come[0].id, _Count()).waiting[made.run] = made.at

    def delivered(self, made: Delivery) -> None:
        if made.machine or made.kind not in ("opened", "clicked"):
            return
        name, arm = self._at.get(made.run, ("", ""))
        if name:
            self._meets(made.journey, name, made.run, arm, made.kind)

    def _meets(self, journey: str, name: str, run: str, arm: str, metric: str) -> None:
        found = self._steps.get((journey, name))
        if found is not None and found[1].metric == metric:
            self._counts.setdefault(found[0].id, _Count()).met.setdefault(arm, set()).add(run)
            self._changed.add(found[0].id)

    def won(self, now: int) -> Iterator[tuple[str, Choice]]:
        """(experiment, choice) of those that have come far enough, or whose time has come."""
        for experiment, (step, winner) in {step.id: (step, winner) for step, winner in self._steps.values()}.items():
            count = self._counts.get(experiment)
            if count is None:
                continue
            since = next(iter(count.waiting.values()), 0)
            if experiment in self._changed or (winner.hold_rest and since and due_at(winner, since) <= now):
                self._changed.discard(experiment)
                choice = choose(winner, count.arms(step), since, now)
                if choice is not None:
                    yield experiment, choice

    def next_at(self) -> int:
        """When the time of an experiment comes next, ms; 0: none's does."""
        found = 0
        for step, winner in self._steps.values():
            count = self._counts.get(step.id)
            since = next(iter(count.waiting.values()), 0) if count is not None and winner.hold_rest else 0
            if since and (not found or due_at(winner, since) < found):
                found = due_at(winner, since)
        return found


def _open(space: Space) -> Iterator[tuple[tuple[str, str], tuple[ExperimentStep, Winner]]]:
    for live in space.journeys.values():
        version = live.versions.get(live.status.live)
        if version is None or live.status.status != LIVE:
            continue
        for name, step in version.steps.items():
            if isinstance(step, ExperimentStep) and step.winner is not None and step.id not in space.winners:
                yield (live.id, name), (step, step.winner)


def bring_winners(world: World, person: Person) -> None:
    """What has won comes as a control record of this instant, or is looked at again when its time has come."""
    chooser = world.chooser
    for experiment, choice in chooser.won(world.now):
        world.later(world.now, CONTROL, person.customer.id, _wins, (experiment, choice.arm))
    at = chooser.next_at()
    if at and at != chooser.looks_at:
        chooser.looks_at = at
        world.later(at, CONTROL, person.customer.id, _looks, None)


def _wins(world: World, person: Person, won: tuple[str, str]) -> None:
    if won[0] not in world.catalog.spaces[world.workspace].winners:
        world.definitions.win(*won)


def _looks(world: World, person: Person, _: object) -> None:
    bring_winners(world, person)
