"""The machine: random definitions, random lives, crashes and jumps of the clock; the oracle says which rule breaks.

In the default profile it takes about half a minute; `make proof` walks for long. docs/testing.md says more.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.proof import definitions as made
from tests.proof import rulebook, words
from tests.proof.contest import PACES
from tests.proof.lane import CUSTOMERS, STARTS, Lane
from tests.proof.life import Life as Actions
from tests.proof.meaning import DAY, HOUR, plus
from tests.proof.oracle import LONGEST_LIFE

EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", "0")) or 60
"""Lives that are tried."""
THINGS = 60
"""That happen in one step of the machine."""

seeds = st.integers(0, 1 << 32)
statuses = st.sampled_from(["paused", "live", "live", "live", "draining", "stopped"])


class Life(RuleBasedStateMachine):
    """A step is a stretch of a life, drawn by a seed, or something that concerns everybody."""

    @initialize(data=st.data())
    def publish_all(self, data: Any) -> None:
        self.lane = lane = Lane(data.draw(st.sampled_from(STARTS)))
        lane.publish("workspace", "workspace", data.draw(rulebook.workspace()))
        for id, body in words.TEMPLATES.items():
            lane.publish("template", id, body)
        for body in (words.NEWS, words.TIPS):
            lane.publish("subscription", body["id"], body)
        for id, body in data.draw(words.segments()).items():
            lane.publish("segment", id, body)
        for id in words.JOURNEYS:
            lane.publish("journey", id, data.draw(made.journeys(id)))
        for customer in CUSTOMERS[: data.draw(st.integers(2, 3))]:
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
        if self.lane.now + self.lane.lag + length < self.lane.start + LONGEST_LIFE:
            self.lane.lag += length
        Actions(self.lane, seed).play(THINGS)

    @rule(journey=st.sampled_from(words.JOURNEYS), status=statuses)
    def control(self, journey: str, status: str) -> None:
        self.lane.control("journey", journey, self.lane.live.current(journey), status)

    @rule(journey=st.sampled_from(words.JOURNEYS), data=st.data())
    def new_version(self, journey: str, data: Any) -> None:
        """Another one, or an old one again; with a map it takes runs of the others along (R48)."""
        lane = self.lane
        before = [body for (id, _), body in lane.live.bodies.items() if id == journey]
        body = data.draw(st.one_of(made.journeys(journey), st.sampled_from(before)))
        version = lane.publish("journey", journey, body)
        if data.draw(st.booleans()):
            runs = [run for one in lane.oracles.values() for run in one.ledger.active(journey)]
            there = sorted({run.step for run in runs})
            steps = data.draw(made.maps(data.draw(st.sampled_from(before)), body, there))
            lane.publish("migration", journey, {"to": version, "steps": steps})

    @rule(journey=st.sampled_from(words.JOURNEYS), share=st.sampled_from([2_500, 5_000, 10_000]), data=st.data())
    def trial(self, journey: str, share: int, data: Any) -> None:
        """A version beside the live one; one that is there already gets another share, takes all, or goes (R48)."""
        lane, (version, _, _) = self.lane, self.lane.live.trials.get(journey, (0, 0, 0))
        if lane.live.status[journey] == "stopped":
            return
        if not version:
            live = lane.live.bodies[journey, lane.live.current(journey)]
            lane.publish("journey", journey, made.beside(live, data.draw(made.journeys(journey))), "trial", share)
            return
        then = data.draw(st.sampled_from(["trial", "live", "withdrawn"]))
        lane.control("journey", journey, version, then, share if then == "trial" else 0)

    @rule(data=st.data())
    def new_settings(self, data: Any) -> None:
        """Another segment, or another workspace: its zone, its quiet hours, its caps."""
        if data.draw(st.booleans()):
            self.lane.publish("segment", words.PRO, data.draw(words.another_segment()))
        else:
            self.lane.publish("workspace", "workspace", data.draw(rulebook.workspace()))

    @rule(condition=st.one_of(words.on_state(), words.on_doing()))
    def census(self, condition: Any) -> None:
        self.lane.asked(condition)

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
            bodies = self.lane.live.versions(journey)
            if not all("max_entries" in body for body in bodies):
                continue
            limits = [body["max_entries"] for body in bodies]
            most = max((one if isinstance(one, int) else one["n"] for one in limits), default=0)
            runs = [run for one in self.lane.oracles.values() for run in one.ledger.passages.values()]
            groups = Counter(
                one.occurrence if not isinstance(one.limit, int) else "" for one in runs if one.journey == journey
            )
            assert max(groups.values(), default=0) <= most, f"R18 {groups} entered {journey}, which has {most} places"

    @invariant()
    def no_period_has_more_messages_than_its_pace(self) -> None:
        for journey in self.lane.live.status:
            paces = [body.get("settings", {}).get("pace") for body in self.lane.live.versions(journey)]
            if None in paces or any(pace != paces[0] for pace in paces):
                continue
            unsent = self.lane.unsent()
            mine = [one for one in self.lane.requests if one.journey == journey and one.send_id not in unsent]
            times = [one.requested_at for one in mine]
            groups = Counter(at // PACES[paces[0]["per"]] for at in times)
            most = paces[0]["limit"]
            assert max(groups.values(), default=0) <= most, f"A11 {groups} messages of {journey}, whose pace is {most}"

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
        unsent = lane.unsent()
        spaces = [body for (kind, _, _), body in lane.published.items() if kind == "workspace"]
        rolling = [cap for cap in spaces[0].get("caps", ()) if cap["per"].startswith("PT") and "tag" not in cap]
        always = [cap for cap in rolling if all(cap in each.get("caps", ()) for each in spaces)]
        for customer in CUSTOMERS:
            sent = [one for one in lane.requests if one.customer == customer and one.send_id not in unsent]
            mine = [one for one in sent if one.message_class == "marketing" and one.channel == "email"]
            times = sorted(lane.proven.get(one.send_id, one.send_before) for one in mine)
            for cap in always:
                if cap.get("channel", "email") == "email" and lane.oracles[customer].ledger.gone_at < 0:
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
