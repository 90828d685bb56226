"""What the oracle knows of one customer: from the inputs and from what came of them, never from state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from laudstream.customers.row import Consent, Member, Row, Suppression
from laudstream.journey.decision import Decision
from laudstream.journey.write import Write
from laudstream.messages.delivery import PROVES, Delivery
from laudstream.messages.request import SendRequest
from tests.proof.meaning import DAY

REMEMBERED = 256


class Passage:
    """A run, as its decisions tell of it."""

    def __init__(self, entered: Decision, event: str, zone: str) -> None:
        self.id, self.journey, self.version = entered.run, entered.journey, entered.version
        self.entered_at = entered.at
        self.key = str(entered.data.get("key", ""))
        self.by = event
        """Id of the input that started it."""
        self.over = ""
        """How it ended: its outcome or its reason."""
        self.outcome = ""
        self.reached = False
        """Its goal was counted."""
        self.erased = False
        """The customer was deleted since it began."""
        self.entry_zone = zone
        self.limit: Any = 0
        self.occurrence = ""
        """What brought it in, where each occurrence has places of its own (R18)."""
        self.used: set[tuple[str, str]] = set()
        """(wait, delivery that ended it) (R28)."""
        self.arrive(entered.to, 1, entered.at, zone)

    def arrive(self, step: str, visit: int, at: int, zone: str) -> None:
        self.step, self.visit, self.arrived_at, self.zone = step, visit, at, zone
        self.counted: dict[str, int] = {}
        """Branch of a wait -> inputs that counted."""
        self.held = False
        """A branch was satisfied in a pause."""
        self.moved_zone = False
        """The customer's zone changed since."""


class Slot:
    """A message that caps count."""

    def __init__(self, request: SendRequest, tags: tuple[str, ...]) -> None:
        self.at, self.open, self.request, self.tags = request.send_before, True, request, tags


class Fact(NamedTuple):
    """A delivery, as conditions ask for it."""

    kind: str
    journey: str
    tags: list[str]
    link: str
    machine: bool


