"""The pure core: `advance(customer, input, moment, catalog)` gives the next customer and the effects.

One input is worked through in a fixed order (R21): the customer's row, attributes and ids; deletion; exits;
present runs, the oldest first; entries by priority and journey id; then the messages that were wanted; then what runs
moved themselves is put into the segments, and what that fires is the next link of a chain. No clock,
no randomness, no environment: the same inputs give the same bytes (A13).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from msgspec.structs import replace

from laudstream.customers.event import Event
from laudstream.customers.recent import admit, fingerprint
from laudstream.customers.row import Consent, Member, Row
from laudstream.journey import asking, entering, rows, sends, standing
from laudstream.journey.catalog import NOTHING, Catalog, LiveJourney, Space, by_priority
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
from laudstream.journey.moves import Found, Left, count, end, exit_rule, hear, take
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey, WaitStep
from laudstream.journey.work import MARKER_MS, Work, wake_at
from laudstream.messages.delivery import Delivery

TOO_DEEP = 9
"""Links of a chain (R52)."""
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
    if core.judged != space.judged or (tracked and event.name in space.counted):
        unsettled = True
    known = row.born or core.writes
    if known and not unsettled and not entries and event.row is None:  # no more than runs have to hear of it
        if not listening:
            return Outcome(
                Customer(customer.workspace, customer.id, core, customer.attributes, remembered, customer.tallies), []
            )
        counted = count(runs, listening, event, mark, moment.now) if tracked else None
        if counted is not None:
            core = replace(core)
            core.runs, core.wake_at = counted, wake_at(core, counted, space.journeys)
            return Outcome(
                Customer(customer.workspace, customer.id, core, customer.attributes, remembered, customer.tallies), []
            )
    heard = event if tracked else None
    work = _begun(customer, moment, space, ("input", *input.cause))
    work.mark, work.recent = mark, remembered
    if not known or unsettled or event.row is not None:
        listening = _settled(work, event, heard)
    if listening and heard is not None:
        _tell(work, listening, heard)
    _let_in(work, entries, event)
    return _finish(work, event.depth)


def _begun(customer: Customer, moment: Moment, space: Space, cause: tuple[str | int, ...]) -> Work:
    """An input under way. What was published since the customer was last looked at comes first (R35)."""
    work = Work(customer, moment, space, cause)
    if work.core.judged != space.judged:
        standing.catch_up(work)
    return work


def _let_in(work: Work, entries: Sequence[LiveJourney], event: Event | None) -> None:
    """Entries by the event, and by the segments that changed (R21)."""
    if not work.edges:
        for live in entries:
            _enter(work, live, event)
        return
    edges, work.edges = work.edges, []
    met = [live for edge in edges for live in work.space.edges.get(edge, ())]
    for live in by_priority([*entries, *met]):
        if live in entries:
            _enter(work, live, event)
        if live in met:
            _enter(work, live, None, edges)


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
    before = work.attributes
    changed = event.row is not None and _apply_row(work, event.row)
    if changed and not work.recent:  # the row began another life
        work.recent = admit(b"", work.mark, work.moment.now) or b""
    rows.first_sight(work)
    changed |= _stands(work, before, standing.event(work, heard) if heard is not None else set())
    settle(work)
    listening = _concerned(work, heard, levels=changed)
    if heard is None:
        _tell(work, listening, None)
    return listening


def _stands(work: Work, before: dict[str, Any], touched: set[str]) -> bool:
    """Puts an input into tallies and segments; whether a condition may have become another. `before`: the attributes
    before it; `touched`: segments that it touches besides."""
    if not work.space.judged and not work.space.watch.since:
        return False
    touched |= standing.attributes(work, before)
    standing.put(work, touched, "input")
    return work.tallies is not work.before.tallies or work.core.segments is not work.before.core.segments


def _enter(
    work: Work, live: LiveJourney, event: Event | None, edges: Collection[tuple[str, str]] | None = None
) -> None:
    """By an event, by changes of segments (`edges`), or (neither) by the audience."""
    made = len(work.out)
    try:
        if edges is not None:
            entering.enter_segment(work, live, edges)
        elif event is None:
            entering.enter_audience(work, live)
        else:
            entering.enter(work, live, event)
    except MemoryError:
        raise
    except Exception as error:
        work.take_back(work.out[made:])
        nobody = Run("", live.id, live.status.live, work.moment.now, entering.entered(work, event), "")
        data = {"error": f"{type(error).__name__}: {error}"[:500]}
        work.decide("failed", nobody, work.moment.now, reason=Reason.FAILED, data=data)
        work.parked.append(live.id)


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
    """Whether the customer is to be looked at for the audience of a journey: it was there when that was published,
    and was not looked at yet. In a pause nobody is (R49)."""
    seq, at = live.status.audience
    return live.moves and core.row.born > 0 and core.row.created_at <= at and core.swept.get(live.id) != seq


def _resume(work: Work, run: Run, version: Journey) -> None:
    held = run.held
    if held is not None:
        take(work, run, version, Left(held.branch, held.to, held.data, work.moment.now), held.event, held.mark)


def _concerned(work: Work, event: Event | None, *, levels: bool) -> list[Found]:
    """The runs that listen to the event, or to attributes if those changed (R6, R21)."""
    return [
        found
        for found in _movable(work)
        if (event is not None and found[2].listens(found[0].step, event.name))
        or (levels and (found[0].step in found[2].levels or found[0].status == ASKING))
    ]


def _tell(work: Work, listening: list[Found], event: Event | None) -> None:
    """Exits of all runs, then branches (R6, R21)."""
    for run, _, version in listening:
        if version.exits:
            _guarded_exit(work, run, version, event)
    for run, live, version in listening:
        if run.status == ASKING:
            if event is not None and work.present(run.id) is not None:
                asking.keep(work, run, version, event)
            continue
        step = version.steps.get(run.step)  # None: a step that is not there; hearing it parks the run
        if step is None or isinstance(step, WaitStep):
            _guarded_hear(work, run, version, event, live.moves)


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
    work = _begun(customer, moment, space, ("input", *input.cause))
    before, row = work.attributes, input.row
    touched: set[str] = set()
    if isinstance(row, Row):
        levels = _apply_row(work, row)
    elif not rows.apply(work, row):
        return Outcome(customer, []) if work.core.judged == customer.core.judged else _finish(work)
    elif isinstance(row, Member):
        levels = False
        touched.add(row.segment)
    else:
        levels = bool(space.asks_consents)
        if isinstance(row, Consent):
            touched.update(space.watch.by_consent.get(f"{row.channel}/{row.subscription}", ()))
        _ask_deferred(work)
    levels |= _stands(work, before, touched)
    settle(work)
    if levels:
        _tell(work, _concerned(work, None, levels=True), None)
    _let_in(work, (), None)
    return _finish(work)


def _ask_deferred(work: Work) -> None:
    for run, _, version in _movable(work):
        if run.status == DEFERRED:
            _guarded(work, run, sends.ask_again, version)


# Deliveries


def _delivery(customer: Customer, input: DeliveryInput, moment: Moment, space: Space) -> Outcome:
    core = customer.core
    asked = input.delivery.kind in space.watch.deliveries
    if not core.runs and not core.slots and not asked:
        return Outcome(customer, [])
    work = _begun(customer, moment, space, ("input", *input.cause))
    levels = asked and _delivered(work, input.delivery)
    settle(work)
    if levels:
        _tell(work, _concerned(work, None, levels=True), None)
    slots = work.core.slots
    sends.settle_slot(work, input.delivery)
    run = work.present(input.delivery.run)
    found = work.version_of(run) if run is not None else None
    if run is not None and found is not None and run.status != FAILED and sends.news(run, input.delivery):
        _guarded(work, run, sends.delivered, *found, input.delivery)
    if work.core.slots is not slots:
        _ask_deferred(work)
    _let_in(work, (), None)
    return _finish(work)


def _delivered(work: Work, told: Delivery) -> bool:
    """Adds a delivery to the tallies, once however often it comes (A22)."""
    if not standing.known(work) or not standing.messages_asked(work, told):
        return False
    remembered = admit(work.recent, fingerprint(told.id), work.now)
    if remembered is None:
        return False
    work.recent = remembered
    return _stands(work, work.attributes, standing.delivery(work, told))


# Timers and touches


def _timer(customer: Customer, input: TimerInput, moment: Moment, space: Space) -> Outcome:
    row = customer.core.row
    work = _begun(customer, moment, space, ("timer", customer.id, input.due, customer.core.decisions))
    if row.gone_at and row.gone_at + MARKER_MS <= moment.now:
        if not row.born and not customer.core.writes:  # nobody came back
            return Outcome(empty(customer.workspace, customer.id), [])
        work.core.row = replace(row, gone_at=0)
    ticks = work.core.ticks
    changed = bool(ticks) and standing.put(work, {id for id, tick in ticks.items() if tick <= moment.now}, "time")
    settle(work)
    if changed:
        _tell(work, _concerned(work, None, levels=True), None)
    elif space.timed:
        _tell(work, [found for found in _movable(work) if 0 < found[0].look_at <= moment.now], None)
    if work.edges:
        _let_in(work, (), None)
    while due := _due(work):
        for run, live, version in due:
            at = max(run.due, min(live.status.resumed_at, moment.now))
            _guarded(work, run, fire, version, at)
        sends.serve(work)
    return _finish(work)


def _due(work: Work) -> list[Found]:
    """The runs whose timers are due next, all at the same instant: what they want competes (R3, R39)."""
    first = work.moment.now
    due: list[Found] = []
    for found in _movable(work):
        run, live, _ = found
        at = run.due if run.late_at else run.wake_at
        if 0 < at <= first and live.moves and run.id not in work.yielded:
            if at < first:
                first, due = at, []
            due.append(found)
    return sorted(due, key=lambda found: found[0].id) if len(due) > 1 else due


def _touch(customer: Customer, input: TouchInput, moment: Moment, space: Space) -> Outcome:
    work = _begun(customer, moment, space, ("touch", customer.id, input.seq, customer.core.decisions))
    settle(work)
    if work.core.segments is not customer.core.segments:
        _tell(work, _concerned(work, None, levels=True), None)
    return _finish(work)


def _grant(customer: Customer, input: GrantInput, moment: Moment, space: Space) -> Outcome:
    work = _begun(customer, moment, space, ("input", *input.cause))
    settle(work)
    asking.answer(work, work.present(input.run), input)
    settle(work)
    return _finish(work)


def _finish(work: Work, depth: int = 0) -> Outcome:
    if work.wants:
        sends.serve(work)
    if work.space.watch.own:
        _chain(work, depth)
    return work.outcome()


def _chain(work: Work, depth: int) -> None:
    """Puts what runs did into the segments; entries that this fires are the next link of the chain (R21, R52)."""
    while work.seen < len(work.out):
        work.left = frozenset()
        before = work.tallies
        changed = standing.put(work, standing.own(work), "runs")
        if changed or work.tallies is not before:
            _tell(work, _concerned(work, None, levels=True), None)
        depth += 1
        if depth >= TOO_DEEP:
            for edge in work.edges:
                data = {"segment": edge[0], "on": edge[1]}
                for live in work.space.edges.get(edge, ()):
                    nobody = Run("", live.id, live.status.live, work.now, entering.entered(work, None), "")
                    work.decide("not_entered", nobody, work.now, reason=Reason.TOO_DEEP, data=data)
            work.edges = []
        elif work.edges:
            _let_in(work, (), None)
        if work.wants:
            sends.serve(work)


_HANDLERS: dict[type, Callable[[Customer, Any, Moment, Space], Outcome]] = {
    RowInput: _row,
    DeliveryInput: _delivery,
    TimerInput: _timer,
    TouchInput: _touch,
    GrantInput: _grant,
}
