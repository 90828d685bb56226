"""A lane without machinery: customers, a catalogue, a clock, and the core; every input goes through three of them.

Each input is handed to the core as it is, and again to what comes back from the records of state and catalogue (A7,
A13): both must decide the same and leave the same bytes. The oracle is told of it, and a log is kept for the replay.
"""

from __future__ import annotations

from typing import Any

from laudstream.conditions.tally import Happened
from laudstream.customers.event import DELETE, ENTER, LEAVE, TRACK, Event
from laudstream.customers.row import Consent, Member, Row, Suppression
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import empty
from laudstream.journey.control import Control
from laudstream.journey.handoff import PACE, Ask, Emitted, Release
from laudstream.journey.inputs import (
    Cause,
    DeliveryInput,
    EventInput,
    GrantInput,
    Input,
    Moment,
    RowInput,
    TimerInput,
    TouchInput,
)
from laudstream.journey.quotas import slot_of
from laudstream.journey.signals import SIGNAL
from laudstream.journey.write import CONSENT, MEMBER, Write
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.simulate.person import Person
from laudstream.simulate.places import Places
from tests.proof import words
from tests.proof.journal import Journal, Taken, records, reread
from tests.proof.live import Definitions
from tests.proof.oracle import Oracle
from tests.proof.standing import asked, in_bulk, stands

WORKSPACE = "workspace1"
STARTS = (1_767_603_600_000, 1_772_787_600_000, 1_792_486_800_000)
"""2026-01-05 09:00 UTC, and two days in March and October after which clocks are changed."""
UNSENT = ("refused", "failed")
"""Kinds of deliveries that prove it."""
CUSTOMERS = ("ann", "bob", "1")
"""The last one is whom `emit … to: entry.k` reaches."""


