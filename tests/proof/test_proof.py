"""The machine: random definitions, random lives, crashes and jumps of the clock; the oracle says which rule breaks.

In the default profile it takes about half a minute; `make proof` walks for long. docs/testing.md says more.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.proof import definitions as made
from tests.proof.lane import CUSTOMERS, START, Lane
from tests.proof.life import UNSENT
from tests.proof.life import Life as Actions
from tests.proof.meaning import DAY, HOUR, plus
from tests.proof.oracle import LONGEST_LIFE

EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", "0")) or 60
"""Lives that are tried."""
THINGS = 25
"""That happen in one step of the machine."""

seeds = st.integers(0, 1 << 32)
statuses = st.sampled_from(["paused", "live", "live", "live", "draining", "stopped"])


class Life(RuleBasedStateMachine):
    """A step is a stretch of a life, drawn by a seed, or something that concerns everybody."""

    @initialize(data=st.data())
    def publish_all(self, data: Any) -> None:
        self.lane = lane = Lane()
        lane.publish("workspace", "workspace", data.draw(made.workspace()))
        for id, body in made.TEMPLATES.items():
            lane.publish("template", id, body)
        for body in (made.NEWS, made.TIPS):
            lane.publish("subscription", body["id"], body)
        for id, body in data.draw(made.segments()).items():
            lane.publish("segment", id, body)
        for id in made.JOURNEYS:
            lane.publish("journey", id, data.draw(made.journeys(id)))
        for customer in CUSTOMERS[:2]:
            lane.identify(customer, {"email": f"{customer}@example.org", "plan": "pro"}, by_event=False)

    @rule(seed=seeds)
    def stretch(self, seed: int) -> None:
        Actions(self.lane, seed).play(THINGS)

    @rule(seed=seeds)
    def stretch_and_crash(self, seed: int) -> None:
        """A worker takes inputs, dies before or after it commits, and takes them again (A13)."""
        self.lane.commit()
        Actions(self.lane, seed).play(THINGS)
        self.lane.crash()

    @rule(seed=seeds, length=st.sampled_from([HOUR, 5 * HOUR, 2 * DAY]))
    def stretch_after_downtime(self, seed: int, length: int) -> None:
        """The lane was down: its clock is ahead of its log."""
        if self.lane.now + self.lane.lag + length < START + LONGEST_LIFE:
            self.lane.lag += length
        Actions(self.lane, seed).play(THINGS)

    @rule(journey=st.sampled_from(made.JOURNEYS), status=statuses)
    def control(self, journey: str, status: str) -> None:
        self.lane.control("journey", journey, self.lane.live.published[journey][-1][0], status)

    @rule(journey=st.sampled_from(made.JOURNEYS), data=st.data())
    def new_version(self, journey: str, data: Any) -> None:
        self.lane.publish("journey", journey, data.draw(made.journeys(journey)))

    @rule(seed=seeds)
    def winner(self, seed: int) -> None:
        bodies = self.lane.live.bodies.items()
        ids = [
            f"{id}/{name}" for (id, _), body in bodies for name, step in body["steps"].items() if "experiment" in step
        ]
        if ids:
            self.lane.control("winner", sorted(ids)[seed % len(ids)], 1, "x")

    # What always holds

    @invariant()
    def segments_are_what_they_mean(self) -> None:
        for id, oracle in self.lane.oracles.items():
            now, ledger = self.lane.now, oracle.ledger
            before, after = oracle.in_segments(now - 1), oracle.in_segments(now)
            due = {id for id, tick in self.lane.customers[id].core.ticks.items() if tick <= now}
            for segment, there in after.items():
                if segment not in due and before[segment] == there:
                    assert (segment in ledger.members) == there, (
                        f"R29 {id} in {segment}: {not there}, and should be {there}"
                    )
            self.lane.in_bulk(id)

    @invariant()
    def places_are_never_more_than_there_are(self) -> None:
        for journey in self.lane.live.status:
            bodies = [body for (id, _), body in self.lane.live.bodies.items() if id == journey]
            if all("max_entries" in body for body in bodies):
                ledgers = [one.ledger for one in self.lane.oracles.values()]
                runs = [run for ledger in ledgers for run in ledger.passages.values() if run.journey == journey]
                most = max((body["max_entries"] for body in bodies), default=0)
                assert len(runs) <= most, f"R18 {len(runs)} entered {journey}, which has {most} places"

    def teardown(self) -> None:
        if not hasattr(self, "lane") or sys.exc_info()[0] is not None:
            return  # it has failed already
        for _ in range(300):
            if self.lane.coming:
                self.lane.carry()
        self.lane.replay()
        self._no_period_holds_too_many()

    def _no_period_holds_too_many(self) -> None:
        """The true times of what was sent keep every rolling cap, whatever came in between (R10)."""
        lane = self.lane
        unsent = {made.send_id for made in lane.deliveries if made.kind in UNSENT}
        for customer in CUSTOMERS:
            mine = [one for one in lane.requests if one.customer == customer and one.message_class == "marketing"]
            times = sorted(lane.proven.get(one.send_id, one.send_before) for one in mine if one.send_id not in unsent)
            for cap in lane.live.workspace.get("caps", ()):
                if cap["per"].startswith("PT") and "tag" not in cap and lane.oracles[customer].ledger.gone_at < 0:
                    for first, last in zip(times, times[cap["limit"] :], strict=False):
                        assert plus(first, cap["per"], "UTC") <= last, f"R10 more than {cap} at {last}"


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking such a life takes minutes
    suppress_health_check=list(HealthCheck),
)
