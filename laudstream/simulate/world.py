"""A virtual world: people, definitions and a clock that only moves when it is told to.

What happens is worked through in the order of lanes (A4, A5, R30): by time; at the same instant rows, answers of
quotas and deliveries before events, and inputs before timers; timers by (due, customer). There is one lane without any
delay: an input is handled when it happens, a timer when it is due, and `clock` is `now`. The same inputs, definitions
and seed give the same decisions, byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any

from laudstream import topics
from laudstream.customers.event import Event
from laudstream.customers.row import Consent, Member, Row, Suppression
from laudstream.errors import Broken
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.decision import Decision
from laudstream.journey.inputs import (
    Cause,
    DeliveryInput,
    EventInput,
    GrantInput,
    Input,
    Moment,
    Outcome,
    RowInput,
    TimerInput,
)
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.simulate import merging
from laudstream.simulate.chooser import Chooser, bring_winners
from laudstream.simulate.definitions import Definitions
from laudstream.simulate.effects import EFFECTS, Happening
from laudstream.simulate.person import Person
from laudstream.simulate.places import Places
from laudstream.simulate.post import Post
from laudstream.simulate.sender import Sender

WORKSPACE = "simulated"
NEVER = 1 << 62
TOLD_EVERY = 4_096


class World:
    """`decided` is told of every decision, `requested` and `delivered` of messages and what becomes of them."""

    def __init__(self, *, now: int, workspace: str = WORKSPACE, sender: Sender | None = None, ids: bool = True) -> None:
        """`ids`: whether decisions get their ids, which cost as much as all else of a small input."""
        self.now = now
        self.ids = ids
        self.workspace = workspace
        self.sender = Sender() if sender is None else sender
        self.catalog = Catalog()
        self.people: dict[str, Person] = {}
        self.places = Places()
        self.decided: Callable[[Decision], object] = _nothing
        self.requested: Callable[[SendRequest], object] = _nothing
        self.delivered: Callable[[Delivery], object] = _nothing
        self.handled: Counter[str] = Counter()
        """Inputs that were worked through, by kind: events, rows, deliveries, grants, emitted, timers, touches."""
        self._revision = 0
        self._offsets = dict.fromkeys(topics.LANE_INPUTS, 0)
        self._timers: list[tuple[int, str]] = []
        self._coming: list[tuple[int, int, int, str, Happening, Any]] = []
        self._came = 0
        self._moment = Moment(now, now, ids=ids)
        self.chooser = Chooser()
        self.definitions = Definitions(self)

    # Inputs

    def person(self, id: str) -> Person:
        """The customer of that id; one of whom nothing is known if there is none yet."""
        found = self.people.get(id)
        if found is None:
            found = self.people[id] = Person(self.workspace, id)
        return found

    def cause(self, topic: str) -> Cause:
        """The next place in a log."""
        offset = self._offsets[topic]
        self._offsets[topic] = offset + 1
        return topic, 0, offset

    def revise(self) -> int:
        """The next revision of a row (A16)."""
        self._revision += 1
        return self._revision

    def insert(self, id: str, attributes: dict[str, Any]) -> None:
        """Creates a customer's row, or merges attributes into it, now."""
        person = self.person(id)
        self.row(person, person.upsert(attributes, self.revise(), self.now))

    def delete(self, id: str) -> None:
        """Deletes a customer, now (R15)."""
        person = self.person(id)
        gone = person.delete(self.revise(), self.now)
        if gone is not None:
            self.row(person, gone)

    def row(self, person: Person, row: Row | Consent | Suppression | Member) -> None:
        """A row as it comes by CDC, now."""
        self.handled["rows"] += 1
        self.hand(person, RowInput(self.cause(topics.ROWS), row), self.now)

    def deliver(self, delivery: Delivery, person: Person | None = None) -> None:
        """A delivery, now; `person`: whose it is."""
        self.handled["deliveries"] += 1
        self.delivered(delivery)
        if self.chooser.open:
            self.chooser.delivered(delivery)
        if person is None:
            person = self.person(delivery.customer)
        self.hand(person, DeliveryInput(self.cause(topics.DELIVERIES), delivery), self.now)

    def grant(self, person: Person, answer: GrantInput) -> None:
        """The answer of a quota, now."""
        self.handled["grants"] += 1
        self.hand(person, answer, self.now)

    def emitted(self, person: Person, event: Event, life: int | None) -> None:
        """An event that a run emitted, now (R52); `life`: of its own customer (R15)."""
        self.handled["emitted"] += 1
        self.hand(person, EventInput(self.cause(topics.HANDOFFS), event, life), self.now)

    def post(self, post: Post) -> None:
        """An event, and all that comes before it."""
        self.play((post,))

    def play(self, posts: Iterable[Post], told: Callable[[int], object] | None = None) -> None:
        """Hands in events, the earliest first; before each what happens and is due earlier. None is before `now`.

        `told` is called with the number of events now and then.
        """
        timers, coming, people = self._timers, self._coming, self.people
        topic, offset = topics.EVENTS, self._offsets[topics.EVENTS]
        first = offset
        moment, ids = Moment(-1, -1), self.ids
        for at, id, event in posts:
            if (timers and timers[0][0] < at) or (coming and coming[0][0] <= at):
                self._offsets[topic] = offset
                self._work(at, at)
                offset = self._offsets[topic]
            if at != moment.now:
                if at < self.now:
                    raise Broken(f"an event at {at} comes after {self.now}: sort them by time")
                self.now = at
                self._moment = moment = Moment(at, at, 0, ids)
            person = people.get(id)
            if person is None:
                person = self.person(id)
            if event.type == "identify":
                event = self._identified(person, event, at)
            elif event.type == "alias":
                merging.merge_once(self, event.properties["previousId"], id)
                continue
            customer = person.customer
            outcome = advance(customer, EventInput((topic, 0, offset), event), moment, self.catalog)
            offset += 1
            if outcome.effects or outcome.parked:
                self._take(person, outcome)
            elif outcome.customer is not customer:
                person.customer = outcome.customer
                wake_at = outcome.customer.core.wake_at
                if wake_at and (not person.hint or wake_at < person.hint):
                    self._note(person, wake_at)
            if told is not None and not (offset - first) % TOLD_EVERY:
                told(TOLD_EVERY)
        self._offsets[topic] = offset
        self.handled["events"] += offset - first
        if told is not None:
            told((offset - first) % TOLD_EVERY)

    def _identified(self, person: Person, event: Event, at: int) -> Event:
        """The event with the row as PostgreSQL would have returned it (A17)."""
        row = person.upsert(event.properties, self.revise(), at)
        return Event(event.id, event.type, "", {}, event.timestamp, event.received, row=row)

    # Time

    def until(self, at: int) -> None:
        """Works through what happens up to `at` (ms) and the timers that are due by then."""
        if at < self.now:
            raise Broken(f"time does not go back: it is {self.now}, not {at}")
        self._work(at, at + 1)
        self.now = at

    def until_inputs(self, at: int) -> None:
        """As `until`, but timers that are due just then wait for more inputs (R30)."""
        self._work(at, at)

    def drain(self, at: int) -> None:
        """Works through what happens up to `at` (ms) and stays at the last of it."""
        self._work(at, at + 1)

    def next_at(self) -> int:
        """When something happens or is due next, ms; NEVER: nothing will."""
        while self._timers:
            at, id = self._timers[0]
            person = self.people[id]
            if person.hint == at and person.customer.core.wake_at == at:
                break
            heappop(self._timers)
            self._renew(person, at)
        return min(self._timers[0][0] if self._timers else NEVER, self._coming[0][0] if self._coming else NEVER)

    def later(self, at: int, rank: int, customer: str, happen: Happening, what: Any) -> None:
        """Something happens to a customer at `at` (ms), among what happens then by rank."""
        self._came += 1
        heappush(self._coming, (max(at, self.now), rank, self._came, customer, happen, what))

    def _work(self, inputs_to: int, timers_before: int) -> None:
        """What happens up to and with one instant, and timers due before another."""
        timers, coming, people = self._timers, self._coming, self.people
        while True:
            due = timers[0][0] if timers else NEVER
            if coming and coming[0][0] <= due:  # inputs before timers of the same instant (R30)
                at, _, _, id, happen, what = coming[0]
                if at > inputs_to:
                    return
                heappop(coming)
                self.now = max(self.now, at)
                happen(self, self.person(id), what)
                continue
            if due >= timers_before:
                return
            at, id = heappop(timers)
            person = people[id]
            if person.hint == at and person.customer.core.wake_at == at:
                person.hint = 0
                self.now = max(self.now, at)
                self.handled["timers"] += 1
                self.hand(person, TimerInput(at), at)
            else:
                self._renew(person, at)

    def _renew(self, person: Person, at: int) -> None:
        """A timer was noted for `at`, and is due at another time, if any."""
        if person.hint == at:
            person.hint = 0
            self._wake(person)

    def _note(self, person: Person, at: int) -> None:
        person.hint = at
        heappush(self._timers, (at, person.customer.id))

    def _wake(self, person: Person) -> None:
        wake_at = person.customer.core.wake_at
        if wake_at and (not person.hint or wake_at < person.hint):
            self._note(person, wake_at)

    # What comes of it

    def hand(self, person: Person, input: Input, at: int) -> None:
        """Hands an input over that counts as having happened `at` (ms)."""
        moment = self._moment
        if moment.now != at or moment.clock != self.now:
            self._moment = moment = Moment(at, self.now, 0, self.ids)
        before = person.customer
        outcome = advance(before, input, moment, self.catalog)
        if outcome.effects or self.chooser.open:
            self._take(person, outcome)
        else:
            person.customer = outcome.customer
            if outcome.customer.core is not before.core:
                self._wake(person)

    def _take(self, person: Person, outcome: Outcome) -> None:
        person.customer = outcome.customer
        chooser = self.chooser if self.chooser.open else None
        decided = self.decided
        for effect in outcome.effects:
            kind = type(effect)
            if kind is Decision:
                decided(effect)  # type: ignore[arg-type]  # its type was asked just now
                if chooser is not None:
                    chooser.decided(effect)  # type: ignore[arg-type]
                continue
            carry_out = EFFECTS.get(kind)
            if carry_out is None:
                name = kind.__name__
                raise Broken(f"the virtual world does not know the effect {name}: add it to simulate/effects.py")
            carry_out(self, person, effect)
        wake_at = outcome.customer.core.wake_at
        if wake_at and (not person.hint or wake_at < person.hint):
            self._note(person, wake_at)
        if chooser is not None:
            bring_winners(self, person)


def _nothing(_: object) -> None:
    pass
