"""What an event or a delivery must bring about in the runs that are there: exits, goals, ways out of waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from laudstream.customers.event import Event
from laudstream.journey.decision import Decision
from laudstream.messages.delivery import PROVES, Delivery
from tests.proof.entrance import too_old
from tests.proof.ledger import Ledger, Passage
from tests.proof.live import Definitions
from tests.proof.meaning import holds, plus

NO_GOAL = ("restarted", "merged", "deleted")
Check = Callable[[], None]


class Hearing:
    """Of one customer; it lives as long as an input."""

    def __init__(self, ledger: Ledger, live: Definitions, now: int, zone: Any, event: Event | None) -> None:
        """`zone`: that of a body."""
        self.ledger, self.live, self.now, self.zone, self.event = ledger, live, now, zone, event
        self.moved: list[tuple[str, int, str]] = []
        """(run, visit that it left, branch)."""
        self.ended: set[str] = set()
        self.goals: set[str] = set()
        self.told = ""
        """Id of the delivery."""

    # What must happen

    def by_event(self, before: list[Passage]) -> list[Check]:
        """Checks for the end of the input (R6, R16, R27, R28)."""
        event, checks = self.event, []
        assert event is not None
        for run in self.ledger.passages.values():
            body = self.live.body(run)
            if event.id == run.by or self.live.counts(run.journey):
                continue
            if run in before:
                checks += [lambda run=run, rule=rule: self._must_end(run, rule) for rule in body.get("exit", ())
                           if "event" in rule and self.meets(run, rule)]  # fmt: skip
                branch = self._must_leave(
                    run, body["steps"][run.step], "event", lambda on, run=run: self.meets(run, on)
                )
                if branch is not None:
                    checks.append(lambda run=run, visit=run.visit, branch=branch: self._left(run, visit, branch))
            goal = body.get("goal")
            counts = run.over not in NO_GOAL and not run.erased
            young = goal and self.now < plus(run.entered_at, goal["within"], run.entry_zone)
            if young and counts and not run.reached and self.meets(run, goal):
                checks.append(lambda run=run: self._must_reach(run))
        return checks

    def by_delivery(self, before: list[Passage], told: Delivery) -> list[Check]:
        """A delivery that tells something new of a message of the run (R27, R56); that it ended the same wait once is
        never forgotten (R28)."""
        self.told, checks = told.id, []
        for run in before:
            if run.id != told.run or self.live.counts(run.journey):
                continue
            step = self.live.body(run)["steps"][run.step]
            new = self.ledger.news and (run.step, told.id) not in run.used
            branch = self._must_leave(run, step, "message", lambda on, new=new: new and _tells(on["message"], told))
            if branch is not None:
                checks.append(lambda run=run, visit=run.visit, branch=branch: self._left(run, visit, branch))
        return checks

    def meets(self, run: Passage, on: Mapping[str, Any]) -> bool:
        """Whether the event is the one that a place listens to (R24, R26)."""
        heard, event = on["event"], self.event
        if event is None or heard["name"] != event.name or too_old(event, self.now, self.zone(self.live.body(run))):
            return False
        if run.key and not heard.get("any_key") and event.properties.get("k") != run.key:
            return False
        return "where" not in on or holds(on["where"], self.ledger, self.now, self.zone(None), event.properties)

    def _must_leave(
        self, run: Passage, step: Mapping[str, Any], kind: str, met: Callable[[Mapping[str, Any]], bool]
    ) -> str | None:
        """The branch by which a run leaves a wait for inputs of one kind; empty: it stays; None: nothing is said."""
        wait = step.get("wait")
        if wait is None or run.held or any(kind not in branch for branch in wait["branches"]) or "since" in wait:
            return None
        found = ""
        for branch in wait["branches"]:
            if met(branch):
                run.counted[branch["name"]] = run.counted.get(branch["name"], 0) + 1
                if run.counted[branch["name"]] >= branch.get("count", 1) and not found:
                    found = branch["name"]
                    break
        if found and not self.live.moves(run.journey):
            run.held = True
            run.used.add((run.step, self.told))
            return None
        return found

    # Whether it did

    def left(self, run: Passage, branch: str) -> None:
        """It leaves its step."""
        if self.told and not any(one[0] == run.id for one in self.moved):
            run.used.add((run.step, self.told))
        self.moved.append((run.id, run.visit, branch))

    def _must_end(self, run: Passage, rule: Mapping[str, Any]) -> None:
        assert run.over, f"R6 {run.id} should have ended {rule['outcome']} by {self.event}"

    def _must_reach(self, run: Passage) -> None:
        assert run.id in self.goals, f"R16 {run.id} should have reached its goal by {self.event}"

    def _left(self, run: Passage, visit: int, branch: str) -> None:
        if run.id in self.ended and (run.visit, run.over) and not any(one[:2] == (run.id, visit) for one in self.moved):
            return  # an exit or a goal came first
        by = [one[2] for one in self.moved if one[:2] == (run.id, visit)]
        assert by == ([branch] if branch else []), (
            f"R27 {run.id} should leave its wait by {branch or 'nothing'}, not {by}"
        )

    def out(self, run: Passage) -> None:
        """It has ended by an exit rule on an event, so that one must have met (R6, R24)."""
        rules = [rule for rule in self.live.body(run).get("exit", ()) if "event" in rule]
        by = [rule["outcome"] for rule in rules if self.meets(run, rule)]
        if run.outcome in [rule["outcome"] for rule in rules] and not self.live.counts(run.journey):
            used = self.event is not None and self.event.id == run.by
            assert [run.outcome] == by[:1] * (not used), f"R6 {run.id} ended {run.outcome}, and none met {self.event}"

    def no_exit_is_open(self) -> None:
        for run in self.ledger.active():
            for rule in self.live.body(run).get("exit", ()):
                if "condition" in rule:
                    open = holds(rule["condition"], self.ledger, self.now, self.zone(None))
                    assert not open, f"R6 {run.id} is still there, and {rule['condition']} holds"

    def reached(self, run: Passage, made: Decision) -> None:
        """A run has reached its goal: once, within its window, and by an event that meets it (R16, R24, R47)."""
        goal = self.live.body(run)["goal"]
        used = self.event is not None and self.event.id == run.by
        assert not run.reached, "R16 a goal counts once per run"
        young = made.at < plus(run.entered_at, goal["within"], run.entry_zone)
        assert young, "R47 a goal counts within its window"
        assert run.over not in NO_GOAL, f"R47 a run that ended {run.over} reaches no goal"
        assert self.live.counts(run.journey) or (self.meets(run, goal) and not used), (
            f"R47 {run.id} reached its goal, and {self.event} does not meet it"
        )
        run.reached = True
        self.goals.add(run.id)


def _tells(asked: Mapping[str, Any], told: Delivery) -> bool:
    kind = PROVES.get(told.kind, told.kind) if asked["is"] == "sent" else told.kind
    if kind != asked["is"] or asked.get("link", told.link) != told.link:
        return False
    return bool(asked.get("machine") or not told.machine or kind not in ("opened", "clicked"))
