"""The oracle: reads what was handed in and what came out, and says which rule was broken.

It sees inputs, decisions, send requests, writes and questions for places, in their order; never the state of the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laudstream.customers.event import Event
from laudstream.customers.row import Row
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import Ask
from laudstream.journey.inputs import DeliveryInput, EventInput, Input, Moment, RowInput, TouchInput
from laudstream.journey.write import Write
from laudstream.messages.request import SendRequest
from tests.proof import post
from tests.proof.ledger import Ledger, Passage, Slot
from tests.proof.meaning import DAY, MINUTE, holds, is_open, leads_to, local, minutes, plus, share

NO_GOAL = ("restarted", "merged", "deleted")


class Definitions:
    """What is live, as it was published."""

    def __init__(self, workspace: str) -> None:
        self.id = workspace
        self.workspace: dict[str, Any] = {}
        self.segments: dict[str, dict[str, Any]] = {}
        self.bodies: dict[tuple[str, int], dict[str, Any]] = {}
        self.published: dict[str, list[tuple[int, int]]] = {}
        """Journey -> (version, since when)."""
        self.status: dict[str, str] = {}
        self.resumed: dict[str, int] = {}
        self.winners: dict[str, str] = {}

    def taking(self, journey: str, now: int) -> int:
        return max((version for version, since in self.published.get(journey, ()) if since <= now), default=0)

    def moves(self, journey: str) -> bool:
        return self.status[journey] in ("live", "draining")

    def body(self, run: Passage) -> dict[str, Any]:
        return self.bodies[run.journey, run.version]

    def places(self, journey: str) -> int:
        return max((body.get("max_entries", 0) for (id, _), body in self.bodies.items() if id == journey), default=0)


class Oracle:
    """One customer."""

    def __init__(self, customer: str, definitions: Definitions) -> None:
        self.ledger = Ledger(customer)
        self.live = definitions
        self.moment = Moment(0, 0)
        self.event: Event | None = None
        self.moved: list[tuple[str, int, str]] = []
        """(run, visit that it left, branch) of the present input."""
        self.ended: set[str] = set()
        self.goals: set[str] = set()
        self.entries: dict[str, tuple[list[str], list[str]]] = {}
        """Journey -> (what had to become of an entry, what became of it)."""

    def zone(self, body: Mapping[str, Any] | None = None) -> str:
        """The customer's, else the journey's, else the workspace's (R11)."""
        own = self.ledger.attributes().get("timezone")
        return str(
            own or (body or {}).get("settings", {}).get("time_zone") or self.live.workspace.get("time_zone", "UTC")
        )

    # An input

    def take(self, input: Input, moment: Moment, effects: list[Any]) -> None:
        """All that an input brought about. Raises AssertionError with the rule that was broken."""
        self.moment, self.event, self.moved, self.entries = moment, None, [], {}
        self.ended, self.goals = set(), set()
        ledger, now = self.ledger, moment.now
        zone = ledger.attributes().get("timezone")
        before = ledger.active()
        if isinstance(input, EventInput):
            if input.event.row is not None:
                ledger.rows(input.event.row, now)
            ledger.event(
                input.event.id, input.event.name if input.event.type == "track" else "", input.event.timestamp, now
            )
            self.event = input.event if input.event.type == "track" else None
        elif isinstance(input, RowInput):
            ledger.rows(input.row, now)
        elif isinstance(input, DeliveryInput):
            ledger.delivered(input.delivery)
        expected = self._expected(before) if self.event is not None else []
        for effect in effects:
            self._effect(effect)
        if ledger.attributes().get("timezone") != zone:
            for run in ledger.active():
                run.moved_zone = True
        if isinstance(input, RowInput) and isinstance(input.row, Row) and input.row.deleted and not ledger.known:
            assert not ledger.active(), "R15 a deletion ends all runs"
        if isinstance(input, TouchInput):
            gone = [run.id for run in ledger.active() if self.live.status[run.journey] == "stopped"]
            assert not gone, f"R7 a stop ends the runs: {gone}"
        for check in expected:
            check()
        if self.event is not None:
            self._entries_met(self.event)
        for run in ledger.active():
            self._no_exit_is_open(run)

    def _effect(self, effect: Any) -> None:
        if isinstance(effect, Decision):
            self._decision(effect)
        elif isinstance(effect, SendRequest):
            self._request(effect)
        elif isinstance(effect, Write):
            self.ledger.wrote(effect)
        elif isinstance(effect, Ask):
            assert self.live.status[effect.journey] == "live", "R49 nobody asks for a place but of a live journey"

    # Decisions

    def _decision(self, made: Decision) -> None:
        ledger = self.ledger
        assert made.id not in ledger.ids, "A15 no two decisions have one id"
        assert made.at <= self.moment.clock, "R3 nothing is decided before its time"
        ledger.ids.add(made.id)
        match made.kind:
            case "entered":
                self._entered(made)
            case "not_entered":
                self._entry(made.journey, made.reason)
            case "moved":
                self._moved(made)
            case "ended":
                run = self._at_its_place(made)
                if made.reason == "restarted":  # for an entry that is recorded next
                    self._entry(made.journey, "")
                run.over, run.outcome = made.outcome or made.reason, made.outcome
                self.ended.add(run.id)
            case "message":
                self._message(made)
            case "goal":
                self._goal(made)
            case "segment":
                change = ledger.members.add if made.data["change"] == "entered" else ledger.members.discard
                change(made.data["segment"])
            case "failed":
                raise AssertionError(f"A6 nothing fails: {made.data}")

    def _entered(self, made: Decision) -> None:
        ledger, journey = self.ledger, made.journey
        self._entry(journey, "entered")
        assert made.run not in ledger.passages, "R1 a run begins once"
        assert self.live.status[journey] in ("live",) or self.live.places(journey), (
            f"R49 no entry: {self.live.status[journey]}"
        )
        assert made.version == self.live.taking(journey, made.at), "R8 a run is of the version that takes entries"
        body = self.live.bodies[journey, made.version]
        assert made.to == body["start"], "R19 a run begins at the start"
        event = self.event.id if self.event is not None else ""
        run = Passage(made, event, self.zone(body))
        twins = [other for other in ledger.active(journey) if other.key == run.key]
        assert not twins, "R23 one run of a journey and a key at a time"
        ledger.passages[run.id] = run
        ledger.starts[journey, run.key] = made.at
        self._wants(run)

    def _at_its_place(self, made: Decision) -> Passage:
        run = self.ledger.passages.get(made.run)
        assert run is not None, f"R1 a run that never began cannot be {made.kind}"
        assert not run.over, f"R1 a run that is not there cannot be {made.kind}"
        assert (run.step, run.visit) == (made.step, made.visit), f"R1 one place a run: {run.step}, not {made.step}"
        assert made.version == run.version, "R8 a run stays on its version"
        return run

    def _moved(self, made: Decision) -> None:
        run = self._at_its_place(made)
        body = self.live.body(run)
        step = body["steps"][made.step]
        assert self.live.moves(run.journey), f"R49 no steps while {self.live.status[run.journey]}"
        assert made.to in leads_to(step), f"R8 no way leads from {made.step} to {made.to}"
        assert made.at >= min(run.arrived_at, self.moment.now), "R3 time does not go back"
        self._in_time(run, step, made)
        if "experiment" in step:
            self._arm(run, step["experiment"], made)
        self.moved.append((run.id, run.visit, made.branch))
        run.arrive(made.to, run.visit + 1, made.at, self.zone(body))
        self._wants(run)

    def _wants(self, run: Passage) -> None:
        self.ledger.wanted[run.id, run.visit] = run.arrived_at

    def _in_time(self, run: Passage, step: Mapping[str, Any], made: Decision) -> None:
        """Timers fire neither early nor, where nothing paused them, late; windows let pass only while they are open."""
        body, resumed = self.live.body(run), self.live.resumed.get(run.journey, 0)
        wait = step.get("wait", {})
        length = step.get("delay", {}).get("for") or (made.branch == "timeout" and wait.get("timeout", {}).get("after"))
        if length:
            due = plus(run.arrived_at, length, run.zone)
            assert made.at >= due, f"R3 a timer fires {due - made.at} ms early"
            assert made.at == max(due, resumed), f"R3 a timer fires {made.at - max(due, resumed)} ms late"
        zone = self.zone(body)
        if "window" in step:
            assert is_open([step["window"]], made.at, zone), f"R31 it passed {step['window']} at {local(made.at, zone)}"
        until = step.get("delay", {}).get("until") or (
            made.branch == "timeout" and wait.get("timeout", {}).get("until")
        )
        if until and "date" not in until and made.at != resumed:
            late = local(made.at, zone) - local(made.at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
            spread = 10 * MINUTE if self.live.workspace.get("release_spread") == "PT10M" else 0
            over = late.total_seconds() * 1000 - minutes(until["at"]) * MINUTE
            assert 0 <= over <= spread, f"R31 it passed {until} at {local(made.at, zone)}"

    def _arm(self, run: Passage, experiment: Mapping[str, Any], made: Decision) -> None:
        id = f"{run.journey}/{made.step}"
        known = self.ledger.arms.get(id)
        if known not in experiment["arms"]:
            known = self.live.winners.get(id)
        if known not in experiment["arms"]:
            point = share(self.live.id, id, self.ledger.customer)
            for arm, weight in experiment["arms"].items():
                point -= weight
                if point < 0:
                    known = arm
                    break
        assert made.branch == known, f"R9 the arm of {id} is {known}, not {made.branch}"
        self.ledger.arms[id] = made.branch

    # Messages

    def _message(self, made: Decision) -> None:
        ledger = self.ledger
        run = ledger.passages[made.run]
        body = self.live.body(run)
        assert self.live.moves(run.journey), f"R49 no message while {self.live.status[run.journey]}"
        spot = (made.run, made.visit)
        letter = post.Letter(
            body["steps"][made.step]["message"], body, self.live.workspace, self.zone(body), ledger.wanted[spot],
            spot in ledger.deferred,
        )  # fmt: skip
        refused = post.refusals(ledger, run, letter, self.live.id, made.clock)
        reason = next(iter(refused.values()), "")
        told = {gate: said for gate, said in made.data["gates"].items() if gate != "missing" and said != "pass"}
        rules = {"cap": "R10", "quiet_hours": "R37", "held_out": "R17", "window": "R37"}
        rule = rules.get(reason or made.reason, "R37")
        assert (made.reason, told) == (reason, refused), (
            f"{rule} gates: {made.reason} {told}, and should be {reason} {refused}"
        )
        put_off = "deferred_until" in made.data
        assert put_off == post.waits(letter, refused, made.clock), f"R38 put off: {put_off}, refused by {refused}"
        if put_off:
            assert made.data["deferred_until"] > made.clock, "R39 it is asked again later"
        ledger.deferred.add(spot)
        self._letter = letter

    def _request(self, request: SendRequest) -> None:
        ledger, letter = self.ledger, self._letter
        assert request.send_id not in ledger.sent, "R41 no two messages have one id"
        assert request.requested_at == self.moment.clock, "A4 a message is requested by the clock"
        expected = post.send_before(letter, self.moment.clock)
        assert request.send_before == expected, f"R40 send_before is {request.send_before}, not {expected}"
        ledger.sent[request.send_id] = request
        ledger.slots.append(Slot(request, letter.tags))

    # Goals

    def _goal(self, made: Decision) -> None:
        run = self.ledger.passages[made.run]
        body = self.live.body(run)
        assert not run.reached, "R16 a goal counts once per run"
        assert made.at < plus(run.entered_at, body["goal"]["within"], run.entry_zone), (
            "R47 a goal counts within its window"
        )
        assert run.over not in NO_GOAL, f"R47 a run that ended {run.over} reaches no goal"
        run.reached = True
        self.goals.add(run.id)

    # What an event must bring about

    def _expected(self, before: list[Passage]) -> list[Any]:
        """Checks for the end of the input (R6, R16, R27, R28)."""
        event = self.event
        assert event is not None
        checks = []
        for run in self.ledger.passages.values():
            body = self.live.body(run)
            if event.id == run.by or self.live.places(run.journey):
                continue
            if run in before:
                checks += [lambda run=run, rule=rule: self._must_end(run, rule) for rule in body.get("exit", ())
                           if "event" in rule and self._meets(run, rule, event)]  # fmt: skip
                branch = self._must_leave(run, body["steps"][run.step], event)
                if branch is not None:
                    checks.append(lambda run=run, visit=run.visit, branch=branch: self._left(run, visit, branch))
            goal = body.get("goal")
            counts = run.over not in NO_GOAL and not run.erased
            young = goal and self.moment.now < plus(run.entered_at, goal["within"], run.entry_zone)
            if young and counts and not run.reached and self._meets(run, goal, event):
                checks.append(lambda run=run: self._must_reach(run))
        return checks

    def _meets(self, run: Passage, on: Mapping[str, Any], event: Event) -> bool:
        """Whether an event is the one that a place listens to (R24, R26)."""
        heard = on["event"]
        if heard["name"] != event.name or self._too_old(event, self.live.body(run)):
            return False
        if run.key and not heard.get("any_key") and event.properties.get("k") != run.key:
            return False
        return "where" not in on or holds(on["where"], self.ledger, self.moment.now, self.zone(), event.properties)

    def _too_old(self, event: Event, body: Mapping[str, Any]) -> bool:
        return bool(event.timestamp) and plus(event.timestamp, "P1D", self.zone(body)) <= self.moment.now

    def _must_end(self, run: Passage, rule: Mapping[str, Any]) -> None:
        assert run.over, f"R6 {run.id} should have ended {rule['outcome']} by {self.event}"

    def _must_reach(self, run: Passage) -> None:
        assert run.id in self.goals, f"R16 {run.id} should have reached its goal by {self.event}"

    def _must_leave(self, run: Passage, step: Mapping[str, Any], event: Event) -> str | None:
        """The branch by which a run leaves a wait for events; empty: it stays; None: nothing is said."""
        wait = step.get("wait")
        if wait is None or run.held or any("event" not in branch for branch in wait["branches"]) or "since" in wait:
            return None
        found = ""
        for branch in wait["branches"]:
            if self._meets(run, branch, event):
                run.counted[branch["name"]] = run.counted.get(branch["name"], 0) + 1
                if run.counted[branch["name"]] >= branch["count"] and not found:
                    found = branch["name"]
                    break
        if found and not self.live.moves(run.journey):
            run.held = True
            return None
        return found

    def _left(self, run: Passage, visit: int, branch: str) -> None:
        if run.id in self.ended and (run.visit, run.over) and not any(one[:2] == (run.id, visit) for one in self.moved):
            return  # an exit or a goal came first
        by = [one[2] for one in self.moved if one[:2] == (run.id, visit)]
        assert by == ([branch] if branch else []), (
            f"R27 {run.id} should leave its wait by {branch or 'nothing'}, not {by}"
        )

    def _no_exit_is_open(self, run: Passage) -> None:
        for rule in self.live.body(run).get("exit", ()):
            if "condition" in rule:
                open = holds(rule["condition"], self.ledger, self.moment.now, self.zone())
                assert not open, f"R6 {run.id} is still there, and {rule['condition']} holds"

    # Entries

    def _entry(self, journey: str, became: str) -> None:
        if self.event is None or not self._exact(journey):
            return
        if journey not in self.entries:
            self.entries[journey] = (self._entries(journey, self.event), [])
        if became:
            self.entries[journey][1].append(became)

    def _exact(self, journey: str) -> bool:
        """Whether all its entries are by events or calls, so that the oracle knows them all."""
        bodies = [body for (id, _), body in self.live.bodies.items() if id == journey]
        return all(
            "event" in entry or "api" in entry for body in bodies for entry in body["entry"]
        ) and not self.live.places(journey)

    def _entries_met(self, event: Event) -> None:
        """Every entry that was met is recorded (R19)."""
        for journey in self.live.status:
            if self._exact(journey):
                expected, found = self.entries.get(journey) or (self._entries(journey, event), [])
                assert found == expected, f"R23 entries of {journey} by {event}: {found}, and should be {expected}"

    def _entries(self, journey: str, event: Event) -> list[str]:
        """What becomes of the entries of a journey by an event, in their order (R22 to R24, R26, R59)."""
        version, ledger = self.live.taking(journey, self.moment.now), self.ledger
        if not version or self.live.status[journey] == "stopped":
            return []
        body, became = self.live.bodies[journey, version], []
        for entry in body["entry"]:
            if entry.get("event", {}).get("name") != event.name:
                continue
            became.append(self._refusal(journey, body, entry, event, ledger) or "entered")
            if became[-1] == "entered":
                break
        return became

    def _refusal(
        self, journey: str, body: Mapping[str, Any], entry: Mapping[str, Any], event: Event, ledger: Ledger
    ) -> str:
        status, now, zone = self.live.status[journey], self.moment.now, self.zone(body)
        key = entry["event"].get("key", "")
        value = str(event.properties.get(key, "")) if key else ""
        if status in ("paused", "draining"):
            return status
        if self._too_old(event, body):
            return "too_old"
        if key and not value:
            return "key_missing"
        if "where" in entry and not holds(entry["where"], ledger, now, zone, event.properties):
            return "condition"
        present = [run for run in ledger.active(journey) if run.key == value]
        if present and entry.get("while_active", "ignore") == "ignore":
            return "already_in"
        last, reentry = ledger.starts.get((journey, value)), entry.get("reentry", "never")
        again = reentry == "always" or last is None or bool(present)
        if not again and (reentry == "never" or plus(last or 0, reentry.removeprefix("after "), zone) > now):
            return "reentry"
        out = [rule for rule in body.get("exit", ()) if "condition" in rule]
        return "already_out" if any(holds(rule["condition"], ledger, now, zone) for rule in out) else ""

    # At rest

    def at_rest(self, now: int) -> None:
        """When all timers due before `now` have fired."""
        for run in self.ledger.active():
            length = self.live.body(run)["steps"][run.step].get("delay", {}).get("for")
            if length and self.live.moves(run.journey):
                due = max(plus(run.arrived_at, length, run.zone), self.live.resumed.get(run.journey, 0))
                assert due >= now, f"R3 {run.id} should have left its delay {now - due} ms ago"

    def in_segments(self, now: int) -> dict[str, bool]:
        """Segment -> whether the customer belongs to it."""
        found: dict[str, bool] = {}
        for id, body in self.live.segments.items():
            nested = _Nested(self.ledger, found)
            there = (
                holds(body["condition"], nested, now, self.zone()) if "condition" in body else self.ledger.belongs(id)
            )
            found[id] = there and self.ledger.known
        return found


class _Nested:
    """What a segment that names others looks at."""

    def __init__(self, ledger: Ledger, found: Mapping[str, bool]) -> None:
        self.attributes, self.consent, self.times = ledger.attributes, ledger.consent, ledger.times
        self.member = lambda id: found[id]


LONGEST_LIFE = 25 * DAY
"""Of the machine: caps of a month and what the core keeps of slots are longer."""
