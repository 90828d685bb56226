"""What is done with each kind of input but events: rows, deliveries, timers, touches and grants."""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.customers.recent import admit
from laudstream.customers.row import Consent, Member, Row
from laudstream.ids import fingerprint
from laudstream.journey import alarms, asking, holding, looking, pacing, past, receipts, rows, sends, standing
from laudstream.journey.chaining import ask_deferred, begun, follow, let_in, stands
from laudstream.journey.codec import empty
from laudstream.journey.customer import FAILED, Customer, Run
from laudstream.journey.firing import fire
from laudstream.journey.handoff import ARM, PACE
from laudstream.journey.inputs import DeliveryInput, GrantInput, Moment, Outcome, RowInput, TimerInput, TouchInput
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.live import LiveJourney, Space
from laudstream.journey.matching import news_of
from laudstream.journey.moves import Found
from laudstream.journey.settling import guarded_entry, settle
from laudstream.journey.steps import Journey
from laudstream.journey.telling import concerned, guarded, movable, tell, tell_delivery
from laudstream.journey.waking import MARKER_MS
from laudstream.journey.work import Work
from laudstream.messages.delivery import Delivery


def apply_row(work: Work, row: Row) -> bool:
    zone, attributes = work.attributes.get("timezone"), work.attributes
    if not rows.apply(work, row):
        return False
    if work.attributes.get("timezone") != zone:
        ask_deferred(work)  # quiet hours are computed again (R31)
    if not work.silent:  # a merge is no change of an attribute (R29)
        work.was = attributes
    return work.attributes is not attributes


def row(customer: Customer, input: RowInput, moment: Moment, space: Space) -> Outcome:
    work = begun(customer, moment, space, ("input", *input.cause))
    before, row = work.attributes, input.row
    touched: set[str] = set()
    if isinstance(row, Row):
        levels = apply_row(work, row)
    elif not rows.apply(work, row):
        return Outcome(customer, []) if work.core.judged == customer.core.judged else finish(work)
    elif isinstance(row, Member):
        levels = False
        touched.add(row.segment)
    else:
        levels = space.asks_consents
        if isinstance(row, Consent):
            touched.update(space.watch.by_consent.get(f"{row.channel}/{row.subscription}", ()))
        ask_deferred(work)
    levels |= stands(work, before, touched)
    settle(work)
    if levels:
        tell(work, concerned(work, None, levels=True), None)
    let_in(work, (), None)
    return finish(work)


def delivery(customer: Customer, input: DeliveryInput, moment: Moment, space: Space) -> Outcome:
    core, told = customer.core, input.delivery
    asked = told.kind in space.watch.deliveries
    if (not core.runs and not core.slots and not asked) or receipts.of_another_life(
        core.row, told.life, customer.identity, input.number, own=told.customer == customer.id
    ):
        return Outcome(customer, [])
    noted = receipts.noted(customer, told, space) if not asked else None
    if noted is not None:
        return Outcome(noted, [])
    work = begun(customer, moment, space, ("input", *input.cause))
    counts = asked and standing.known(work) and bool(standing.messages_asked(work, told))
    if (counts or _heeded(work, told)) and not _first_time(work, told):
        settle(work)
        return finish(work)
    levels = counts and stands(work, work.attributes, standing.delivery(work, told))
    settle(work)
    if levels:
        tell(work, concerned(work, None, levels=True), None)
    slots = work.core.slots
    work.core.slots = sends.settled(slots, told)
    run = work.present(told.run)
    found = work.version_of(run) if run is not None else None
    if run is not None and found is not None and run.status != FAILED:
        _delivered(work, run, *found, told)
    if work.core.slots is not slots:
        ask_deferred(work)
    let_in(work, (), None)
    return finish(work)


def _heeded(work: Work, told: Delivery) -> bool:
    """Whether the run of the message comes to waits for what becomes of messages."""
    run = work.present(told.run)
    found = work.version_of(run) if run is not None else None
    return found is not None and found[1].heeds


def _first_time(work: Work, told: Delivery) -> bool:
    """Remembers a delivery; what comes again tells nothing new, wherever the run is by then (A22)."""
    remembered = admit(work.recent, fingerprint(told.id), work.now)
    if remembered is not None:
        work.recent = remembered
    return remembered is not None


