"""One round of a lane, pure: (state, inputs, times) -> (state records, effects). The journal replays it.

Order (A4, A5): control records; then the other inputs by (append time, topic, offset), before each of them the
timers of its customer that were due earlier; then timers due before `bound`, in order (wake_at, customer);
then a slice of the sweep under way. An input's `now` is its append time, a timer's the instant it was due:
both stand in the log, so the same log gives the same decisions whenever it is handled. Message gates look at
`clock`, the round's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import NamedTuple

from agents.lanes import history, merges, timers
from agents.lanes.crowd import Crowd
from agents.lanes.handed import Handed
from agents.lanes.loader import BASE_BYTES, SPREAD
from agents.lanes.quotas import Quotas
from agents.lanes.record import Record
from agents.lanes.sweep import Sweep, decode_sweeps, encode_sweeps, start_sweeps
from agents.lanes.sweeping import Sweeping
from agents.lanes.writer import Out
from laudstream import topics
from laudstream.customers.event import Event
from laudstream.customers.row import Alias
from laudstream.errors import Invalid, Undecodable
from laudstream.ids import derive
from laudstream.journey.advance import advance
from laudstream.journey.catalog import BodyOf, Catalog
from laudstream.journey.census import CENSUS
from laudstream.journey.codec import MERGES
from laudstream.journey.control import LEVEL, Control
from laudstream.journey.customer import Customer
from laudstream.journey.decision import Decision
from laudstream.journey.inputs import AliasInput, Cause, DeliveryInput, EventInput, Moment, RowInput
from laudstream.journey.inputs import Input as CoreInput
from laudstream.records import codec as wire
from laudstream.records import levels
from laudstream.records.head import Head
from laudstream.records.rows import row as decode_row
from tables.cache import Cache
from tables.layout import CATALOGUE_KEY, SWEEPS_KEY
from tables.view import View


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
    found = decode_sweeps(sweeps)
    for sweep in found:
        if sweep.census:
            body_of(sweep.workspace, CENSUS, sweep.census, 1)
    return Lane(partition, head, catalog, found)


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
        self.handed = Handed(self.crowd, self.quotas)
        self.skipped: list[tuple[str, int]] = []

    def run(self) -> Result:
        plan, crowd = self.plan, self.crowd
        rest = self._control(plan.inputs)
        crowd.catalog = self.catalog
        due = self.view.due(plan.bound, plan.max_hints)
        crowd.load(chain([record.key for record in rest], [customer for _, customer in due.hints]))
        self._inputs(rest)
        self.lane_time = max(self.lane_time, plan.bound)
        fired = timers.fire(due, crowd, plan.bound, plan.max_timers)
        sweeps = history.daily(self.sweeps, self.lane.head.lane_time, self.lane_time)
        sweeping = Sweeping(self.lane.partition, crowd, self.view, self.lane_time, self.body_of)
        self.sweeps, swept = sweeping.step(sweeps, plan.max_swept)
        hints = self._encode(fired.popped)
        self.out.finish(self.control_seq)
        return Result(
            self.lane_time, self.control_seq, self.catalog, self.sweeps, self.out,
            crowd.now if len(crowd.changed) == len(crowd.now) else {key: crowd.now[key] for key in crowd.changed},
            hints, fired.done, fired.timers, swept, crowd.parked, self.skipped,
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
                    self.handed.take((topic, partition, record.offset), wire.handoff(record.value), at)
                    continue
                else:
                    event = None
                    value = _READERS[topic]((topic, partition, record.offset), record.value)
                    if type(value) is AliasInput and self.state_format < MERGES:
                        raise Undecodable(
                            "a merge, before `laudstream upgrade finish` has raised this lane to format 3"
                        )
            except MemoryError:
                raise
            except Exception as error:  # Invalid, or what becomes of a handoff that no lane writes
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
            if after.core.row is not customer.core.row:
                if _other_life(customer, after):
                    self.history.erase(customer.newest)
                if customers[key].identity.waiting:  # of the next life, or for this row
                    merges.release(crowd, key)

    def _skip(self, record: Record, error: Exception) -> None:
        self.skipped.append((record.topic, record.offset))
        self.out.dead_letter(record, str(error) if isinstance(error, Invalid) else f"{type(error).__name__}: {error}")

    # -- what comes out ------------------------------------------------------------------
    def _encode(self, popped: Collection[bytes]) -> list[tuple[int, bytes]]:
        """State records of what changed; returns the hints to write."""
        hints = self.crowd.encode(popped, self.state_format)
        self.out.records += self.quotas.records()
        if self.sweeps != self.lane.sweeps:
            self.out.records.append((SWEEPS_KEY, encode_sweeps(self.sweeps)))
        self.out.kept = self.history.records()
        return hints


def _other_life(before: Customer, after: Customer) -> bool:
    """Whether `after` is another person: the one before has ended, with a row or before one came."""
    return 0 < before.core.row.born != after.core.row.born or bool(before.newest and not after.newest)


def _row(cause: Cause, value: bytes | None) -> CoreInput:
    row = decode_row(value)
    return AliasInput(cause, row) if isinstance(row, Alias) else RowInput(cause, row)


_READERS: dict[str, Callable[[Cause, bytes | None], CoreInput]] = {
    topics.ROWS: _row,
    topics.DELIVERIES: lambda cause, value: DeliveryInput(cause, wire.delivery(value)),
}
