"""A random life of one customer, with re-deliveries, pauses, versions and crashes, and what must always hold."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from laudstream.customers.event import Event
from laudstream.customers.row import Consent, Row
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import decode, empty, encode
from laudstream.journey.control import Control
from laudstream.journey.customer import Customer
from laudstream.journey.decision import Decision
from laudstream.journey.inputs import Cause, DeliveryInput, EventInput, Moment, RowInput, TimerInput, TouchInput
from laudstream.journey.kinds.wait import WaitStep
from laudstream.messages.delivery import KINDS, Delivery
from laudstream.messages.request import SendRequest

WORKSPACE, START, HOUR = "workspace1", 1_767_603_600_000, 3_600_000
NAMES = ("go", "buy", "open", "bye", "nothing")
TEMPLATE = {"channel": "email", "subject": "Hi", "html": "{{ customer.plan }}"}


def definition(id: str, version: int) -> dict[str, Any]:
    """A journey with every step kind; versions differ in their delay."""
    if id == "d":
        return on_time(version)
    mail = {"channel": "email", "template": "mail"}
    holds = {"customer.plan": {"equals": "pro"}}
    ways = [{"event": {"name": "buy"}, "where": {"event.n": {"at_least": 3}}, "next": "kind"},
            {"event": {"name": "open"}, "count": 2, "next": "second"},
            {"condition": holds, "next": "second"}]  # fmt: skip
    keyed = {"a": {}, "b": {"key": "k"}, "c": {"key": "k"}}[id]
    return {
        "id": id,
        "entry": [{"event": {"name": "go", **keyed}, "reentry": {"a": "never", "b": "always", "c": "after P1D"}[id],
                   "while_active": "restart" if id == "b" else "ignore"}],
        "exit": [{"event": {"name": "bye"}, "outcome": "gone"},
                 {"condition": {"customer.plan": {"equals": "gone"}}, "outcome": "left"}],
        "settings": {"caps": [{"limit": 2, "per": "P1D"}], "quiet_hours": {"from": "21:00", "to": "06:00"},
                     "priority": 1 + "abc".index(id)},
        "start": "first",
        "steps": {
            "first": {"message": {**mail, "defer": id != "a"}, "next": {"sent": "arms", "refused": "arms"}},
            "arms": {"experiment": {"arms": {"x": 50, "y": 50}}, "next": {"x": "look", "y": "rest"}},
            "rest": {"delay": {"for": f"PT{version}H"}, "next": "look"},
            "look": {"wait": {"branches": ways, "timeout": {"after": "PT6H", "next": "kind"}}},
            "kind": {"split": {"branches": [{"condition": holds, "next": "end"}], "else": "rest"}},
            "second": {"message": mail, "next": "end"},
            "end": {"exit": {"outcome": "done"}},
        },
    }  # fmt: skip


def on_time(version: int) -> dict[str, Any]:
    """A journey whose entries and steps go by the calendar; versions differ in their hour."""
    hour = f"{9 + version % 10:02}:00"
    day = {"date": "customer.day", "offset": "-P1D", "at": hour}
    branches = [{"event": {"name": "buy"}, "count": 2, "next": "open"}]
    return {
        "id": "d",
        "entry": [
            {"date": {"of": "customer.day", "at": hour, "every": "month"}, "while_active": "restart"},
            {"date": {"of": "customer.day", "offset": "P1D", "keep": True}},
            {"audience": {"every": {"days": 2, "at": hour}, "zone": "customer", "after": 5, "catch_up": "PT1H"}},
        ],
        "exit": [{"event": {"name": "bye"}, "outcome": "gone"}],
        "settings": {"windows": [{"from": "08:00", "to": "20:00"}], "defer": {"caps": True}, "release_spread": "PT30M"},
        "start": "look",
        "steps": {
            "look": {"wait": {"branches": branches, "timeout": {"until": day, "if_missing": "hold", "next": "noon"}}},
            "noon": {"delay": {"until": {"at": "12:00"}}, "next": "open"},
            "open": {"window": {"weekday": ["monday", "tuesday"], "from": "22:00", "to": "06:00"}, "next": "date"},
            "date": {
                "delay": {"until": {"date": "customer.day"}, "if_past": "skip", "if_missing": "pass"},
                "next": "mail",
            },
            "mail": {"message": {"channel": "email", "template": "mail"}, "next": "end"},
            "end": {"exit": {"outcome": "done"}},
        },
    }


def body_of(workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
    return TEMPLATE if kind == "template" else definition(id, version)


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.lag = 0
        self.offset = self.seq = 0
        self.catalog = Catalog()
        self.status = dict.fromkeys("abcd", "live")
        self.versions = dict.fromkeys("abcd", 1)
        self.customer = empty(WORKSPACE, "ann")
        self.log: list[tuple[Any, Moment, Catalog]] = []
        self.out: list[Any] = []
        self.sent: list[SendRequest] = []
        self.handed: list[EventInput] = []
        self._control("template", "mail", 1, "live")
        for id in "abcd":
            self._control("journey", id, 1, "live")

    def _control(self, kind: str, id: str, version: int, status: str) -> None:
        self.seq += 1
        self.catalog = self.catalog.apply(Control(self.seq, WORKSPACE, kind, id, version, status), self.now, body_of)

    def _hand(self, input: Any) -> None:
        moment = Moment(self.now, self.now + self.lag)
        self.log.append((input, moment, self.catalog))
        outcome = advance(self.customer, input, moment, self.catalog)
        if outcome.customer is self.customer:
            assert outcome.effects == []
        self.customer = outcome.customer
        self.out += outcome.effects
        self.sent += [made for made in outcome.effects if isinstance(made, SendRequest)]
        assert not outcome.parked

    def _cause(self) -> Cause:
        self.offset += 1
        return ("laudstream.events", 0, self.offset)

    @rule(name=st.sampled_from(NAMES), n=st.integers(0, 5), k=st.sampled_from(["1", 1, "2", None]))
    def event(self, name: str, n: int, k: Any) -> None:
        cause = self._cause()
        properties = {"n": n, **({} if k is None else {"k": k})}
        event = Event(f"m{cause[2]}", "track", name, properties, self.now, self.now)
        self.handed.append(EventInput(cause, event))
        self._hand(self.handed[-1])

    @precondition(lambda self: self.handed)
    @rule(data=st.data())
    def event_again(self, data: Any) -> None:
        """The API's client sends a messageId again: it changes nothing (R2)."""
        old = data.draw(st.sampled_from(self.handed[-20:]))
        if self.now - old.event.received < 20 * HOUR:
            before = self.customer
            self._hand(EventInput(self._cause(), old.event))
            assert self.customer is before

    @rule(
        plan=st.sampled_from(["free", "pro", "gone", None]),
        zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
        day=st.sampled_from(["2026-01-07", "2026-01-31", "2025-12-06T10:00", 1_767_800_000, "soon", None]),
    )
    def row(self, plan: str | None, zone: str, day: Any) -> None:
        cause = self._cause()
        attributes = {"email": "ann@example.org", "timezone": zone, **({"plan": plan} if plan else {}), "day": day}
        born = self.customer.core.row.born or cause[2]
        self._hand(RowInput(cause, Row(born, cause[2], attributes, START)))

    @rule(status=st.sampled_from(["subscribed", "unsubscribed"]))
    def consent(self, status: str) -> None:
        cause = self._cause()
        self._hand(RowInput(cause, Consent("email", "", status, cause[2])))

    @precondition(lambda self: self.customer.core.row.born)
    @rule()
    def delete(self) -> None:
        row = self.customer.core.row
        self._hand(RowInput(self._cause(), Row(row.born, row.revision, {}, START, deleted=True)))
        assert self.customer.core.runs == ()
        self.now += 1

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), kind=st.sampled_from(KINDS), reason=st.sampled_from(["", "expired", "suppressed"]))
    def delivery(self, data: Any, kind: str, reason: str) -> None:
        of = data.draw(st.sampled_from(self.sent[-4:]))
        made = Delivery(
            f"{of.send_id}{kind}", of.send_id, WORKSPACE, "ann", kind, self.now, of.channel, of.message_class,
            of.journey, of.version, of.run, of.step, of.visit, of.attempt, of.template, of.template_version, reason,
            life=of.life,
        )  # fmt: skip
        self._hand(DeliveryInput(self._cause(), made))
        again = self.customer
        self._hand(DeliveryInput(self._cause(), made))
        assert self.customer is again, "a delivery that comes twice changes nothing the second time"

    @rule(hours=st.sampled_from([0, 1, 5, 11, 30]), lag=st.sampled_from([0, 0, HOUR]))
    def time(self, hours: int, lag: int) -> None:
        until, self.lag = self.now + hours * HOUR, lag
        for _ in range(200):
            due = self.customer.core.wake_at
            if not 0 < due <= until:
                break
            self.now = max(self.now, due)
            before = self.customer
            self._hand(TimerInput(due))
            assert self.customer is not before
        else:
            raise AssertionError("timers do not come to rest")
        self.now = until

    @rule(
        id=st.sampled_from("abcd"),
        status=st.sampled_from(["paused", "live", "draining", "stopped"]),
        touch=st.booleans(),
    )
    def control(self, id: str, status: str, touch: bool) -> None:
        self.now += 1
        if status == "live" and self.status[id] == "live":
            self.versions[id] += 1
        self.status[id] = status
        self._control("journey", id, self.versions[id], status)
        if touch:
            self._hand(TouchInput(self.seq))
        self.now += 1

    @rule()
    def crash(self) -> None:
        """The worker dies; state and catalogue come back from their records."""
        records = {suffix: value for suffix, value in encode(None, self.customer) if value}
        assert decode(WORKSPACE, "ann", records) == self.customer
        self.customer = decode(WORKSPACE, "ann", records)
        self.catalog = Catalog.load(self.catalog.entries(), body_of)

    @invariant()
    def every_run_stands_at_one_step_and_will_be_woken(self) -> None:
        core = self.customer.core
        assert len({run.id for run in core.runs}) == len(core.runs)
        assert [(run.entered_at, run.id) for run in core.runs] == sorted((run.entered_at, run.id) for run in core.runs)
        assert len({(run.journey, run.key) for run in core.runs}) == len(core.runs)
        space = self.catalog.spaces[WORKSPACE]
        for run in core.runs:
            step = space.journeys[run.journey].versions[run.version].steps[run.step]
            assert run.wake_at or run.held or isinstance(step, WaitStep)
            assert run.trail == ()

    @invariant()
    def numbers_and_ids_are_without_gap_or_repeat(self) -> None:
        made = [item for item in self.out if isinstance(item, Decision)]
        assert [item.n for item in made] == list(range(1, len(made) + 1)) or not self.customer.core.row.born
        assert len({item.id for item in made}) == len(made)
        assert len({item.send_id for item in self.sent}) == len(self.sent)

    @invariant()
    def a_run_moves_from_where_it_was(self) -> None:
        place: dict[str, str] = {}
        for item in self.out:
            if isinstance(item, Decision) and item.run:
                if item.kind == "entered":
                    assert item.run not in place
                    place[item.run] = item.to
                elif item.kind == "moved":
                    assert place[item.run] == item.step
                    place[item.run] = item.to
                elif item.kind == "ended":
                    assert place.pop(item.run) == item.step
        assert set(place) == {run.id for run in self.customer.core.runs}

    def teardown(self) -> None:
        """The same inputs replayed give the same bytes (A13)."""
        customer: Customer = empty(WORKSPACE, "ann")
        out: list[Any] = []
        for input, moment, catalog in self.log:
            outcome = advance(customer, input, moment, catalog)
            customer, out = outcome.customer, out + outcome.effects
        assert out == self.out
        assert encode(None, customer) == encode(None, self.customer)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking such a life takes minutes
)