class Ledger:
    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.passages: dict[str, Passage] = {}
        self.sent: dict[str, SendRequest] = {}
        self.asked: dict[str, str] = {}
        """Run that asked for its place -> what it was asked for."""
        self.migrated: dict[str, int] = {}
        """Journey -> number of the last map that runs were looked at for (R48)."""
        self.ids: set[str] = set()
        self.gone_at = -1
        self.revision = 0
        self.forget()

    def forget(self) -> None:
        """Nothing is known of the customer (R15)."""
        for run in self.passages.values():
            run.erased = True
        self.row: Row | None = None
        self.known = False
        self.pending: list[Write] = []
        self.consents: dict[str, tuple[str, int]] = {}
        self.suppressed: dict[str, int] = {}
        self.manual: dict[str, tuple[bool, int]] = {}
        self.members: set[str] = set()
        self.happened: list[tuple[int, str]] = []
        self.seen: list[tuple[str, int]] = []
        self.starts: dict[tuple[str, str], int] = {}
        self.arms: dict[str, str] = {}
        self.promised: dict[str, str] = {}
        """Experiment -> arm whose first customers count this one in."""
        self.slots: list[Slot] = []
        self.deferred: set[tuple[str, int]] = set()
        """(run, visit) whose message was decided before."""
        self.turns: dict[str, int] = {}
        """Message that waits for the pace of its journey -> its slot, 0: it asks for one (A11)."""
        self.deliveries: list[tuple[str, int]] = []
        """(id, when it came) of those that tell something new."""
        self.facts: list[Fact] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        """(journey, entered, completed or converted) -> runs."""
        self.created_at = 0
        """When the row was made, ms; 0: there is none."""
        self.signalled: Counter[tuple[str, str]] = Counter()
        """(journey, signal) -> entries."""
        self.heard = 0
        """Number of the last signal that the customer was asked for."""
        self.wanted: dict[tuple[str, int], int] = {}
        """(run, visit) -> since when its message is wanted."""

    # What the oracle is asked

    def attributes(self) -> Mapping[str, Any]:
        """The row with what was written and has not come back yet on top (A19)."""
        found = dict(self.row.attributes) if self.row is not None else {}
        for write in self.pending:
            if write.op == "set":
                found |= write.attributes
            elif write.op == "unset":
                found = {name: value for name, value in found.items() if name not in write.names}
            elif write.op == "increment":
                for name, amount in write.attributes.items():
                    known = found.get(name)
                    found[name] = (known if isinstance(known, int) else 0) + amount
        return found

    def member(self, segment: str) -> bool:
        return segment in self.members

    def consent(self, name: str) -> str:
        said = [write.attributes[name] for write in self.pending if write.op == "consent" and name in write.attributes]
        return said[-1] if said else self.consents.get(name, ("unknown", 0))[0]

    def belongs(self, segment: str) -> bool:
        """To a manual segment."""
        said = [
            write.attributes[segment] for write in self.pending if write.op == "member" and segment in write.attributes
        ]
        return said[-1] if said else self.manual.get(segment, (False, 0))[0]

    def times(self, event: str) -> list[int]:
        return [at for at, name in self.happened if name == event]

    def told(self, asked: Mapping[str, Any]) -> int:
        """Deliveries that a condition asks for; what machines open and click is asked for by itself (R56)."""
        return sum(
            fact.kind == asked["is"]
            and asked.get("journey", fact.journey) == fact.journey
            and asked.get("link", fact.link) == fact.link
            and ("tag" not in asked or asked["tag"] in fact.tags)
            and (not fact.machine or "machine" in asked)
            for fact in self.facts
        )

    def ran(self, asked: Mapping[str, Any]) -> int:
        if "is" in asked:
            return len(self.active(asked["journey"]))
        return self.counts[asked["journey"], asked["was"]]

    def active(self, journey: str = "") -> list[Passage]:
        found = [one for one in self.passages.values() if not one.over and journey in ("", one.journey)]
        return sorted(found, key=lambda one: (one.entered_at, one.id))

    def had(self, id: str, now: int) -> bool:
        """Whether an input of that id is remembered (R2, R57)."""
        return any(seen == id and now // 1000 - at // 1000 < DAY // 1000 for seen, at in self.seen[-REMEMBERED:])

    def gone_since(self, received: int, now: int) -> bool:
        """Whether the customer was deleted after that (R54); it is remembered for 7 days (A18)."""
        return received <= self.gone_at and now < self.gone_at + 7 * DAY

    # What it is told

    def event(self, id: str, name: str, timestamp: int, now: int) -> None:
        self.known = True
        self.seen.append((id, now))
        if name:
            self.happened.append((min(timestamp or now, now), name))

    def rows(self, row: Row | Consent | Member | Suppression, now: int) -> None:
        if isinstance(row, Row):
            self._row(row, now)
        elif isinstance(row, Consent):
            name = f"{row.channel}/{row.subscription}"
            if row.revision >= self.consents.get(name, ("", 0))[1]:
                self.consents[name] = (self.consent(name) if self._wrote("consent", name) else row.status, row.revision)
        elif isinstance(row, Member):
            if row.revision >= self.manual.get(row.segment, (False, 0))[1]:
                there = self.belongs(row.segment) if self._wrote("member", row.segment) else row.member
                self.manual[row.segment] = (there, row.revision)
        elif row.deleted:
            self.suppressed.pop(row.channel, None)
        else:
            self.suppressed[row.channel] = row.revision

    def _wrote(self, op: str, name: str) -> bool:
        return any(write.op == op and name in write.attributes for write in self.pending)

    def _row(self, row: Row, now: int) -> None:
        if row.deleted:
            if self.row is not None and row.born == self.row.born:
                self.gone_at, self.revision = row.at or now, max(self.revision, row.revision)
                self.forget()
            return
        if row.revision <= self.revision:
            return
        if self.row is not None and self.row.born != row.born:
            self.forget()
        self.revision, self.row, self.known = row.revision, row, True
        self.created_at = row.created_at
        for write in [write for write in self.pending if write.number <= row.writes]:
            self._settle(write)
        self.pending = [write for write in self.pending if write.number > row.writes]

    def _settle(self, write: Write) -> None:
        """A write came back: what it said of consents and memberships stays."""
        for name, value in write.attributes.items():
            if write.op == "consent":
                self.consents[name] = (value, self.consents.get(name, ("", 0))[1])
            elif write.op == "member":
                self.manual[name] = (value, self.manual.get(name, (False, 0))[1])

    def wrote(self, write: Write) -> None:
        self.known = True
        self.pending.append(write)

    def delivered(self, delivery: Delivery, tags: list[str], now: int) -> None:
        """The true time of a message, or that nothing left (R41); what came before tells nothing new (R2), and what
        belongs to a life before changes nothing (R15)."""
        if self.passages[delivery.run].erased:
            self.news = False
            return
        self.news = not any(id == delivery.id and now - at < DAY for id, at in self.deliveries)
        if self.known and self.news:
            self.deliveries.append((delivery.id, now))
            self.facts.append(Fact(delivery.kind, delivery.journey, tags, delivery.link, delivery.machine))
        proven = PROVES.get(delivery.kind, delivery.kind)
        for slot in [slot for slot in self.slots if slot.open and slot.request.send_id == delivery.send_id]:
            if proven == "sent":
                slot.at, slot.open = delivery.at, False
            elif proven in ("refused", "failed"):
                self.slots.remove(slot)
