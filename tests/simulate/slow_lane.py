"""A lane that is handed one record at a time, in the order of the time machine; its rounds are the real ones.

What it hands to lanes, to senders and to the projector comes back as their records would: at the same instant rows
before handoffs before deliveries, and inputs before timers (A4, A5).
"""

from __future__ import annotations

from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from agents.lanes import round as rounds
from agents.lanes.loader import Loader
from laudstream import topics
from laudstream.customers.row import Consent, Member, Row
from laudstream.journey.customer import Customer
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import Ask, Release
from laudstream.journey.write import CONSENT, MEMBER, Write
from laudstream.records import codec
from laudstream.simulate.effects import _refusal
from laudstream.simulate.person import Person
from laudstream.simulate.ranks import DELIVERIES, HANDOFFS, ROWS
from laudstream.simulate.sender import Fate, delivery
from tests.lanes.kit import WORKSPACE, LaneKit, key

SENT_MS = 1_000
NEVER = 1 << 62


class SlowLane:
    def __init__(self, now: int, people: list[str]) -> None:
        self.now = now
        self.kit = LaneKit()
        self.people = {id: Person(WORKSPACE, id) for id in people}
        self._coming: list[tuple[int, int, int, str, Any]] = []
        """(at, rank, number, topic, what)"""
        self._came = self._revision = 0

    def decisions(self) -> list[Decision]:
        return [made for made in self.kit.decisions() if made.kind != "control"]

    # Inputs

    def publish(self, kind: str, id: str, body: dict[str, Any]) -> None:
        self.kit.bodies[WORKSPACE, kind, id, 1] = body
        self.kit.control(kind, id, "live", self.now)
        self._round()

    def insert(self, id: str, attributes: dict[str, Any]) -> None:
        self._row(id, self.people[id].upsert(attributes, self._revise(), self.now))

    def event(self, at: int, id: str, name: str, message: str, properties: dict[str, Any]) -> None:
        self._work(at, at)
        self.now = at
        self.kit.event(id, name, at, message, **properties)
        self._round()
        self._work(at, at)

    def until(self, at: int) -> None:
        self._work(at, at + 1)
        self.now = at

    def until_inputs(self, at: int) -> None:
        self._work(at, at)
        self.now = at

    def _revise(self) -> int:
        self._revision += 1
        return self._revision

    def _row(self, id: str, row: Row | Consent | Member) -> None:
        said: dict[str, Any] = {"revision": row.revision}
        if isinstance(row, Row):
            attributes = codec.encode(row.attributes).decode()
            said |= {"__table": "customers", "born": row.born, "attributes": attributes, "writes": row.writes}
            said["created_ms"] = row.created_at
        elif isinstance(row, Consent):
            said |= {"__table": "consents", "channel": row.channel, "subscription": row.subscription}
            said["status"] = row.status
        else:
            said |= {"__table": "segment_members", "segment": row.segment, "member": row.member}
        self._put(topics.ROWS, key(id), codec.encode(said))

    def _put(self, topic: str, key: bytes, value: bytes) -> None:
        self.kit.put(topic, self.now, key, value)
        self._round()

    # Time

    def _work(self, inputs_to: int, timers_before: int) -> None:
        while True:
            due = min((one.core.wake_at or NEVER for one in self._states().values()), default=NEVER)
            if self._coming and self._coming[0][0] <= due:
                if self._coming[0][0] > inputs_to:
                    return
                at, _, _, topic, what = heappop(self._coming)
                self.now = max(self.now, at)
                self._happens(topic, what)
            elif due < timers_before:
                self.now = max(self.now, due)
                self._take(self.kit.round(due + 1, clock=due, timers=1))
                # what a timer hands over comes at its instant, as in the time machine
                head = replace(self.kit.lane.head, lane_time=due)
                self.kit.lane = self.kit.lane._replace(head=head)
            else:
                return

    def _states(self) -> dict[bytes, Customer]:
        now: dict[bytes, Customer] = {}
        Loader(self.kit.store, self.kit.cache, now).load([key(id) for id in self.people])
        return now

    def _happens(self, topic: str, what: Any) -> None:
        if topic == topics.ROWS:
            self._row(*what)
        elif topic == topics.HANDOFFS:
            self._put(topic, *what)
        else:
            there = SimpleNamespace(now=self.now, catalog=self.kit.lane.catalog)
            person = self.people[what.customer]
            state = SimpleNamespace(customer=self._states()[key(what.customer)], born=person.born)
            reason = _refusal(there, state, what)  # type: ignore[arg-type]  # what a sender looks at, and no more
            made = delivery(what, Fate(self.now, "refused" if reason else "sent", reason))
            self._put(topics.DELIVERIES, key(what.customer), codec.encode(made))

    # What comes of it

    def _round(self) -> None:
        self._take(self.kit.round(self.now, clock=self.now))
        while self.kit.lane.sweeps:
            self._take(self.kit.round(self.now, clock=self.now))

    def _later(self, at: int, rank: int, topic: str, what: Any) -> None:
        self._came += 1
        heappush(self._coming, (at, rank, self._came, topic, what))

    def _take(self, result: rounds.Result) -> None:
        out = result.out.topics
        for _, value in out.get(topics.WRITES, ()):
            self._written(codec.write(value))
        for to, value in out.get(topics.HANDOFFS, ()):
            if isinstance(codec.handoff(value), Ask | Release):  # the time machine's quotas answer at once
                record = {"topic": topics.HANDOFFS, "offset": 1 << 40, "timestamp": self.now, "key": to, "value": value}
                self.kit.logs[topics.HANDOFFS].append(SimpleNamespace(**record))
                self._round()
            else:
                self._later(self.now, HANDOFFS, topics.HANDOFFS, (to, value))
        told = [made.data.get("send_id") for made in self.kit.decisions([result])]
        sent = [
            codec.request(v) for topic, pairs in out.items() if topic.startswith("laudstream.send.") for _, v in pairs
        ]
        for request in sorted(sent, key=lambda each: told.index(each.send_id)):
            self._later(self.now + SENT_MS, DELIVERIES, topics.DELIVERIES, request)

    def _written(self, write: Write) -> None:
        row = self.people[write.customer].carry_out(write, self._revise(), self.now)
        if row is None:
            return
        for name, value in write.attributes.items():
            if write.op == CONSENT:
                channel, _, subscription = name.partition("/")
                other = Consent(channel, subscription, value, self._revise())
                self._later(self.now, ROWS, topics.ROWS, (write.customer, other))
            elif write.op == MEMBER:
                self._later(self.now, ROWS, topics.ROWS, (write.customer, Member(name, value, self._revise())))
        self._later(self.now, ROWS, topics.ROWS, (write.customer, row))
