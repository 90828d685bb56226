"""Customers who are aliases, and roots that wait for what a merge brings: what happens to an input instead (R50, A18).

An alias keeps nothing but a pointer. Events, deliveries and answers that come for it go on to its root; timers and
touches find nobody. Events of a root whose row tells of a merge wait until the other lane has brought what the merged
customer had: a run that waits for such an event may be among it.
"""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.customers.row import Row
from laudstream.journey import handlers, overtaken
from laudstream.journey.codec import empty
from laudstream.journey.customer import Core, Customer, RowState
from laudstream.journey.handoff import Answered, Forwarded, Release
from laudstream.journey.identity import ALONE, Identity, Waiting
from laudstream.journey.inputs import (
    AliasInput,
    DeliveryInput,
    Effect,
    EventInput,
    GrantInput,
    Input,
    Moment,
    Outcome,
    RootInput,
    RowInput,
)
from laudstream.journey.live import Space
from laudstream.journey.origin import about
from laudstream.journey.reasons import Reason
from laudstream.journey.receipts import ended
from laudstream.journey.waking import MARKER_MS


def born_again(customer: Customer, input: Input) -> Customer:
    """A row of a call that is younger than the pointer is of a new person: the root was deleted, and its aliases with
    it, which CDC tells a little later (A17)."""
    number = customer.identity.number
    if not customer.identity.root or not isinstance(input, EventInput):
        return customer
    if input.event.row is None or input.event.row.born <= number:
        return customer
    core, known = replace(customer.core), customer.core.row
    core.row = RowState(0, max(known.revision, number), 0, known.gone_at, max(known.before, number))
    return replace(customer, core=core, identity=ALONE)


def instead(customer: Customer, input: Input, moment: Moment) -> Outcome | None:
    """What happens to an input of an alias, or of a root that waits; None: it is handled like any other."""
    identity = customer.identity
    if identity.root and not isinstance(input, RootInput):
        if isinstance(input, AliasInput):
            return _moved(customer, input, moment)
        passed = _passed(customer, input)
        return Outcome(customer, [] if passed is None else [passed])
    if isinstance(input, EventInput):
        return held(customer, input, moment) if identity.until and not over(customer.core.row, input) else None
    if isinstance(input, DeliveryInput | GrantInput) and overtaken.overtakes(customer, input):
        return held(customer, input, moment)
    return None


def over(row: RowState, input: EventInput) -> bool:
    """Whether an event belongs to a life that has ended (R54). One that followed a newer pointer does not, whenever it
    was received: its alias was merged into the life after."""
    return bool(row.gone_at) and input.event.received <= row.gone_at and input.number <= row.before


def _answer(input: GrantInput) -> Answered:
    return Answered(input.journey, input.run, input.granted, input.most, input.of, input.slot)


def passed(customer: Customer, identity: Identity, one: Waiting) -> Forwarded | None:
    """What waited, on its way to the root."""
    if one.event is not None:
        return forwarded(customer, identity, EventInput(one.cause, one.event, one.life))
    return Forwarded(customer.workspace, identity.root, identity.number, delivery=one.delivery, answer=one.answer)


def root_again(customer: Customer, input: RootInput, moment: Moment, space: object) -> Outcome:
    """The pointer of a customer is over."""
    return Outcome(replace(customer, identity=ALONE), []) if customer.identity.root else Outcome(customer, [])


def merges(customer: Customer, row: Row) -> bool:
    """Whether a row tells first of a merge that has not brought anything yet."""
    identity = customer.identity
    return row.merges > max(identity.wanted, identity.taken) and row.revision - 1 > customer.core.row.revision


def identified(customer: Customer, input: EventInput, moment: Moment, space: Space) -> Outcome:
    """An identify that has merged somebody: its row without its traits is what the merge made, and enters nobody (R35).
    Its traits wait like other events, and are a change like any other."""
    event, before = input.event, customer.attributes
    row = event.row
    assert row is not None, "that is what the caller has looked at"
    made = {name: value for name, value in row.attributes.items() if name not in event.properties}
    made |= {name: before[name] for name in event.properties if name in before}
    merged = replace(row, revision=row.revision - 1, attributes=made)
    done = handlers.row(customer, RowInput(input.cause, merged), moment, space)
    waits = held(done.customer, input, moment)
    return Outcome(waits.customer, [*done.effects, *waits.effects], done.parked)


def forwarded(customer: Customer, identity: Identity, input: EventInput) -> Forwarded | None:
    """An event on its way to the root; None: there is nothing in it for that one, whose row comes by itself."""
    event = input.event if input.event.row is None else replace(input.event, row=None)
    if event.type in ("identify", "alias"):
        return None
    return Forwarded(customer.workspace, identity.root, identity.number, event, input.life)


def _passed(customer: Customer, input: Input) -> Effect | None:
    identity, workspace = customer.identity, customer.workspace
    if isinstance(input, EventInput):
        row, own = customer.core.row, input.life is not None and not input.number
        if over(row, input) or (own and input.life is not None and ended(row, input.life)):
            return None
        return forwarded(customer, identity, input)
    if isinstance(input, DeliveryInput):
        told = input.delivery
        if told.customer == customer.id and ended(customer.core.row, told.life):
            return None
        return Forwarded(workspace, identity.root, identity.number, delivery=input.delivery)
    if isinstance(input, GrantInput):
        if overtaken.answers(input):
            return Forwarded(workspace, identity.root, identity.number, answer=_answer(input))
        if input.granted:  # the run that asked has ended with the merge (R55)
            return Release(workspace, input.journey, input.run, of=input.of)
    return None


def _moved(customer: Customer, input: AliasInput, moment: Moment) -> Outcome:
    """The row of the identity changed: another root, or none, since that was deleted."""
    identity, row = customer.identity, input.alias
    if row.number < identity.number:
        return Outcome(customer, [])
    if not row.deleted:
        if (row.root, row.number) == (identity.root, identity.number):
            return Outcome(customer, [])
        return Outcome(replace(customer, identity=replace(identity, root=row.root, number=row.number)), [])
    at = row.at or moment.now
    nobody = empty(customer.workspace, customer.id)
    known = customer.core.row
    state = RowState(0, max(known.revision, row.number), 0, at, row.number)
    core = Core(state, decisions=customer.core.decisions, wake_at=at + MARKER_MS)
    return Outcome(replace(nobody, core=core), [])


def held(customer: Customer, input: EventInput | DeliveryInput | GrantInput, moment: Moment) -> Outcome:
    """It waits; of too many that wait, none waits any longer, and the lane handles them."""
    identity = customer.identity
    if isinstance(input, EventInput):
        one = Waiting(input.cause, input.event, moment.now, input.life, input.number)
    else:
        told = input.delivery if isinstance(input, DeliveryInput) else None
        answer = _answer(input) if isinstance(input, GrantInput) else None
        ahead = not identity.until or customer.core.row.revision < input.number
        one = Waiting(input.cause, None, moment.now, number=input.number if ahead else 0, delivery=told, answer=answer)
    waiting = replace(identity, waiting=(*identity.waiting, one))
    if not waiting.until or not waiting.crowded(customer.core):
        waiting = overtaken.bounded(waiting, customer.core)
        return Outcome(replace(customer, identity=waiting), [])
    which = "events that wait for a merge"
    limit = about(customer, moment, ("input", *input.cause), "limit", Reason.LIMIT, which=which)
    core = replace(customer.core, decisions=limit.n)
    return Outcome(replace(customer, core=core, identity=replace(waiting, until=0)), [limit])
