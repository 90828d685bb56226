"""The oracle: reads what was handed in and what came out, and says which rule was broken.

It sees inputs, decisions, send requests, writes and questions for places, in their order; never the state of the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laudstream.customers.event import DELETE, ENTER, LEAVE, Event
from laudstream.customers.row import Row
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import ARM, PACE, Ask
from laudstream.journey.inputs import (
    DeliveryInput,
    EventInput,
    GrantInput,
    Input,
    Moment,
    RowInput,
    TouchInput,
)
from laudstream.journey.write import Write
from laudstream.messages.request import SendRequest
from tests.proof import assignment, membership, migrations, post, times
from tests.proof.contest import Contest
from tests.proof.entrance import Entrance
from tests.proof.hearing import Hearing
from tests.proof.ledger import Ledger, Passage, Slot
from tests.proof.live import Definitions
from tests.proof.meaning import DAY, holds, leads_to


class Oracle:
    """One customer."""

    def __init__(self, customer: str, definitions: Definitions) -> None:
        self.ledger = Ledger(customer)
        self.live = definitions
        self.contest = Contest(self.ledger)
        self.moment = Moment(0, 0)
        self.event: Event | None = None

    def zone(self, body: Mapping[str, Any] | None = None) -> str:
        """The customer's, else the journey's, else the workspace's (R11)."""
        own = self.ledger.attributes().get("timezone")
        return str(
            own or (body or {}).get("settings", {}).get("time_zone") or self.live.workspace.get("time_zone", "UTC")
        )

    # An input

    def take(self, input: Input, moment: Moment, effects: list[Any]) -> None:
        """All that an input brought about. Raises AssertionError with the rule that was broken."""
        self.moment, self.event = moment, None
        ledger, live, now = self.ledger, self.live, moment.now
        before = ledger.active()
        self._told(input)
        self.hearing = Hearing(ledger, live, now, self.zone, self.event)
        self.entrance = Entrance(ledger, live, now, self.zone, self.event)
        self.contest.begin()
        checks = self.hearing.by_event(before) if self.event is not None else []
        if isinstance(input, DeliveryInput):
            checks = self.hearing.by_delivery(before, input.delivery)
        if isinstance(input, TouchInput):
            checks = migrations.expected(ledger, live, now)
        for effect in effects:
            self._effect(effect)
        row = input.event.row if isinstance(input, EventInput) else getattr(input, "row", None)
        if isinstance(row, Row) and row.deleted and not ledger.known:
            assert not ledger.active(), "R15 a deletion ends all runs"
        if isinstance(input, TouchInput):
            gone = [run.id for run in ledger.active() if live.status[run.journey] == "stopped"]
            assert not gone, f"R7 a stop ends the runs: {gone}"
        for check in checks:
            check()
        if not isinstance(input, EventInput) or input.event.type not in (ENTER, LEAVE):
            self.entrance.check(live.status)
        if live.signals and ledger.row is not None and ledger.created_at <= live.signals[-1].at:
            ledger.heard = live.signals[-1].number
        self.hearing.no_exit_is_open()

    def _told(self, input: Input) -> None:
        ledger, now = self.ledger, self.moment.now
        if isinstance(input, EventInput):
            event = input.event
            if event.row is not None:
                ledger.rows(event.row, now)
            if event.type == DELETE:
                return
            ledger.event(event.id, event.name if event.type == "track" else "", event.timestamp, now)
            self.event = event if event.type == "track" else None
        elif isinstance(input, RowInput):
            ledger.rows(input.row, now)
        elif isinstance(input, DeliveryInput):
            told = input.delivery
            ledger.delivered(told, self.live.tags(told.journey, told.version, told.step), now)
        elif isinstance(input, GrantInput) and input.of == PACE:
            self.contest.granted(input.run, input.slot)
        elif isinstance(input, GrantInput) and input.of.startswith(ARM) and input.granted:
            assignment.granted(ledger, self.live, input.of.removeprefix(ARM))

    def _effect(self, effect: Any) -> None:
        if isinstance(effect, Decision):
            self._decision(effect)
        elif isinstance(effect, SendRequest):
            self._request(effect)
        elif isinstance(effect, Write):
            self.ledger.wrote(effect)
        elif isinstance(effect, Ask) and effect.of == PACE:
            self.contest.asks(effect)
        elif isinstance(effect, Ask) and not effect.of.startswith(ARM):
            assert self.live.status[effect.journey] == "live", "R49 nobody asks for a place but of a live journey"
            ((_, run),) = effect.places
            heard = [str(each.number) for each in self.entrance.signals]
            since = self.live.published[effect.journey][-1]
            self.ledger.asked[run] = f"signal {' '.join(heard)}" if heard else f"since {since}"

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
                self.entrance.became(made.journey, made.reason)
            case "moved":
                self._moved(made)
            case "migrated":
                self._migrated(made)
            case "ended":
                self._ended(made)
            case "message":
                self._message(made)
            case "goal":
                self._goal(made)
            case "segment":
                change = ledger.members.add if made.data["change"] == "entered" else ledger.members.discard
                change(made.data["segment"])
            case "deleted":
                assert not ledger.known, "R15 who is told of as deleted is gone"
            case "failed":
                raise AssertionError(f"A6 nothing fails: {made.data}")

    def _entered(self, made: Decision) -> None:
        ledger, journey = self.ledger, made.journey
        self.entrance.became(journey, "entered")
        assert made.run not in ledger.passages, "R1 a run begins once"
        status, asks = self.live.status[journey], self.live.counts(journey)
        assert status == "live" or asks, f"R49 no entry: {status}"
        taking = self.live.taking(journey, made.at, ledger.customer)
        assert made.version == taking or made.run in ledger.asked, (
            f"R8 a run is of the version that takes entries: {made.version}, not {taking}"
        )
        body = self.live.bodies[journey, made.version]
        assert made.to == body["start"], "R19 a run begins at the start"
        event = self.event.id if self.event is not None else ""
        run = Passage(made, event, self.zone(body))
        twins = [other for other in ledger.active(journey) if other.key == run.key]
        assert not twins, "R23 one run of a journey and a key at a time"
        if "signal" in made.data:
            self._signalled(journey, made.data["signal"])
        run.limit = body.get("max_entries", 0)
        run.occurrence = f"{ledger.asked.get(run.id, '')} {made.data.get('number', '')}"
        ledger.passages[run.id] = run
        ledger.starts[journey, run.key] = made.at
        ledger.counts[journey, "entered"] += 1
        self._wants(run)

    def _signalled(self, journey: str, name: str) -> None:
        self.ledger.signalled[journey, name] += 1
        times, since = self.ledger.signalled[journey, name], self.ledger.created_at
        sent = sum(each.name == name and 0 < since <= each.at for each in self.live.signals)
        assert times <= sent, f"R34 {self.ledger.customer} entered {journey} {times} times by {sent} signals"

    def _at_its_place(self, made: Decision) -> Passage:
        run = self.ledger.passages.get(made.run)
        assert run is not None, f"R1 a run that never began cannot be {made.kind}"
        assert not run.over, f"R1 a run that is not there cannot be {made.kind}"
        assert (run.step, run.visit) == (made.step, made.visit), f"R1 one place a run: {run.step}, not {made.step}"
        assert made.version == run.version or made.kind == "migrated", "R8 a run stays on its version"
        return run

    def _moved(self, made: Decision) -> None:
        run = self._at_its_place(made)
        body = self.live.body(run)
        step = body["steps"][made.step]
        assert self.live.moves(run.journey), f"R49 no steps while {self.live.status[run.journey]}"
        assert made.to in leads_to(step), f"R8 no way leads from {made.step} to {made.to}"
        asked = made.run in self.ledger.asked  # then it hears what came meanwhile (R55)
        earliest = run.entered_at if asked else self.moment.now
        assert made.at >= min(run.arrived_at, earliest), "R3 time does not go back"
        times.left_in_time(self.live, run, step, made, self.zone(body))
        if "split" in step:
            self._split(step["split"], made, body)
        if "experiment" in step:
            assignment.arm(self.ledger, self.live, run, step["experiment"], made)
        self.hearing.left(run, made.branch)
        run.arrive(made.to, run.visit + 1, made.at, self.zone(body))
        self._wants(run)

    def _split(self, split: Mapping[str, Any], made: Decision, body: Mapping[str, Any]) -> None:
        """The first branch whose condition holds; what runs do themselves is put into conditions on the past later."""
        condition = split["branches"][0]["condition"]
        if "'message'" in repr(condition) or "'run'" in repr(condition):
            return
        there = holds(condition, self.ledger, made.at, self.zone(body))
        expected = split["branches"][0]["next"] if there else split["else"]
        assert made.to == expected, f"R29 {condition} is {there}, and leads to {expected}, not {made.to}"

    def _migrated(self, made: Decision) -> None:
        run = self._at_its_place(made)
        migrations.moved(self.live, run, made)
        run.version = made.version
        body = self.live.body(run)
        run.entry_zone = self.zone(body)
        run.arrive(made.to, run.visit + 1, made.at, self.zone(body))
        self._wants(run)

    def _ended(self, made: Decision) -> None:
        run = self._at_its_place(made)
        if made.reason == "restarted":  # for an entry that is recorded next
            self.entrance.became(made.journey, "")
        if made.reason == "migrated":
            migrations.ended(self.live, run, made)
        run.over, run.outcome = made.outcome or made.reason, made.outcome
        if made.outcome:
            self.ledger.counts[made.journey, "completed"] += 1
            self.hearing.out(run)
        self.hearing.ended.add(run.id)
        self.contest.gone(run.id)

    def _wants(self, run: Passage) -> None:
        self.ledger.wanted[run.id, run.visit] = run.arrived_at
        self.contest.arrived(run, self.live.body(run))

    # Messages

    def _message(self, made: Decision) -> None:
        ledger = self.ledger
        run = ledger.passages[made.run]
        body = self.live.body(run)
        if made.reason == "pace":  # the answer to a question; it may come in a pause, and nothing is sent by it
            self.contest.paced(run, made, self.moment.clock)
            return
        assert self.live.moves(run.journey), f"R49 no message while {self.live.status[run.journey]}"
        self.contest.decided(run, made, body)
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
        elif not reason:
            current = self.live.bodies[run.journey, self.live.current(run.journey)]
            self.contest.requested(run, made, body, current)
        ledger.deferred.add(spot)
        self._letter = letter

    def _request(self, request: SendRequest) -> None:
        ledger, letter = self.ledger, self._letter
        assert request.send_id not in ledger.sent, "R41 no two messages have one id"
        assert request.requested_at == self.moment.clock, "A4 a message is requested by the clock"
        expected = post.send_before(letter, self.moment.clock)
        assert request.send_before == expected, f"R40 send_before is {request.send_before}, not {expected}"
        ledger.sent[request.send_id] = request
        if letter.facing:
            ledger.slots.append(Slot(request, letter.tags))

    def _goal(self, made: Decision) -> None:
        run = self.ledger.passages[made.run]
        self.hearing.reached(run, made)
        self.ledger.counts[run.journey, "converted"] += 1

    # At rest

    def at_rest(self, now: int) -> None:
        """When all timers due before `now` have fired."""
        times.at_rest(self.live, self.ledger.active(), now)

    def in_segments(self, now: int) -> dict[str, bool]:
        """Segment -> whether the customer belongs to it."""
        return membership.of(self.ledger, self.live, now, self.zone())


LONGEST_LIFE = 25 * DAY
"""Of the machine: caps of a month and what the core keeps of slots are longer."""
