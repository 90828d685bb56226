"""A customer in a test: does things, and is asked what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from laudstream.customers.row import Consent, Suppression
from laudstream.journey.decision import Decision
from laudstream.messages.request import SendRequest
from laudstream.simulate.merging import merge
from laudstream.simulate.sender import Fate, delivery
from laudstream.simulate.words import line, when

if TYPE_CHECKING:
    from laudstream.testing.world import World


class Message(NamedTuple):
    """A message that was requested for the customer."""

    template: str
    at: datetime
    """In the zone of the workspace."""
    journey: str
    step: str
    request: SendRequest


class Customer:
    """Asserts raise AssertionError with what was expected, what was found, and the customer's whole timeline."""

    def __init__(self, world: World, id: str) -> None:
        self.world = world
        self.id = id

    # What the customer does

    def track(self, event: str, properties: dict[str, Any] | None = None, /, **more: Any) -> None:
        """Does something, now."""
        self.world.post(self.id, "track", event, {**(properties or {}), **more})

    def identify(self, traits: dict[str, Any] | None = None, /, **more: Any) -> None:
        """Traits are merged into the customer's attributes, now."""
        self.world.post(self.id, "identify", "", {**(traits or {}), **more})

    def consent(self, status: str, channel: str = "email", subscription: str = "") -> None:
        """`subscribed`, `unsubscribed`, `pending` or `unknown` (R12)."""
        engine = self.world.engine
        engine.row(engine.person(self.id), Consent(channel, subscription, status, engine.revise()))

    def unsubscribe(self, channel: str = "email", subscription: str = "") -> None:
        self.consent("unsubscribed", channel, subscription)

    def suppress(self, channel: str = "email", reason: str = "bounced") -> None:
        """Nothing goes to this customer on the channel any more."""
        engine = self.world.engine
        engine.row(engine.person(self.id), Suppression(channel, reason, engine.revise()))

    def merge_into(self, other: Customer) -> None:
        """This customer turns out to be another one, now: all that is its is that one's (R50)."""
        engine = self.world.engine
        merge(engine, self.id, other.id)
        engine.until_inputs(engine.now)

    def delete(self) -> None:
        """The customer is deleted (R15)."""
        self.world.engine.delete(self.id)

    # What becomes of messages

    def deliver(self, template: str, kind: str = "delivered", *, reason: str = "") -> None:
        """The last message of that template has this delivery, now: sent, delivered, bounced, opened, clicked, …"""
        requests = [message.request for message in self.messages if message.template == template]
        if not requests:
            self._fail(f"{self.id} has got no {template!r} that could be {kind}")
        engine = self.world.engine
        engine.deliver(delivery(requests[-1], Fate(engine.now, kind, reason)))
        engine.until_inputs(engine.now)

    def opens(self, template: str) -> None:
        self.deliver(template, "opened")

    def clicks(self, template: str) -> None:
        self.deliver(template, "clicked")

    def bounces(self, template: str) -> None:
        self.deliver(template, "bounced", reason="no_such_address")

    # What became of the customer

    @property
    def attributes(self) -> dict[str, Any]:
        """As journeys see them."""
        return self.world.engine.person(self.id).customer.attributes

    @property
    def messages(self) -> list[Message]:
        """In the order in which they were requested; those of customers who turned out to be this one too."""
        zone, ids = self.world.zone, self._ids()
        return [
            Message(one.template, datetime.fromtimestamp(one.requested_at / 1000, zone), one.journey, one.step, one)
            for one in self.world.requests
            if one.customer in ids
        ]

    @property
    def decisions(self) -> list[Decision]:
        ids = self._ids()
        return [made for made in self.world.decisions if made.customer in ids]

    def _ids(self) -> set[str]:
        """Its id, and those of its aliases."""
        people = self.world.engine.people
        found, fresh = {self.id}, {self.id}
        while fresh:
            fresh = {id for id, person in people.items() if person.customer.identity.root in fresh}
            found |= fresh
        return found

    def step(self, journey: str = "") -> str:
        """The step at which the last run (of that journey) stands; empty if there is none."""
        runs = [run for run in self.world.engine.person(self.id).customer.core.runs if journey in ("", run.journey)]
        return runs[-1].step if runs else ""

    def path(self, journey: str = "") -> list[str]:
        """All steps that the last run came to, in their order."""
        run = next((made.run for made in reversed(self.decisions) if self._entered(made, journey)), "")
        return [made.to for made in self.decisions if made.run == run and made.kind in ("entered", "moved", "migrated")]

    @staticmethod
    def _entered(made: Decision, journey: str) -> bool:
        return made.kind == "entered" and journey in ("", made.journey)

    def timeline(self) -> str:
        """Every decision, a line each."""
        zone = self.world.zone
        lines = [f"  {when(made.at, zone)}  {line(made)}" for made in self.decisions]
        return "\n".join(lines or ["  nothing was decided"])

    # Asserts

    def assert_messages(self, *templates: str) -> None:
        """These and no others, in this order."""
        __tracebackhide__ = True
        found = [message.template for message in self.messages]
        if found != list(templates):
            self._fail(f"expected {self.id} to get {_list(templates)}", f"but {self.id} got {_list(found)}")

    def assert_at(self, step: str, journey: str = "") -> None:
        """The run stands at this step."""
        __tracebackhide__ = True
        found = self.step(journey)
        if found != step:
            where = f"at {found!r}" if found else "in no journey"
            self._fail(f"expected {self.id} to be at {step!r}", f"but {self.id} is {where}")

    def assert_path(self, *steps: str, journey: str = "") -> None:
        """The last run came to these steps and no others."""
        __tracebackhide__ = True
        found = self.path(journey)
        if found != list(steps):
            self._fail(f"expected the way of {self.id} to be {_way(steps)}", f"but it is {_way(found)}")

    def assert_ended(self, how: str, journey: str = "") -> None:
        """The last run that ended did so with this outcome, or for this reason."""
        __tracebackhide__ = True
        ends = [made for made in self.decisions if made.kind == "ended" and journey in ("", made.journey)]
        found = (ends[-1].outcome or ends[-1].reason) if ends else ""
        if found != how:
            said = f"but it ended with {found!r}" if found else "but no run of it has ended"
            self._fail(f"expected the run of {self.id} to end with {how!r}", said)

    def assert_not_entered(self, reason: str = "", journey: str = "") -> None:
        """The last entry that was met was refused; for this reason, if one is given."""
        __tracebackhide__ = True
        asked = [
            made for made in self.decisions if made.kind in ("entered", "not_entered") and journey in ("", made.journey)
        ]
        last = asked[-1] if asked else None
        if last is None or last.kind == "entered" or reason not in ("", last.reason):
            found = "no entry was met" if last is None else "it entered" if last.kind == "entered" else last.reason
            self._fail(f"expected {self.id} not to enter{f': {reason}' * bool(reason)}", f"but: {found}")

    def assert_refused(self, template: str, reason: str = "") -> None:
        """A message of this template was refused or put off; for this reason, if one is given."""
        __tracebackhide__ = True
        found = [
            str(made.reason)
            for made in self.decisions
            if made.kind == "message" and made.reason and made.data.get("template") == template
        ]
        if not found or (reason and reason not in found):
            expected = f"expected {template!r} to be refused{f': {reason}' * bool(reason)}"
            self._fail(expected, f"but its refusals are: {_list(found)}")

    def _fail(self, *lines: str) -> None:
        __tracebackhide__ = True
        raise AssertionError("\n".join([*lines, f"timeline of {self.id}:", self.timeline()]))


def _list(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


def _way(steps: list[str] | tuple[str, ...]) -> str:
    return " → ".join(steps) or "nowhere"
