"""The pure core: `advance(customer, input, moment, catalog)` gives the next customer and the effects.

One input is worked through in a fixed order (R21): the customer's row, attributes and ids; deletion; exits;
present runs, the oldest first; entries by priority and journey id; then the messages that were wanted. No clock,
no randomness, no environment: the same inputs give the same bytes (A13).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from laudstream.customers.event import Event
from laudstream.customers.recent import admit, fingerprint
from laudstream.customers.row import Row
from laudstream.journey import alarms, asking, entering, rows, sends
from laudstream.journey.again import again, concerned
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import empty
from laudstream.journey.customer import ASKING, DEFERRED, FAILED, Core, Customer, Run
from laudstream.journey.firing import fire
from laudstream.journey.inputs import (
    DeliveryInput,
    EventInput,
    GrantInput,
    Input,
    Moment,
    Outcome,
    RowInput,
    TimerInput,
    TouchInput,
)
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.listening import count, exit_rule, hear
from laudstream.journey.live import FOREVER, NOTHING, LiveJourney, Space
from laudstream.journey.moves import Found, Left, end
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.walking import take
from laudstream.journey.work import MARKER_MS, Work, wake_at

_NOBODY: list[Found] = []


def advance(customer: Customer, input: Input, moment: Moment, catalog: Catalog) -> Outcome:
    """What `input` makes of `customer`. Nothing changed: the same object and no effects.

    A run that raises is parked and named in the outcome (A6); MemoryError and what is no Exception pass.
    """
    space = catalog.spaces.get(customer.workspace, NOTHING)
    if type(input) is EventInput:
        return _event(customer, input, moment, space)
    return _HANDLERS[type(input)](customer, input, moment, space)


# Events


def _event(customer: Customer, input: EventInput, moment: Moment, space: Space) -> Outcome:
    event, core = input.event, customer.core
    mark = fingerprint(event.id)
    remembered = admit(customer.recent, mark, moment.now)
    row, runs = core.row, core.runs
    if remembered is None or (row.gone_at and event.received <= row.gone_at):
        return Outcome(customer, [])
    tracked = event.type == "track"
    entries = space.entries.get(event.name, ()) if tracked else ()
    listening, unsettled = _look(runs, event.name, space) if runs else (_NOBODY, False)
    if space.audiences and not unsettled:
        unsettled = any(_belongs(core, live) for live in space.audiences)
    known = row.born or core.writes
    if known and not unsettled and not entries and event.row is None:  # no more than runs have to hear of it
        if not listening:
            return Outcome(Customer(customer.workspace, customer.id, core, customer.attributes, remembered), [])
        counted = count(runs, listening, event, mark, moment.now) if tracked else None
        if counted is not None:
            core = replace(core)
            core.runs, core.wake_at = counted, wake_at(row, counted, space.journeys, core.alarms)
            return Outcome(Customer(customer.workspace, customer.id, core, customer.attributes, remembered), [])
    heard = event if tracked else None
    work = Work(customer, moment, space, ("input", *input.cause))
    work.mark, work.recent = mark, remembered
    if not known or unsettled or event.row is not None:
        listening = _settled(work, event, heard)
    if listening and heard is not None:
        _tell(work, listening, heard)
    for live in entries:
        _enter(work, live, event)
    return _finish(work)


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
        heard = version.hears.get(run.step)
        if (heard is None or name in heard) and run.status != FAILED:
            listening.append((run, live, version))
    return listening, False


def _settled(work: Work, event: Event, heard: Event | None) -> list[Found]:
    """First the row, the first sight and what control asked for; then who listens to the event, or to attributes.
    Those are told of the attributes at once where no event is heard."""
    changed = event.row is not None and _apply_row(work, event.row)
    if changed and not work.recent:  # the row began another life
        work.recent = admit(b"", work.mark, work.moment.now) or b""
    rows.first_sight(work)
    settle(work)
    listening = _concerned(work, heard, levels=changed)
    if heard is None:
        _tell(work, listening, None)
    return listening


def _enter(work: Work, live: LiveJourney, event: Event | None) -> None:
    """By an event, or (None) because the customer is looked at."""
    if event is None:
        _guarded_entry(work, live, None, alarms.look, work, live)
    else:
        _guarded_entry(work, live, event, entering.enter, work, live, event)


def _guarded_entry(work: Work, live: LiveJourney, event: Event | None, act: Callable[..., None], *rest: Any) -> bool:
    made = len(work.out)
    try:
        act(*rest)
        return True
    except MemoryError:
        raise
    except Exception as error:
        work.take_back(work.out[made:])
        nobody = Run("", live.id, live.status.live, work.moment.now, entering.entered(work, event), "")
        data = {"error": f"{type(error).__name__}: {error}"[:500]}
        work.decide("failed", nobody, work.moment.now, reason=Reason.FAILED, data=data)
        work.parked.append(live.id)
        return False


# Runs


def _guarded(work: Work, run: Run, act: Callable[..., Any], *rest: Any) -> None:
    """Acts on the private copy of a run; an error parks it (A6)."""
    mine = work.own(run)
    try:
        act(work, mine, *rest)
    except MemoryError:
        raise
    except Exception as error:
        work.park(mine, error)


def _movable(work: Work) -> list[Found]:
    """The runs that inputs concern, the oldest first, as they are before any of them moves."""
    found = []
    for run in work.runs:
        live = work.journeys.get(run.journey)
        version = live.versions.get(run.version) if live is not None else None
        if live is not None and version is not None and run.status != FAILED:
            found.append((run, live, version))
    return found


def settle(work: Work) -> None:
    """Does what a control record asked for: ends runs of stopped journeys, moves resumed ones (R7, R49)."""
    for run in tuple(work.runs):
        live = work.journeys.get(run.journey)
        if live is None:
            continue
        if live.ended(run.entered_at):
            end(work, run, work.moment.now, reason=Reason.STOPPED)
        elif run.held is not None and live.moves and run.status != FAILED:
            _guarded(work, run, _resume, live.versions[run.version])
        elif run.granted and live.moves:
            _guarded(work, run, asking.go, live.versions[run.version])
    for live in work.space.audiences:
        if _belongs(work.core, live):
            current = {other.id for other in work.space.audiences}
            swept = {id: seq for id, seq in work.core.swept.items() if id in current}
            work.core.swept = {**swept, live.id: live.status.audience[0]}
            _enter(work, live, None)


def _belongs(core: Core, live: LiveJourney) -> bool:
    """Whether the customer is to be looked at for a journey: it was there when that was published, or the journey
    looks at all, and it was not looked at yet. In a pause nobody is (R49)."""
    seq, at = live.status.audience
    if not live.moves or not core.row.born or core.swept.get(live.id) == seq:
        return False
    return live.looks_at_all or core.row.created_at <= at


def _resume(work: Work, run: Run, version: Journey) -> None:
    held = run.held
    if held is not None and not held.to:
        again(work, run, version, True)
    elif held is not None:
        take(work, run, version, Left(held.branch, held.to, held.data, work.moment.now), held.event, held.mark)


def _concerned(work: Work, event: Event | None, *, levels: bool) -> list[Found]:
    """The runs that listen to the event, or to attributes if those changed (R6, R21)."""
    return [
        found
        for found in _movable(work)
        if (event is not None and found[2].listens(found[0].step, event.name))
        or (levels and (found[0].step in found[2].levels or found[0].status == ASKING))
        or (levels and concerned(work, found[0], found[2]))
    ]


def _tell(work: Work, listening: list[Found], event: Event | None) -> None:
    """Exits of all runs, then branches (R6, R21)."""
    for run, _, version in listening:
        if version.exits:
            _guarded_exit(work, run, version, event)
    changed = work.attributes is not work.before.attributes
    for run, live, version in listening:
        if run.status == ASKING:
            if event is not None and work.present(run.id) is not None:
                asking.keep(work, run, version, event)
            continue
        step = version.steps.get(run.step)  # None: a step that is not there; hearing it parks the run
        if step is None or isinstance(step, WaitStep):
            _guarded_hear(work, run, version, event, live.moves)
        if changed and (present := _still(work, run)) is not None and concerned(work, present, version):
            _guarded(work, present, again, version, live.moves)


def _still(work: Work, run: Run) -> Run | None:
    """The run as it is now, if it has not left its step."""
    present = work.present(run.id)
    return present if present is not None and present.visit == run.visit else None


def _guarded_hear(work: Work, run: Run, version: Journey, event: Event | None, moves: bool) -> None:
    """A run that hears nothing new is not copied."""
    present = work.present(run.id)
    if present is None:
        return
    try:
        hear(work, present, version, event, moves)
    except MemoryError:
        raise
    except Exception as error:
        work.park(present, error)


def _guarded_exit(work: Work, run: Run, version: Journey, event: Event | None) -> None:
    try:
        met = exit_rule(work, run, version, event)
    except MemoryError:
        raise
    except Exception as error:
        work.park(run, error)
        return
    if met is not None:
        end(work, run, work.moment.now, outcome=met[0], data=met[1])


# Rows


def _apply_row(work: Work, row: Row) -> bool:
    zone, attributes = work.attributes.get("timezone"), work.attributes
    if not rows.apply(work, row):
        return False
    if work.attributes.get("timezone") != zone:
        _ask_deferred(work)  # quiet hours are computed again (R31)
    return work.attributes is not attributes


def _row(customer: Customer, input: RowInput, moment: Moment, space: Space) -> Outcome:
    work = Work(customer, moment, space, ("input", *input.cause))
    if isinstance(input.row, Row):
        levels = _apply_row(work, input.row)
    elif rows.apply(work, input.row):
        levels = False
        _ask_deferred(work)
    else:
        return Outcome(customer, [])
    settle(work)
    if levels:
        _tell(work, _concerned(work, None, levels=True), None)
    return _finish(work)


def _ask_deferred(work: Work) -> None:
    for run, _, version in _movable(work):
        if run.status == DEFERRED:
            _guarded(work, run, sends.ask_again, version)
        if run.late_at and work.present(run.id) is not None:
            _guarded(work, run, sends.ask_late, version, FOREVER)


# Deliveries


def _delivery(customer: Customer, input: DeliveryInput, moment: Moment, space: Space) -> Outcome:
    core = customer.core
    if not core.runs and not core.slots:
        return Outcome(customer, [])
    work = Work(customer, moment, space, ("input", *input.cause))
    settle(work)
    slots = work.core.slots
    sends.settle_slot(work, input.delivery)
    run = work.present(input.delivery.run)
    found = work.version_of(run) if run is not None else None
    if run is not None and found is not None and run.status != FAILED and sends.news(run, input.delivery):
        _guarded(work, run, sends.delivered, *found, input.delivery)
    if work.core.slots is not slots:
        _ask_deferred(work)
    return _finish(work)


# Timers and touches


def _timer(customer: Customer, input: TimerInput, moment: Moment, space: Space) -> Outcome:
    row = customer.core.row
    work = Work(customer, moment, space, ("timer", customer.id, input.due, customer.core.decisions))
    if row.gone_at and row.gone_at + MARKER_MS <= moment.now:
        if not row.born and not customer.core.writes:  # nobody came back
            return Outcome(empty(customer.workspace, customer.id), [])
        work.core.row = replace(row, gone_at=0)
    settle(work)
    while True:
        due = _due(work)
        alarm = alarms.due(work) if work.core.alarms else None
        if alarm is not None and (not due or alarm[0] < _instant(due[0][0])):  # at one instant, runs go first (R21)
            _ring(work, alarm[2])
        elif due:
            for run, live, version in due:
                at = max(run.due, min(live.status.resumed_at, moment.now))
                _guarded(work, run, fire, version, at)
        else:
            return _finish(work)
        sends.serve(work)


def _ring(work: Work, key: str) -> None:
    """An alarm is due; one that fails rings no more (A6)."""
    live = work.journeys[key.partition("/")[0]]
    if not _guarded_entry(work, live, None, alarms.fire, work, key):
        alarms.drop(work, key)


def _instant(run: Run) -> int:
    return run.due if run.late_at else run.wake_at


def _due(work: Work) -> list[Found]:
    """The runs whose timers are due next, all at the same instant: what they want competes (R3, R39)."""
    first = work.moment.now
    due: list[Found] = []
    for found in _movable(work):
        run, live, _ = found
        at = _instant(run)
        if 0 < at <= first and live.moves and run.id not in work.yielded:
            if at < first:
                first, due = at, []
            due.append(found)
    return sorted(due, key=lambda found: found[0].id) if len(due) > 1 else due


def _touch(customer: Customer, input: TouchInput, moment: Moment, space: Space) -> Outcome:
    work = Work(customer, moment, space, ("touch", customer.id, input.seq, customer.core.decisions))
    settle(work)
    return _finish(work)


def _grant(customer: Customer, input: GrantInput, moment: Moment, space: Space) -> Outcome:
    work = Work(customer, moment, space, ("input", *input.cause))
    settle(work)
    asking.answer(work, work.present(input.run), input)
    settle(work)
    return _finish(work)


def _finish(work: Work) -> Outcome:
    if work.space.timed and work.attributes is not work.before.attributes:
        alarms.check(work)
    if work.wants:
        sends.serve(work)
    return work.outcome()


_HANDLERS: dict[type, Callable[[Customer, Any, Moment, Space], Outcome]] = {
    RowInput: _row,
    DeliveryInput: _delivery,
    TimerInput: _timer,
    TouchInput: _touch,
    GrantInput: _grant,
}
