"""The pure core: `advance(customer, input, moment, catalog)` gives the next customer and the effects.

One input is worked through in a fixed order (R21): the customer's row, attributes and ids; deletion; exits;
present runs, the oldest first; entries by priority and journey id; then the messages that were wanted; then what
runs moved themselves is put into the segments, and what that fires is the next link of a chain. No clock, no
randomness, no environment: the same inputs give the same bytes (A13).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from laudstream.customers.event import ENTER, LEAVE, Event
from laudstream.customers.recent import admit
from laudstream.ids import fingerprint
from laudstream.journey import (
    deleting,
    handlers,
    leaving,
    migrating,
    overtaken,
    pointing,
    rezoning,
    rows,
    standing,
    uniting,
)
from laudstream.journey.catalog import Catalog
from laudstream.journey.chaining import begun, let_in, stands
from laudstream.journey.customer import FAILED, HOLDING, Core, Counted, Customer, Run
from laudstream.journey.goals import awaited
from laudstream.journey.handlers import apply_row, finish
from laudstream.journey.identity import ALONE
from laudstream.journey.inputs import (
    AliasInput,
    DeliveryInput,
    EventInput,
    GrantInput,
    Input,
    MergeInput,
    Moment,
    Outcome,
    RootInput,
    RowInput,
    TimerInput,
    TouchInput,
)
from laudstream.journey.listening import count
from laudstream.journey.live import DELETED, NOTHING, STOPPED, LiveJourney, Space
from laudstream.journey.moves import Found
from laudstream.journey.receipts import of_another_life
from laudstream.journey.refusing import refused
from laudstream.journey.settling import belongs, settle
from laudstream.journey.signals import awaits
from laudstream.journey.telling import concerned, tell
from laudstream.journey.waking import wake_at
from laudstream.journey.work import Work

_NOBODY: list[Found] = []


def advance(customer: Customer, input: Input, moment: Moment, catalog: Catalog) -> Outcome:
    """What `input` makes of `customer`. Nothing changed: the same object and no effects.

    A run that raises is parked and named in the outcome (A6); MemoryError and what is no Exception pass.
    """
    space = catalog.spaces.get(customer.workspace, NOTHING)
    if customer.identity is not ALONE and not deleting.tells(input):
        customer = pointing.born_again(customer, input)
        if (done := pointing.instead(customer, input, moment)) is not None:
            return done
    if type(input) is EventInput:
        return _event(customer, input, moment, space)
    if isinstance(input, DeliveryInput | GrantInput) and input.number and overtaken.overtakes(customer, input):
        return pointing.held(customer, input, moment)
    return _HANDLERS[type(input)](customer, input, moment, space)


# Events


def _event(customer: Customer, input: EventInput, moment: Moment, space: Space) -> Outcome:
    event, core = input.event, customer.core
    mark = fingerprint(event.id)
    remembered = admit(customer.recent, mark, moment.now)
    row, runs = core.row, core.runs
    if remembered is None or (row.gone_at and pointing.over(row, input)):
        return deleting.delete(customer, input, moment, space) if deleting.tells(input) else Outcome(customer, [])
    life, number = input.life, input.number
    if life is not None and of_another_life(row, life, customer.identity, number, own=not number):
        return Outcome(customer, [])
    tracked = event.type == "track"
    entries = space.entries.get(event.name, ()) if tracked else _called(event, space)
    listening, unsettled = _look(runs, event.name, space) if runs else (_NOBODY, False)
    if not space.settled and not unsettled:
        unsettled = _waits(core, space, moment.now)
    if core.goals and not unsettled and tracked:
        unsettled = awaited(core.goals, event.name, space)
    if core.judged != space.judged or (tracked and event.name in space.counted):
        unsettled = True
    if event.row is not None:
        if event.row.deleted:
            return deleting.delete(customer, input, moment, space)
        if event.properties and pointing.merges(customer, event.row):
            return pointing.identified(customer, input, moment, space)
    known = row.born or core.writes
    if known and not unsettled and event.row is None:  # it may do no more than runs hear, or than entries refuse
        if not entries and listening:
            counted = count(customer.counted, listening, event, mark, moment.now) if tracked else None
            if counted is not None:
                due = wake_at(core, runs, space.journeys)
                if due != core.wake_at or counted is customer.counted:
                    core = replace(core)
                    core.wake_at = due
                return Outcome(_with(customer, core, remembered, counted), [])
        elif not entries:
            return Outcome(_with(customer, core, remembered, customer.counted), [])
        elif tracked and not listening and (runs or core.memory):
            refusals = refused(customer, entries, event, moment, space, ("input", *input.cause))
            if refusals is not None:
                after = replace(core)
                after.decisions += len(refusals)
                after.wake_at = wake_at(core, runs, space.journeys)
                return Outcome(_with(customer, after, remembered, customer.counted), refusals)
    heard = event if tracked else None
    work = begun(customer, moment, space, ("input", *input.cause))
    work.mark, work.recent, work.depth = mark, remembered, event.depth
    if customer.counted and listening:
        listening, _ = _look(tuple(work.runs), event.name, space)
    if not known or unsettled or event.row is not None:
        listening = _settled(work, event, heard)
    if heard is not None and (listening or work.core.goals):
        tell(work, listening, heard)
    let_in(work, entries, event)
    return finish(work)


def _with(customer: Customer, core: Core, recent: bytes, counted: Counted) -> Customer:
    return Customer(
        customer.workspace, customer.id, core, customer.attributes, recent, customer.tallies, customer.newest, counted,
        customer.identity,
    )  # fmt: skip


def _called(event: Event, space: Space) -> tuple[LiveJourney, ...]:
    """The journey that an `enter` or a `leave` names."""
    live = space.journeys.get(event.name) if event.type in (ENTER, LEAVE) else None
    return () if live is None or live.status.status in (STOPPED, DELETED) else (live,)


def _look(runs: tuple[Run, ...], name: str, space: Space) -> tuple[list[Found], bool]:
    """The runs that listen to the event, and whether any has something to catch up with."""
    listening: list[Found] = []
    for run in runs:
        live = space.journeys.get(run.journey)
        version = live.versions.get(run.version) if live is not None else None
        if live is None or version is None:
            continue
        if run.entered_at < live.ended_before or (live.moves and (run.held is not None or run.granted)):
            return _NOBODY, True
        if run.status == HOLDING and space.winners:
            return _NOBODY, True
        heard = version.hears.get(run.step)
        if (heard is None or name in heard) and run.status != FAILED:
            listening.append((run, live, version))
    return listening, False


def _waits(core: Core, space: Space, now: int) -> bool:
    """Whether the customer has something to be settled with."""
    return (
        (bool(space.migrated_at and core.runs) and migrating.any_waits(core, space.journeys, now))
        or any(belongs(core, live) for live in space.audiences)
        or (bool(space.signals) and awaits(core, space))
        or (bool(space.rezoned_at) and rezoning.awaits(core, space))
    )


def _settled(work: Work, event: Event, heard: Event | None) -> list[Found]:
    """First the row, the first sight and what control asked for; then who listens to the event, or to attributes.
    Those are told of the attributes at once where no event is heard."""
    before = work.attributes
    changed = event.row is not None and apply_row(work, event.row)
    if changed and not work.recent:  # the row began another life
        work.recent = admit(b"", work.mark, work.moment.now) or b""
    rows.first_sight(work)
    changed |= stands(work, before, standing.event(work, heard) if heard is not None else set())
    settle(work)
    listening = concerned(work, heard, levels=changed)
    if heard is None:
        tell(work, listening, None)
    return listening


_HANDLERS: dict[type, Callable[[Customer, Any, Moment, Space], Outcome]] = {
    RowInput: handlers.row,
    DeliveryInput: handlers.delivery,
    TimerInput: handlers.timer,
    TouchInput: handlers.touch,
    GrantInput: handlers.grant,
    AliasInput: leaving.leave,
    MergeInput: uniting.unite,
    RootInput: pointing.root_again,
}