def _delivered(work: Work, run: Run, live: LiveJourney, version: Journey, delivery: Delivery) -> None:
    """The delivery settles the message, which may move the run; a run that waited before hears of it."""
    work.mark, waited = fingerprint(delivery.id), (run.step, run.visit)
    if version.keeps is not None and version.keeps.deliveries:
        guarded(work, run, past.note, version, news_of(delivery))
    if sends.told(run, delivery) is not None:
        guarded(work, run, sends.delivered, live, version, delivery)
    step, present = version.steps.get(waited[0]), work.present(run.id)
    if isinstance(step, WaitStep) and step.told and present is not None and (present.step, present.visit) == waited:
        tell_delivery(work, present, live, version, delivery)


def timer(customer: Customer, input: TimerInput, moment: Moment, space: Space) -> Outcome:
    row = customer.core.row
    work = begun(customer, moment, space, ("timer", customer.id, input.due, customer.core.decisions))
    if row.gone_at and row.gone_at + MARKER_MS <= moment.now:
        if not row.born and not customer.core.writes:  # nobody came back
            return Outcome(empty(customer.workspace, customer.id), [])
        work.core.row = replace(row, gone_at=0)
    if 0 < work.identity.until <= moment.now:  # what a merge brings is waited for no longer
        work.identity = replace(work.identity, until=0)
    ticks = work.core.ticks
    changed = bool(ticks) and standing.put(work, {id for id, tick in ticks.items() if tick <= moment.now}, "time")
    settle(work)
    if changed:
        tell(work, concerned(work, None, levels=True), None)
    elif space.ticking:
        tell(work, [found for found in movable(work) if 0 < found[0].look_at <= moment.now], None)
    let_in(work, (), None)
    while True:
        due = _due(work) if work.runs else None
        alarm = alarms.due(work) if work.core.alarms else None
        if alarm is not None and (not due or alarm[0] < _instant(due[0][0])):  # at one instant, runs go first (R21)
            _ring(work, alarm[2])
        elif due:
            for run, live, version in due:
                at = max(run.due, min(live.status.resumed_at, moment.now))
                guarded(work, run, fire, version, at)
        else:
            return finish(work)
        sends.serve(work)


def _ring(work: Work, key: str) -> None:
    """An alarm is due; one that fails rings no more (A6)."""
    live = work.journeys[key.partition("/")[0]]
    if not guarded_entry(work, live, None, alarms.fire, work, key):
        alarms.drop(work, key)


def _instant(run: Run) -> int:
    return run.due if run.late_at else run.wake_at


def _due(work: Work) -> list[Found]:
    """The runs whose timers are due next, all at the same instant: what they want competes (R3, R39)."""
    first = work.moment.now
    due: list[Found] = []
    for found in movable(work):
        run, live, _ = found
        at = _instant(run)
        if 0 < at <= first and live.moves and run.id not in work.yielded:
            if at < first:
                first, due = at, []
            due.append(found)
    return sorted(due, key=lambda found: found[0].id) if len(due) > 1 else due


def touch(customer: Customer, input: TouchInput, moment: Moment, space: Space) -> Outcome:
    work = begun(customer, moment, space, ("touch", customer.id, input.seq, customer.core.decisions))
    settle(work)
    if work.core.segments is not customer.core.segments:
        tell(work, concerned(work, None, levels=True), None)
    return finish(work)


def grant(customer: Customer, input: GrantInput, moment: Moment, space: Space) -> Outcome:
    work = begun(customer, moment, space, ("input", *input.cause))
    settle(work)
    if input.of.startswith(ARM):
        holding.answer(work, input)
    elif input.of == PACE:
        _slot(work, input)
    else:
        asking.answer(work, work.present(input.run), input)
    settle(work)
    return finish(work)


def _slot(work: Work, input: GrantInput) -> None:
    """A message that waits for its slot has got it."""
    waits = pacing.waits_for(work, input.run)
    found = work.version_of(waits[0]) if waits is not None else None
    if waits is not None and found is not None:
        guarded(work, waits[0], sends.paced, found[1], waits[1], input.slot)


def finish(work: Work) -> Outcome:
    checked, space = work.before.attributes, work.space
    if space.timed and work.attributes is not checked:
        checked = work.attributes
        alarms.check(work)
    if work.wants:
        sends.serve(work)
    if work.told is not None or work.edges or space.watch.own:
        follow(work)
    if space.timed and work.attributes is not checked:  # runs wrote them
        alarms.check(work)
        follow(work)
    if space.ticking:
        looking.ahead(work)
    return work.outcome()
