"""One round of a lane, pure: (state, inputs, times) -> (state records, effects). The journal replays it.

Order (A4, A5): control records; then the other inputs by (append time, topic, offset), before each of them the
timers of its customer that were due earlier; then timers due before `bound`, in order (wake_at, customer);
then a slice of the sweep under way. An input's `now` is its append time, a timer's the instant it was due:
both stand in the log, so the same log gives the same decisions whenever it is handled. Message gates look at
`clock`, the round's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import NamedTuple

import msgspec

from agents.lanes import history
from agents.lanes.crowd import Crowd
from agents.lanes.loader import BASE_BYTES, SPREAD
from agents.lanes.quotas import Quotas
from agents.lanes.record import Record
from agents.lanes.sweep import Sweep, decode_sweeps, encode_sweeps, start_sweeps
from agents.lanes.writer import Out
from laudstream import topics
from laudstream.customers.event import Event
from laudstream.errors import Invalid, Undecodable
from laudstream.ids import customer_key, derive
from laudstream.journey.advance import advance
from laudstream.journey.catalog import BodyOf, Catalog
from laudstream.journey.control import LEVEL, Control
from laudstream.journey.customer import Customer
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import Ask, Emitted, Handoff, Release
from laudstream.journey.inputs import (
    Cause,
    DeliveryInput,
    EventInput,
    GrantInput,
    Moment,
    RowInput,
    TimerInput,
    TouchInput,
)
from laudstream.journey.inputs import Input as CoreInput
from laudstream.journey.presence import counted
from laudstream.journey.quotas import slot_of
from laudstream.records import codec as wire
from laudstream.records import levels
from laudstream.records.head import Head
from laudstream.records.rows import row as decode_row
from tables.cache import Cache
from tables.layout import CATALOGUE_KEY, SWEEPS_KEY
from tables.view import Due, View


class Lane(NamedTuple):
    """What a lane knows besides its customers; all of it restored exactly as of the head."""

    partition: int
    head: Head
    catalog: Catalog
    sweeps: tuple[Sweep, ...]


class Plan(NamedTuple):
    """What goes into a round."""

    inputs: Sequence[Record]
    bound: int
    """Every input appended before this instant is in hand or handled: timers due before it may fire."""
    clock: int
    max_hints: int
    """Timer hints looked at, at most."""
    max_timers: int
    """Timers fired after the inputs, at most."""
    max_swept: int
    """Customers that the sweep under way looks at, at most; the sweep that trims goes on for any number above 0."""


class Result(NamedTuple):
    lane_time: int
    control_seq: int
    catalog: Catalog
    sweeps: tuple[Sweep, ...]
    out: Out
    customers: dict[bytes, Customer]
    """Every customer that changed, as it is now."""
    hints: list[tuple[int, bytes]]
    done: list[tuple[int, bytes]]
    fired: int
    swept: int
    parked: list[tuple[str, str]]
    skipped: list[tuple[str, int]]
    core_level: int
    state_format: int


def read_lane(partition: int, head: Head, view: View, body_of: BodyOf) -> Lane:
    """A lane as of its head, from its own records. KeyError: a body is not here yet."""
    catalogue, sweeps = view.get_many([CATALOGUE_KEY, SWEEPS_KEY])
    catalog = Catalog.load(catalogue, body_of) if catalogue else Catalog()
    return Lane(partition, head, catalog, decode_sweeps(sweeps))


def run(lane: Lane, plan: Plan, view: View, cache: Cache[Customer], body_of: BodyOf) -> Result:
    """Raises KeyError if a control record names a body that is not here yet, Broken if one raises the lane beyond what
    this release knows (A14); nothing has happened then."""
    return _Round(lane, plan, view, cache, body_of).run()


def keep(cache: Cache[Customer], result: Result) -> None:
    """Put what a committed round changed into the cache."""
    cache.update(result.customers, BASE_BYTES * len(result.customers) + SPREAD * result.out.state_bytes)


class _Round:
    def __init__(self, lane: Lane, plan: Plan, view: View, cache: Cache[Customer], body_of: BodyOf) -> None:
        self.lane, self.plan, self.view, self.body_of = lane, plan, view, body_of
        self.catalog, self.sweeps = lane.catalog, lane.sweeps
        self.control_seq = lane.head.control_seq
        self.core_level, self.state_format = levels.of(lane.head)  # after control: those of the round
        self.lane_time = lane.head.lane_time
        self.out = Out(lane.partition)
        self.quotas = Quotas(view)
        self.history = history.History(view, lane.head.seq + 1)
        self.crowd = Crowd(view, cache, self.out, lane.catalog, self.history, plan.clock, lane.head.epoch)
        self.popped: set[bytes] = set()
        self.done: list[tuple[int, bytes]] = []
        self.fired = self.swept = 0
        self.skipped: list[tuple[str, int]] = []

    def run(self) -> Result:
        plan, crowd = self.plan, self.crowd
        rest = self._control(plan.inputs)
        crowd.catalog = self.catalog
        due = self.view.due(plan.bound, plan.max_hints)
        crowd.load(chain([record.key for record in rest], [customer for _, customer in due.hints]))
        self._inputs(rest)
        self.lane_time = max(self.lane_time, plan.bound)
        self._timers(due)
        self.sweeps = history.daily(self.sweeps, self.lane.head.lane_time, self.lane_time)
        self._sweep()
        hints = self._encode()
        self.out.finish(self.control_seq)
        return Result(
            self.lane_time, self.control_seq, self.catalog, self.sweeps, self.out,
            crowd.now if len(crowd.changed) == len(crowd.now) else {key: crowd.now[key] for key in crowd.changed},
            hints, self.done, self.fired, self.swept, crowd.parked, self.skipped,
            self.core_level, self.state_format,
        )  # fmt: skip

    # -- inputs --------------------------------------------------------------------
    def _control(self, inputs: Sequence[Record]) -> Sequence[Record]:
        """Handle the control records, which come first; returns the rest."""
        count = 0
        for record in inputs:
            if record.topic != topics.CONTROL:
                break
            count += 1
            try:
                control = wire.control(record.value)
            except Invalid as error:
                self._skip(record, error)
                continue
            if control.seq > self.control_seq:
                self._apply(control, record.timestamp)
        if self.catalog is not self.lane.catalog:
            self.out.records.append((CATALOGUE_KEY, self.catalog.entries()))
        return inputs[count:] if count else inputs

    def _apply(self, control: Control, at: int) -> None:
        before, partition = self.catalog, self.lane.partition
        if control.kind == LEVEL:
            now = levels.Levels(self.core_level, self.state_format)
            self.core_level, self.state_format = levels.raised(partition, now, control)
        self.catalog = before.apply(control, at, self.body_of)
        self.control_seq = control.seq
        self.sweeps = start_sweeps(self.sweeps, before, self.catalog, control)
        self.out.effect(b"", Decision(
            derive("control", control.seq, partition), "control", control.workspace, "", at, self.plan.clock,
            data={"seq": control.seq, "partition": partition, "kind": control.kind, "id": control.id,
                  "version": control.version, "status": control.status},
        ))  # fmt: skip

    def _inputs(self, records: Sequence[Record]) -> None:
        crowd, partition, lane_events, catalog = self.crowd, self.lane.partition, topics.EVENTS, self.catalog
        moment, decode, customers, changed = crowd.moment, wire.event, crowd.now, crowd.changed
        keeps, keep = history.KEPT, self.history.keep
        counting, forgetful = catalog.counting, catalog.forgetful
        for record in records:
            key, at = record.key, record.timestamp
            if at > self.lane_time:
                self.lane_time = at
            else:
                at = self.lane_time
            customer = customers.get(key)  # type: ignore[arg-type]  # no customer has the key None
            try:
                if customer is None or key is None:
                    raise Undecodable("key is not `workspace:customer`")
                topic = record.topic
                if topic == lane_events:
                    event: Event | None = decode(record.value)
                    value: CoreInput = EventInput((topic, partition, record.offset), event)  # type: ignore[arg-type]
                elif topic == topics.HANDOFFS:
                    self._handoff((topic, partition, record.offset), wire.handoff(record.value), at)
                    continue
                else:
                    event = None
                    value = _READERS[topic]((topic, partition, record.offset), record.value)
            except Invalid as error:
                self._skip(record, error)
                continue
            if 0 < customer.core.wake_at < at:
                crowd.late_timers(key, at)
                customer = customers[key]
            if counting and customer.workspace in counting:
                customer = crowd.filled(key, customer, at)
            if at != moment.now:
                moment = Moment(at, moment.clock, moment.epoch)
            try:  # as Crowd.advance does, without the call
                outcome = advance(customer, value, moment, catalog)
            except MemoryError:
                raise
            except Exception as error:
                crowd.fail(key, value, at, error)
                continue
            after = outcome.customer
            if outcome.effects or outcome.parked:
                crowd.take(key, customer, outcome)
            elif after is not customer:
                customers[key] = after
                if key not in changed:
                    changed[key] = customer
            if (
                event is not None
                and after.recent is not customer.recent
                and event.type in keeps
                and not (forgetful and customer.workspace in forgetful)
            ):
                keep(after, record.value or b"", at)
            if after.core.row is not customer.core.row and 0 < customer.core.row.born != after.core.row.born:
                self.history.erase(customer.newest)

    def _handoff(self, cause: Cause, handoff: Handoff, at: int) -> None:
        """An event for a customer of this lane (R52); a question or a return to a quota of this lane, or the answer for
        customers of this lane (A11)."""
        if isinstance(handoff, Emitted):
            self._emitted(cause, handoff, at)
            return
        workspace, journey = handoff.workspace, handoff.journey
        if isinstance(handoff, Ask):
            grant = self.quotas.ask(handoff, self.catalog, self.plan.clock)
            if grant.places:
                self.out.handoff(customer_key(workspace, grant.places[0][0]), grant)
        elif isinstance(handoff, Release):
            self.quotas.release(handoff)
        else:
            keys = [customer_key(workspace, customer).encode() for customer, _ in handoff.places]
            self.crowd.load(keys)
            for index, (key, (_, run)) in enumerate(zip(keys, handoff.places, strict=True)):
                if 0 < self.crowd.now[key].core.wake_at < at:
                    self.crowd.late_timers(key, at)
                granted, of, slot = index < handoff.granted, handoff.of, slot_of(handoff, index)
                self.crowd.advance(key, GrantInput(cause, journey, run, granted, handoff.most, of, slot), at)

    def _emitted(self, cause: Cause, handoff: Emitted, at: int) -> None:
        key, event = customer_key(handoff.workspace, handoff.customer).encode(), handoff.event
        self.crowd.load([key])
        if 0 < self.crowd.now[key].core.wake_at < at:
            self.crowd.late_timers(key, at)
        before = self.crowd.now[key].recent
        self.crowd.advance(key, EventInput(cause, event, handoff.life), at)
        after = self.crowd.now[key]
        kept = event.type in history.KEPT and after.workspace not in self.catalog.forgetful
        if kept and after.recent is not before:
            self.history.keep(after, wire.encode(event), at)

    def _skip(self, record: Record, error: Invalid) -> None:
        self.skipped.append((record.topic, record.offset))
        self.out.dead_letter(record, str(error))

    # -- timers ----------------------------------------------------------------------
    def _timers(self, due: Due) -> None:
        """Live timers in order (wake_at, customer), whatever stale hints lie between them."""
        before, limit = self.plan.bound, self.plan.max_timers
        hinted = set(due.hints)
        queued = set(hinted)
        horizon, now_of, fire = due.horizon, self.crowd.now, self.crowd.advance
        for key in self.crowd.changed:
            wake_at = now_of[key].core.wake_at
            if 0 < wake_at < before:  # armed in this round, and due already
                queued.add((wake_at, key))
        pending = list(queued)
        heapify(pending)
        while pending and self.fired < limit and pending[0] <= horizon:
            at, key = entry = heappop(pending)
            if entry in hinted:
                self.done.append(entry)
                self.popped.add(key)
            if now_of[key].core.wake_at == at:
                self.fired += 1
                fire(key, TimerInput(at), at)
            wake_at = now_of[key].core.wake_at
            if at < wake_at < before and (following := (wake_at, key)) not in queued:
                queued.add(following)
                heappush(pending, following)

    # -- sweeps ------------------------------------------------------------------------
    def _sweep(self) -> None:
        """The next slice of the first sweep that may go on: customers in the order of their keys (A10)."""
        sweep = next((each for each in self.sweeps if self._may(each)), None)
        if sweep is None:
            return
        rest = [each for each in self.sweeps if each is not sweep]
        if sweep.trims:
            if self.plan.max_swept:
                self._trim(sweep, rest)
            return
        limit = self.plan.max_swept
        found = self.view.scan(sweep.prefix, sweep.cursor, limit + 1)
        more = len(found) > limit
        del found[limit:]
        self.crowd.load(found)
        for key in found:
            self.crowd.advance(key, TouchInput(sweep.seq), self.lane_time)
            if sweep.counts:
                cells = counted(sweep.cells, self.crowd.now[key], sweep.counts)
                sweep = msgspec.structs.replace(sweep, cells=cells)
        self.swept = len(found)
        if sweep.counts and not more:
            self._told(sweep)
        if more:
            rest.insert(0, msgspec.structs.replace(sweep, cursor=found[-1]) if found else sweep)
        self.sweeps = tuple(rest)

    def _may(self, sweep: Sweep) -> bool:
        """A migration holds from its place in the log: nobody is swept before lane time is there (R48)."""
        space = None if sweep.trims else self.catalog.spaces.get(sweep.workspace)
        return space is None or space.migrated_at <= self.lane_time

    def _told(self, sweep: Sweep) -> None:
        """All customers of the lane are counted."""
        partition = self.lane.partition
        self.out.effect(b"", Decision(
            derive("counted", sweep.seq, partition), "counted", sweep.workspace, "", self.lane_time, self.plan.clock,
            journey=sweep.counts, data={"seq": sweep.seq, "partition": partition, "cells": sweep.cells},
        ))  # fmt: skip

    def _trim(self, sweep: Sweep, rest: list[Sweep]) -> None:
        self.swept = 1
        if self.history.trim(self.lane_time - self.catalog.horizon_ms):
            rest.append(sweep)  # others first: this one has time
        self.sweeps = tuple(rest)

    # -- what comes out ------------------------------------------------------------------
    def _encode(self) -> list[tuple[int, bytes]]:
        """State records of what changed; returns the hints to write."""
        hints = self.crowd.encode(self.popped, self.state_format)
        self.out.records += self.quotas.records()
        if self.sweeps != self.lane.sweeps:
            self.out.records.append((SWEEPS_KEY, encode_sweeps(self.sweeps)))
        self.out.kept = self.history.records()
        return hints


_READERS: dict[str, Callable[[Cause, bytes | None], CoreInput]] = {
    topics.ROWS: lambda cause, value: RowInput(cause, decode_row(value)),
    topics.DELIVERIES: lambda cause, value: DeliveryInput(cause, wire.delivery(value)),
}
