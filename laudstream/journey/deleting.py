"""The API tells of a deletion by an event, so that what it takes after its answer is of the next life (R15, R54).

CDC tells of the same deletion a little earlier or later; whichever comes second changes nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.customers.row import Alias, Row
from laudstream.journey import handlers, pointing
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import AliasInput, EventInput, Input, Moment, Outcome, RowInput
from laudstream.journey.live import Space
from laudstream.journey.origin import about
from laudstream.journey.write import FORGOTTEN, Write


def tells(input: Input) -> bool:
    """Whether it is such an event."""
    return type(input) is EventInput and input.event.row is not None and input.event.row.deleted


def delete(customer: Customer, input: EventInput, moment: Moment, space: Space) -> Outcome:
    """The customer is gone, also for those who look: what was decided before is no longer shown."""
    row = input.event.row
    assert row is not None, "that is what the caller has looked at"
    if not row.born:
        return _unseen(customer, input, row, moment, space)
    done = _seen(customer, input, row, moment, space)
    return _void(done, row, moment) if row.void else done


def _seen(customer: Customer, input: EventInput, row: Row, moment: Moment, space: Space) -> Outcome:
    identity = customer.identity
    if identity.root:
        gone = Alias(identity.root, row.born, deleted=True, at=row.at)
        done = pointing.instead(customer, AliasInput(input.cause, gone), moment) or Outcome(customer, [])
    else:
        done = handlers.row(_met(customer, row), RowInput(input.cause, row), moment, space)
    after = done.customer
    known = after.core.row
    if not known.gone_at or known.born or after.core.writes or after.identity.root:
        return done
    told = about(after, moment, ("input", *input.cause), "deleted")
    core = replace(after.core, decisions=told.n)
    return Outcome(replace(after, core=core), [*done.effects, told], done.parked)


def _unseen(customer: Customer, input: EventInput, row: Row, moment: Moment, space: Space) -> Outcome:
    """There was no row, and whoever this lane knows without one is gone. Behind all that it has written for them it
    says so, and PostgreSQL carries out again what is written for who comes next (R54)."""
    done = Outcome(customer, [])
    if not (customer.core.row.born or customer.identity.root):
        there = replace(row, born=row.revision)
        done = delete(customer, replace(input, event=replace(input.event, row=there)), moment, space)
    return Outcome(done.customer, [*done.effects, _forgotten(done.customer, row, moment)], done.parked)


def _void(done: Outcome, row: Row, moment: Moment) -> Outcome:
    """Whoever came since CDC told of the deletion has written too early: it is said again."""
    customer = done.customer
    again = [
        Write(customer.workspace, customer.id, each.number, each.op, moment.now, each.attributes, list(each.names),
              customer.core.row.born)
        for each in customer.core.pending
    ]  # fmt: skip
    return Outcome(customer, [*done.effects, _forgotten(customer, row, moment), *again], done.parked)


def _forgotten(customer: Customer, row: Row, moment: Moment) -> Write:
    return Write(customer.workspace, customer.id, 1, FORGOTTEN, moment.now, born=row.revision)


def _met(customer: Customer, row: Row) -> Customer:
    """Who has been heard of before their row: it is the row of this life, unless CDC has told of its end already."""
    core = customer.core
    if core.row.born or not core.writes or core.row.revision >= row.revision:
        return customer
    return replace(customer, core=replace(core, row=replace(core.row, born=row.born)))
