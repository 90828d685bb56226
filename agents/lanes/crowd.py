"""The customers of a round: as they are now, and what is to be written of them.

Whatever happens to one of them goes through `advance`; one that the core cannot confine stays as it was and is named
(A6). Kept events and their filling in belong here too, since they are part of a customer's state (A7, R58).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from agents.lanes import merges
from agents.lanes.history import History
from agents.lanes.loader import Loader
from agents.lanes.writer import Out
from laudstream.ids import derive
from laudstream.journey import codec
from laudstream.journey.advance import advance
from laudstream.journey.bounded import bounded
from laudstream.journey.catalog import Catalog
from laudstream.journey.counted import folded
from laudstream.journey.customer import Customer
from laudstream.journey.decision import Decision
from laudstream.journey.filling import filled
from laudstream.journey.inputs import Inheritance, Input, Moment, Outcome, TimerInput
from tables.cache import Cache
from tables.view import View

MAX_TIMERS_AN_INPUT = 100
"""Timers of one customer that fire before one of its inputs; the rest in the next round (A12)."""


class Crowd:
    """`catalog` is the one that the round works with."""

    def __init__(
        self, view: View, cache: Cache[Customer], out: Out, catalog: Catalog, history: History, clock: int, epoch: int
    ) -> None:
        self.out, self.catalog, self.history, self.epoch = out, catalog, history, epoch
        self.moment = Moment(0, clock, epoch)
        self.now: dict[bytes, Customer] = {}
        self.load = Loader(view, cache, self.now).load
        self.changed: dict[bytes, Customer] = {}  # as they were; in the order of their first change, as state records
        self.parked: list[tuple[str, str]] = []

    def advance(self, key: bytes, value: Input, now: int) -> None:
        before = self.now[key]
        if before.workspace in self.catalog.counting:
            before = self.filled(key, before, now)
        try:
            moment = self.moment
            if now != moment.now:
                moment = self.moment = Moment(now, moment.clock, moment.epoch)
            outcome = advance(before, value, moment, self.catalog)
        except MemoryError:
            raise
        except Exception as error:
            self.fail(key, value, now, error)
            return
        self.take(key, before, outcome)

    def to(self, key: bytes, value: Input, now: int) -> None:
        """Its timers that were due earlier go first, as with any input (A4)."""
        self.ripe(key, now)
        self.advance(key, value, now)

    def ripe(self, key: bytes, now: int) -> Customer:
        """The customer after its timers that were due before an input."""
        if 0 < self.now[key].core.wake_at < now:
            self.late_timers(key, now)
        return self.now[key]

    def take(self, key: bytes, before: Customer, outcome: Outcome) -> None:
        if outcome.customer is not before:
            self.now[key] = outcome.customer
            if key not in self.changed:
                self.changed[key] = before
        if outcome.effects:
            for effect in outcome.effects:
                if isinstance(effect, Inheritance):
                    merges.hand_over(self, before, effect)
                else:
                    self.out.effect(key, effect)
        if outcome.parked:
            self.parked += [(key.decode(), run) for run in outcome.parked]
        if outcome.customer.identity.waiting:
            merges.release(self, key)

    def filled(self, key: bytes, customer: Customer, now: int) -> Customer:
        """The customer with what happened before the questions were asked that it is looked at for now (R58)."""
        space = self.catalog.spaces[customer.workspace]
        if customer.core.judged == space.judged:
            return customer
        happened = self.history.happened(customer.newest, now - space.horizon_ms) if space.horizon_ms else []
        after = filled(customer, space, happened, now)
        if after is not customer:
            self.now[key] = after
            self.changed.setdefault(key, customer)
        return after

    def late_timers(self, key: bytes, before: int) -> None:
        for _ in range(MAX_TIMERS_AN_INPUT):
            due = self.now[key].core.wake_at
            if not 0 < due < before:
                return
            self.advance(key, TimerInput(due), due)

    def fail(self, key: bytes, value: Input, now: int, error: Exception) -> None:
        """The last net (A6): what the core could not confine to a run. The customer stays as it was before this
        input, without its timers, and is named; nobody else is disturbed. Its events wait for a merge
        as long as before."""
        customer = self.now[key]
        cause = getattr(value, "cause", None) or (type(value).__name__, now)
        number = customer.core.decisions + 1
        identity = customer.identity
        if 0 < identity.until <= now:
            identity = msgspec.structs.replace(identity, until=0)
        core = msgspec.structs.replace(customer.core, decisions=number, wake_at=identity.until)
        self.now[key] = msgspec.structs.replace(customer, core=core, identity=identity)
        self.changed.setdefault(key, customer)
        self.parked.append((key.decode(), ""))
        self.out.effect(key, Decision(
            derive("failed", customer.workspace, self.epoch, customer.id, number), "failed", customer.workspace,
            customer.id, now, self.moment.clock, number, reason="failed",
            data={"error": f"{type(error).__name__}: {error}"[:500], "input": list(cause)},
        ))  # fmt: skip
        if identity.waiting:
            merges.release(self, key)

    def encode(self, popped: Collection[bytes], format: int) -> list[tuple[int, bytes]]:
        """State records of what changed, in a format (A14); returns the timer hints to write. `popped`: customers whose
        hint is gone."""
        if format < codec.WITH_COUNTS:
            self.now.update({key: folded(self.now[key]) for key in self.changed})
        hints = []
        put, records, now_of = codec.put, self.out.records, self.now
        for key, before in self.changed.items():
            after = now_of[key]
            try:
                put(records, before, after, key + b"\0")
            except OverflowError:  # of a number that msgpack has no room for
                while records and records[-1][0].startswith(key + b"\0"):
                    records.pop()
                after = now_of[key] = bounded(after)
                put(records, before, after, key + b"\0")
            if after.core is before.core:
                continue
            wake_at, earlier = after.core.wake_at, before.core.wake_at
            if wake_at and not 0 < earlier <= wake_at and key not in popped:
                hints.append((wake_at, key))
        for key in popped:  # where their timer is now, another one begins
            wake_at = now_of[key].core.wake_at
            if wake_at:
                hints.append((wake_at, key))
        return hints
