"""A world of one customer and some journeys, driven input by input."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from laudstream.customers.event import Event
from laudstream.customers.row import Consent, Member, Row, Suppression
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import decode, empty, encode
from laudstream.journey.control import Control
from laudstream.journey.customer import Customer, Run
from laudstream.journey.decision import Decision
from laudstream.journey.inputs import (
    Cause,
    DeliveryInput,
    EventInput,
    Input,
    Moment,
    Outcome,
    RowInput,
    TimerInput,
    TouchInput,
)
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from tests.journey.segmented import segment

WORKSPACE = "workspace1"
START = 1_767_603_600_000  # Monday, 2026-01-05 09:00 UTC
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
TEMPLATE = {"channel": "email", "subject": "Hello", "html": "<p>Hello</p>"}


class World:
    """`now` is lane time and clock alike unless a test sets `lag`."""

    def __init__(
        self,
        *journeys: dict[str, Any],
        templates: dict[str, Any] | None = None,
        row: bool = True,
        start: int = START,
    ) -> None:
        self.now = start
        self.lag = 0
        self.seq = 0
        self.offset = 0
        self.bodies: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.catalog = Catalog()
        self.customer = empty(WORKSPACE, "ann")
        self.effects: list[Any] = []
        self.parked: list[str] = []
        for id, body in {"mail": TEMPLATE, **(templates or {})}.items():
            self.publish(body, kind="template", id=id)
        for body in journeys:
            self.publish(body)
        if row:
            self.row(email="ann@example.org")

    # Control

    def publish(self, body: dict[str, Any], *, kind: str = "journey", id: str = "", version: int = 1) -> None:
        name = id or body["id"]
        self.bodies[kind, name, version] = body
        self.control("live", kind=kind, id=name, version=version)

    def control(self, status: str, *, kind: str = "journey", id: str = "j", version: int = 1) -> None:
        self.seq += 1
        record = Control(self.seq, WORKSPACE, kind, id, version, status)
        self.catalog = self.catalog.apply(record, self.now, self.body_of)

    def body_of(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return self.bodies[kind, id, version]

    # Inputs

    def hand(self, input: Input) -> Outcome:
        """Hands an input over; keeps the outcome, and checks that its state and its effects survive the wire."""
        before = self.customer
        outcome = advance(before, input, Moment(self.now, self.now + self.lag), self.catalog)
        self.customer = outcome.customer
        self.effects = outcome.effects
        self.parked = list(outcome.parked)
        assert reread(self.customer) == self.customer
        assert all(said_again(effect) == effect for effect in outcome.effects)
        if not outcome.effects and self.customer == before:
            assert self.customer is before or self.customer.core is before.core
        return outcome

    def cause(self, topic: str = "laudstream.events") -> Cause:
        self.offset += 1
        return (topic, 0, self.offset)

    def event(self, name: str, *, id: str = "", at: int = 0, row: Row | None = None, **properties: Any) -> list[str]:
        """A tracked event; gives the kinds of what came out."""
        cause = self.cause()
        kind = "identify" if row is not None else "track"
        body = Event(id or f"m{cause[2]}", kind, name, properties, at or self.now, self.now, row=row)
        self.hand(EventInput(cause, body))
        return self.kinds()

    def row(self, born: int = 1, revision: int = 0, deleted: bool = False, **attributes: Any) -> None:
        cause = self.cause("laudstream.rows")
        row = Row(born, revision or cause[2], attributes, START, deleted)
        self.hand(RowInput(cause, row))

    def consent(self, status: str, revision: int = 0) -> None:
        cause = self.cause("laudstream.rows")
        self.hand(RowInput(cause, Consent("email", "", status, revision or cause[2])))

    def member(self, segment: str, member: bool = True, revision: int = 0) -> list[str]:
        cause = self.cause("laudstream.rows")
        self.hand(RowInput(cause, Member(segment, member, revision or cause[2])))
        return self.kinds()

    def suppress(self) -> None:
        cause = self.cause("laudstream.rows")
        self.hand(RowInput(cause, Suppression("email", "bounced", cause[2])))

    def deliver(
        self, request: SendRequest, kind: str, *, reason: str = "", id: str = "", at: int = 0, **more: Any
    ) -> list[str]:
        more = {"life": request.life, **more}
        made = Delivery(
            id or f"d{self.offset}", request.send_id, WORKSPACE, "ann", kind, at or self.now, request.channel,
            request.message_class, request.journey, request.version, request.run, request.step, request.visit,
            request.attempt, request.template, request.template_version, reason, **more,
        )  # fmt: skip
        self.hand(DeliveryInput(self.cause("laudstream.deliveries"), made))
        return self.kinds()

    def wait(self, ms: int) -> list[Any]:
        """Time passes; timers fire as lanes fire them, each when it is due."""
        until = self.now + ms
        fired: list[Any] = []
        while 0 < self.customer.core.wake_at <= until:
            self.now = max(self.now, self.customer.core.wake_at)
            before = self.customer
            self.hand(TimerInput(self.now))
            fired += self.effects
            assert self.customer is not before, "a timer that is due changes something"
        self.now = until
        self.effects = fired
        return fired

    def touch(self) -> list[str]:
        self.hand(TouchInput(self.seq))
        return self.kinds()

    # What came out

    def kinds(self) -> list[str]:
        return [effect.kind if isinstance(effect, Decision) else type(effect).__name__ for effect in self.effects]

    def decisions(self, kind: str = "") -> list[Decision]:
        return [made for made in self.effects if isinstance(made, Decision) and kind in ("", made.kind)]

    def decision(self, kind: str) -> Decision:
        """The only decision of that kind that the last input brought."""
        (found,) = self.decisions(kind)
        return found

    def sends(self) -> list[SendRequest]:
        return [made for made in self.effects if isinstance(made, SendRequest)]

    @property
    def run(self) -> Run:
        (run,) = self.customer.core.runs
        return run

    @property
    def at(self) -> str:
        """The step that the only run is at; empty: there is none."""
        return self.run.step if self.customer.core.runs else ""


def reread(customer: Customer) -> Customer:
    records = encode(None, customer)
    assert all(value is not None and len(value) < 512 * 1024 for _, value in records)
    return decode(customer.workspace, customer.id, {suffix: value for suffix, value in records if value})


def said_again(effect: Any) -> Any:
    """An effect as its reader gets it: every field of the type that is said."""
    return msgspec.json.decode(msgspec.json.encode(effect), type=type(effect))


def journey(steps: dict[str, Any], *, id: str = "j", start: str = "", **fields: Any) -> dict[str, Any]:
    """A journey that the event `go` enters; `done` and `late` are exits that every journey here may use."""
    ends = {name: {"exit": {"outcome": name}} for name in ("done", "late", "left") if f"'{name}'" in repr(steps)}
    body = {"id": id, "entry": [{"event": {"name": "go"}}], "start": start or next(iter(steps))}
    return {**body, "steps": {**steps, **ends}, **fields}


def wait_for(name: str = "buy", to: str = "done", after: str = "PT1H", **branch: Any) -> dict[str, Any]:
    branches = [{"event": {"name": name}, "next": to, **branch}]
    return {"wait": {"branches": branches, "timeout": {"after": after, "next": "late"}}}


@pytest.fixture
def world() -> type[World]:
    return World


@pytest.fixture
def make() -> Any:
    return journey


@pytest.fixture
def wait_step() -> Any:
    return wait_for


@pytest.fixture
def with_segment(world: Any) -> Any:
    """A world with a segment `s` of that condition, and journeys."""

    def made(condition: Any, *journeys: dict[str, Any], row: bool = True) -> Any:
        w = world(row=row)
        w.publish(segment(condition), kind="segment")
        for body in journeys:
            w.publish(body)
        w.touch()
        return w

    return made