class Lane:
    def __init__(self, start: int = STARTS[0]) -> None:
        self.start = self.now = start
        self.lag = 0
        """The clock is ahead of lane time by this (ms): the lane was down."""
        self.seq = self.offset = self.revision = self.number = self.signals = 0
        self.catalog = self.restored = Catalog()
        self.live = Definitions(WORKSPACE)
        self.published: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.customers = {id: empty(WORKSPACE, id) for id in CUSTOMERS}
        self.oracles = {id: Oracle(id, self.live) for id in CUSTOMERS}
        self.rows = {id: Person(WORKSPACE, id) for id in CUSTOMERS}
        self.places = Places()
        self.slots: dict[str, int] = {}
        """Journey -> the last slot of its pace that was given."""
        self.journal = Journal(WORKSPACE)
        self.coming: list[tuple[str, Any]] = []
        """(customer, what lanes or the projector have written and is not handled yet), in its order."""
        self.handed: list[tuple[str, Event]] = []
        self.requests: list[SendRequest] = []
        self.proven: dict[str, int] = {}
        """Message -> when it was sent, ms."""
        self.deliveries: list[Delivery] = []

    # Control

    def publish(self, kind: str, id: str, body: dict[str, Any], status: str = "live", part: int = 0) -> int:
        """Another version of a definition, with the control record that brings it; its number."""
        others = [number for (other, name, number) in self.published if (other, name) == (kind, id)]
        version = self.signals + 1 if kind == SIGNAL else 1 + max(others, default=0)
        self.signals += kind == SIGNAL
        self.published[kind, id, version] = body
        self.live.publish(kind, id, version, body)
        self.control(kind, id, version, status, part)
        return version

    def control(self, kind: str, id: str, version: int, status: str, part: int = 0) -> None:
        """A control record, and a look at everybody whom it concerns."""
        self.until(self.now + 1)
        self.seq += 1
        control = Control(self.seq, WORKSPACE, kind, id, version, status, share=part)
        self.catalog = self.catalog.apply(control, self.now, self._body)
        self.restored = Catalog.load(self.catalog.entries(), self._body)
        assert self.restored.entries() == self.catalog.entries(), "A9 the catalogue comes back as it was"
        self.live.control(kind, id, version, status, self.now, part, self.published.get((kind, id, version), {}))
        if len(self.published) > len(words.JOURNEYS):
            for customer in CUSTOMERS:
                self.hand(customer, TouchInput(self.seq))

    def _body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return self.published[kind, id, version]

    # Inputs

    def cause(self) -> Cause:
        self.offset += 1
        return "laudstream.events", 0, self.offset

    def hand(self, customer: str, input: Input, *, again: bool = False) -> None:
        """`again`: it was handled before, and must change nothing."""
        before, moment = self.customers[customer], Moment(self.now, self.now + self.lag)
        outcome = advance(before, input, moment, self.catalog)
        shadow = advance(reread(before), input, moment, self.restored)
        assert shadow.effects == outcome.effects, "A13 what is read back decides the same"
        assert records(shadow.customer) == records(outcome.customer), "A13 what is read back leaves the same bytes"
        assert not outcome.parked, f"A6 nothing fails: {outcome.effects}"
        if outcome.customer is before:
            assert outcome.effects == [], "A7 what changes nothing decides nothing"
        if again:
            assert outcome.customer is before, f"R2 {input} came a second time, and changes something"
        self.journal.log.append(Taken(customer, input, moment, self.catalog, outcome.effects))
        self.customers[customer] = outcome.customer
        if not again:
            self.oracles[customer].take(input, moment, outcome.effects)
        for effect in outcome.effects:
            self._carry(customer, effect)
        stands(self.customers[customer], self.oracles[customer].ledger, self.catalog)

    def _carry(self, customer: str, effect: Any) -> None:
        if isinstance(effect, SendRequest):
            self.requests.append(effect)
        elif isinstance(effect, Ask | Emitted | Write):
            self.coming.append((customer, effect))
        elif isinstance(effect, Release):
            self.places.release(effect)

    def track(
        self, customer: str, name: str, properties: dict[str, Any], age: int, received: int = 0, type: str = TRACK
    ) -> None:
        self.number += 1
        event = Event(f"m{self.number}", type, name, properties, self.now - age, received or self.now)
        self.handed.append((customer, event))
        self.event(customer, event)

    def event(self, customer: str, event: Event, emitted: Emitted | None = None) -> None:
        """What a run emitted for its own customer is of the life of that run (R15)."""
        ledger = self.oracles[customer].ledger
        run = ledger.passages.get(emitted.run) if emitted is not None else None
        again = (
            ledger.had(event.id, self.now)
            or ledger.gone_since(event.received, self.now)
            or (run is not None and run.erased)
        )
        self.hand(customer, EventInput(self.cause(), event, emitted and emitted.life), again=again)

    def row(self, customer: str, row: Row | Consent | Member | Suppression) -> None:
        self.hand(customer, RowInput(self.cause(), row))

    def identify(self, customer: str, attributes: dict[str, Any], *, by_event: bool) -> None:
        """Merges attributes into the row; it comes by CDC, or inside the identify."""
        row = self.rows[customer].upsert(attributes, self.revise(), self.now)
        if not by_event:
            self.row(customer, row)
            return
        self.number += 1
        self.hand(
            customer,
            EventInput(self.cause(), Event(f"m{self.number}", "identify", "", {}, self.now, self.now, row=row)),
        )

    def delete(self, customer: str, ago: int = 0, *, by_event: bool = False) -> None:
        """`ago`: how long PostgreSQL deleted the row before the lane learns of it, ms. `by_event`: from the API, and by
        CDC when somebody may be back."""
        gone = self.rows[customer].delete(self.revise(), self.now - ago)
        if gone is not None and by_event:
            self.number += 1
            told = Event(f"m{self.number}", DELETE, "", {}, gone.at, gone.at, row=gone)
            self.hand(customer, EventInput(self.cause(), told))
        if gone is not None:
            self.row(customer, gone)
            assert self.customers[customer].core.runs == (), "R15 a deletion ends all runs"
            self.coming = [
                (who, what) for who, what in self.coming if who != customer or isinstance(what, Emitted | Ask)
            ]
            self.until(self.now + 1)

    def revise(self) -> int:
        self.revision += 1
        return self.revision

    def carry(self) -> None:
        """The first of what lanes and the projector wrote is handled (A11, A19, R52)."""
        customer, effect = self.coming.pop(0)
        if isinstance(effect, Ask):
            grant = self.places.ask(effect, self.catalog, self.now + self.lag)
            ((_, run),) = effect.places
            slot = slot_of(grant, 0)
            if effect.of == PACE:
                last = self.slots.get(effect.journey, 0)
                assert slot > last, f"A11 each slot is given once: {slot} of {effect.journey} comes after {last}"
                self.slots[effect.journey] = slot
            answer = GrantInput(self.cause(), effect.journey, run, bool(grant.granted), grant.most, grant.of, slot)
            self.hand(customer, answer)
        elif isinstance(effect, Emitted):
            if effect.customer in self.customers:
                self.event(effect.customer, effect.event, effect)
        else:
            self._written(customer, effect)

    def _written(self, customer: str, write: Write) -> None:
        row = self.rows[customer].carry_out(write, self.revise(), self.now)
        if row is None:
            return
        for name, value in write.attributes.items():
            if write.op == CONSENT:
                channel, _, subscription = name.partition("/")
                self.row(customer, Consent(channel, subscription, value, self.revise()))
            elif write.op == MEMBER:
                self.row(customer, Member(name, value, self.revise()))
        self.row(customer, row)

    def deliver(self, made: Delivery) -> None:
        self.deliveries.append(made)
        gone = self.oracles[made.customer].ledger.passages[made.run].erased
        before = self.customers[made.customer]
        self.hand(made.customer, DeliveryInput(self.cause(), made))
        assert not gone or self.customers[made.customer] is before, f"R15 {made} is of a life that is over"
        self.hand(made.customer, DeliveryInput(self.cause(), made), again=True)

    def unsent(self) -> set[str]:
        """Messages that never left."""
        return {made.send_id for made in self.deliveries if made.kind in UNSENT}

    # Time

    def until(self, at: int) -> None:
        """Timers that are due before `at` fire, in their order; one that is due just then waits for inputs (R30)."""
        clock = self.now + self.lag
        for _ in range(2_000):
            due = min(
                ((one.core.wake_at, id) for id, one in self.customers.items() if one.core.wake_at), default=(at, "")
            )
            if due[0] >= at:
                break
            assert due[0] >= self.now or self.customers[due[1]].core.wake_at < self.now, "R3 timers in their order"
            self.now = max(self.now, due[0])
            self.lag = max(0, clock - self.now)
            before = self.customers[due[1]]
            self.hand(due[1], TimerInput(due[0]))
            assert self.customers[due[1]] is not before, "R3 a timer that is due does something"
        else:
            raise AssertionError("R51 timers do not come to rest")
        self.now = max(self.now, at)
        self.lag = max(0, clock - self.now)
        for oracle in self.oracles.values():
            oracle.at_rest(self.now)

    # Recovery

    def commit(self) -> None:
        self.journal.commit(self.customers)

    def crash(self) -> None:
        self.customers = self.journal.crash(self.customers)
        self.catalog = self.restored

    def replay(self) -> None:
        self.journal.replay(self.customers)

    def asked(self, condition: dict[str, Any]) -> None:
        """Of everybody, with the events that were handed in."""
        for id, state in self.customers.items():
            mine = [each for who, each in self.handed if who == id and each.type == TRACK]
            happened = [Happened(each.name, each.properties, each.timestamp, each.received) for each in mine]
            asked(state, condition, happened, self.catalog, self.now)

    def in_bulk(self, customer: str) -> None:
        in_bulk(self.customers[customer], self.catalog, self.seq, self.now)


TYPES = {"enter": ENTER, "leave": LEAVE}
