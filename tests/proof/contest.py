"""Messages that are wanted by one input or one due instant compete (R39), and a pace gives each its slot (A11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laudstream.journey.decision import Decision
from laudstream.journey.handoff import Ask
from tests.proof.ledger import Ledger, Passage

PACES = {"minute": 60_000, "hour": 3_600_000}
Rank = tuple[int, int, int, str]
"""Priority, since when it is wanted, when its run began, run."""


class Contest:
    """Of one customer."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.open: dict[str, Rank] = {}
        """Run -> rank of a message that is wanted and was not decided yet, within the present input."""

    def begin(self) -> None:
        """Another input is worked through."""
        self.open = {}

    def arrived(self, run: Passage, body: Mapping[str, Any]) -> None:
        """A run came to a step."""
        self.gone(run.id)
        self.ledger.turns.pop(run.id, None)
        if "message" in body["steps"][run.step]:
            self.open[run.id] = (body.get("settings", {}).get("priority", 5), run.arrived_at, run.entered_at, run.id)

    def gone(self, run: str) -> None:
        self.open.pop(run, None)

    def decided(self, run: Passage, made: Decision, body: Mapping[str, Any]) -> None:
        """Its message was; none that is open had to come first."""
        if (made.step, made.visit) != (run.step, run.visit):
            return  # one that was refused late: nobody sees since when it competes
        priority = body.get("settings", {}).get("priority", 5)
        rank = (priority, self.ledger.wanted[run.id, run.visit], run.entered_at, run.id)
        first = min(self.open.values(), default=rank)
        assert rank <= first, f"R39 {rank} was decided, and {first} comes first"
        self.gone(run.id)

    # The pace

    def asks(self, ask: Ask) -> None:
        """A message asks for its slot: all gates let it pass."""
        ((_, place),) = ask.places
        run = self.ledger.passages[place.partition("/")[0]]
        self.ledger.turns[place] = 0
        if place == run.id:
            self.gone(run.id)
            self.ledger.deferred.add((run.id, run.visit))

    def granted(self, place: str, slot: int) -> None:
        if self.ledger.turns.get(place) == 0:
            self.ledger.turns[place] = slot

    def paced(self, run: Passage, made: Decision, clock: int) -> None:
        """A message waits for its slot."""
        slot = self.ledger.turns.get(_place(run, made), 0)
        told = {gate: said for gate, said in made.data["gates"].items() if said != "pass"}
        assert told == {"pace": "pace"}, f"A11 only the pace holds it back: {told}"
        assert clock < slot == made.data["deferred_until"], f"A11 it waits for its slot {slot} and not longer"

    def requested(self, run: Passage, made: Decision, body: Mapping[str, Any], current: Mapping[str, Any]) -> None:
        """A message went: within the period of its slot. `current`: the live version, which says the period."""
        if "pace" not in body.get("settings", {}):
            return
        place = _place(run, made)
        slot = self.ledger.turns.get(place, 0)
        if place != run.id:
            del self.ledger.turns[place]  # one that is refused again in its place may still go in that slot
        assert 0 < slot <= made.clock, f"A11 it went at {made.clock}, and its slot is {slot}"
        pace = current.get("settings", {}).get("pace")
        period = PACES[pace["per"]] if pace else 1 << 62
        assert made.clock < (slot // period + 1) * period, f"A11 its slot {slot} was over at {made.clock}"


def _place(run: Passage, made: Decision) -> str:
    late = (made.step, made.visit) != (run.step, run.visit)
    return f"{run.id}/{made.step}" if late else run.id
