"""What happens to customers, clients, senders and the lane in an hour or a day: many small things, chosen by a seed.

A sender keeps its promises (R40, A21): nothing goes after `send_before`, and what it has sent is never refused.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from laudstream.customers.row import Consent, Member, Suppression
from laudstream.messages.delivery import KINDS, PROVES, Delivery
from laudstream.messages.request import SendRequest
from tests.proof import words
from tests.proof.lane import CUSTOMERS, TYPES, UNSENT, WORKSPACE, Lane
from tests.proof.meaning import DAY, HOUR, MINUTE, local
from tests.proof.oracle import LONGEST_LIFE

LENGTHS = (MINUTE, HOUR // 2, HOUR, HOUR, 3 * HOUR, 5 * HOUR, 11 * HOUR, DAY)
DAYS = (2, 7, 26, -6)
"""From the start of the life on."""


class Life:
    def __init__(self, lane: Lane, seed: int) -> None:
        self.lane, self.random = lane, Random(seed)

    def play(self, times: int) -> None:
        """So many things happen, one after the other."""
        for _ in range(times):
            self.random.choices(ACTIONS, WEIGHTS)[0](self)

    def _who(self) -> str:
        return self.random.choice(CUSTOMERS)

    def _has_row(self) -> str:
        """Consents, memberships and suppressions are of customers that there are; the others have none."""
        return self.random.choice([who for who in CUSTOMERS if self.lane.rows[who].born] or [""])

    def _properties(self) -> dict[str, Any]:
        found: dict[str, Any] = {"n": self.random.randrange(4)}
        return found if self.random.random() < 0.1 else {**found, "k": self.random.choice(["1", "1", "2"])}

    def _day(self, number: int) -> str:
        return local(self.lane.start + number * DAY, "UTC").date().isoformat()

    # Clients

    def event(self) -> None:
        age = self.random.choices([0, HOUR, 30 * HOUR], [20, 2, 1])[0]
        name = self.random.choice(["go", *words.EVENTS])
        self.lane.track(self._who(), name, self._properties(), age)

    def call(self) -> None:
        call, journey = (
            self.random.choice(["enter", "enter", "enter", "leave"]),
            self.random.choice(words.JOURNEYS),
        )
        self.lane.track(self._who(), journey, {} if call == "leave" else self._properties(), 0, type=TYPES[call])

    def again(self) -> None:
        """A client sends a messageId again (R2), also one from before a deletion (R54)."""
        if self.lane.handed:
            customer, event = self.random.choice(self.lane.handed[-40:])
            ledger = self.lane.oracles[customer].ledger
            if ledger.had(event.id, self.lane.now) or ledger.gone_since(event.received, self.lane.now):
                self.lane.event(customer, event)

    def identify(self) -> None:
        attributes = {
            "plan": self.random.choice(["free", "pro", "pro", None]),
            "n": self.random.randrange(4),
            "timezone": self.random.choice([*words.ZONES, None]),
            "email": self.random.choice(["a@example.org"] * 7 + [None]),
            "day": self.random.choice([*map(self._day, DAYS), f"{self._day(4)}T10:00", "soon", None]),
        }
        chosen = {
            name: attributes[name] for name in self.random.sample(sorted(attributes), self.random.randrange(1, 4))
        }
        self.lane.identify(self._who(), chosen, by_event=self.random.random() < 0.5)

    def consent(self) -> None:
        status = self.random.choice(["subscribed", "subscribed", "unsubscribed", "pending", "unknown"])
        subscription = self.random.choice(["", "news", "tips"])
        who = self._has_row()
        if who:
            self.lane.row(who, Consent("email", subscription, status, self.lane.revise()))

    def member(self) -> None:
        who = self._has_row()
        if who:
            self.lane.row(who, Member(words.MANUAL, self.random.random() < 0.6, self.lane.revise()))

    def suppress(self) -> None:
        """Sometimes taken back: then the row is deleted."""
        row = Suppression("email", "bounced", self.lane.revise(), deleted=self.random.random() < 0.7)
        if self.lane.rows["bob"].born:
            self.lane.row("bob", row)

    def delete(self) -> None:
        self.lane.delete(self._who(), self.random.choice([0, HOUR]), by_event=self.random.random() < 0.5)

    def signal(self) -> None:
        """Mostly one that somebody listens to (R34)."""
        heard = self.lane.live.listened_to()
        name = self.random.choice([*heard * 4, *words.SIGNALS])
        if heard or self.random.random() < 0.2:
            self.lane.publish("signal", name, {"properties": {"n": self.random.randrange(4), "k": "1"}})

    # Senders, the projector, other lanes

    def deliver(self) -> None:
        lane = self.lane
        if not lane.requests:
            return
        waits = [one for one in lane.requests if self._waited_for(one)]
        of = self.random.choice(waits[-3:] if waits and self.random.random() < 0.5 else lane.requests[-6:])
        asked = self._asked(of) if self.random.random() < 0.5 else []
        kinds = {made.kind for made in lane.deliveries if made.send_id == of.send_id}
        unsent = bool(kinds & set(UNSENT))
        sent = bool(kinds) and not unsent and kinds != {"unknown"}
        if unsent:
            ways = list(UNSENT)
        elif sent:
            ways = asked or ["opened", "clicked"] * 4 + [kind for kind in KINDS if kind not in UNSENT]
        else:
            ways = asked or ["sent"] * 6 + list(KINDS)
        kind, clock = self.random.choice(ways), lane.now + lane.lag
        proves = PROVES.get(kind, kind) == "sent"
        if proves and not sent:
            lane.proven[of.send_id] = min(clock, of.send_before)
        at = lane.proven[of.send_id] if kind == "sent" else min(clock, of.send_before)
        reason = "" if kind != "refused" else self.random.choice(["expired", "paused", "suppressed"])
        link = self.random.choice(words.LINKS) if kind == "clicked" else ""
        machine = kind in ("opened", "clicked") and self.random.random() < (0.6 if asked else 0.3)
        lane.deliver(
            Delivery(
                f"{of.send_id}{kind}{link}{machine}", of.send_id, WORKSPACE, of.customer, kind, at, of.channel,
                of.message_class, of.journey, of.version, of.run, of.step, of.visit, of.attempt, of.template,
                of.template_version, reason,
                link=link, machine=machine, life=of.life,
            )
        )  # fmt: skip

    def _waited_for(self, request: SendRequest) -> bool:
        """Whether its run is at a wait, so that it may hear of it."""
        return "wait" in self._step(request)

    def _asked(self, request: SendRequest) -> list[str]:
        """What the wait at which its run is asks of opens and clicks: of people, or also of machines (R56)."""
        branches = self._step(request).get("wait", {}).get("branches", ())
        kinds = [branch["message"]["is"] for branch in branches if "message" in branch]
        return [kind for kind in kinds if kind in ("opened", "clicked")]

    def _step(self, request: SendRequest) -> dict[str, Any]:
        """The step at which its run is now; empty: it has ended."""
        run = self.lane.oracles[request.customer].ledger.passages.get(request.run)
        return {} if run is None or run.over else self.lane.live.body(run)["steps"][run.step]

    def carry(self) -> None:
        for _ in range(min(self.random.randrange(1, 6), len(self.lane.coming))):
            self.lane.carry()

    # Time

    def time(self) -> None:
        until = self.lane.now + self.random.choice(LENGTHS)
        if until < self.lane.start + LONGEST_LIFE:
            self.lane.until(until)

    def just_then(self) -> None:
        """Up to the very instant at which a customer's next timer is due; inputs of that instant come first (R30)."""
        due = self.lane.customers[self._who()].core.wake_at
        if self.lane.now < due < self.lane.start + LONGEST_LIFE:
            self.lane.until(due)
            self.event()


ACTIONS: dict[Callable[[Life], None], int] | Any = {
    Life.event: 30, Life.call: 6, Life.again: 3, Life.identify: 8, Life.consent: 3, Life.member: 2, Life.suppress: 1,
    Life.delete: 1, Life.signal: 2, Life.deliver: 20, Life.carry: 14, Life.time: 12, Life.just_then: 6,
}  # fmt: skip
ACTIONS, WEIGHTS = list(ACTIONS), list(ACTIONS.values())
