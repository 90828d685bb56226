"""A customer is merged into another one: what it has goes there, and a pointer stays (R50, A18)."""

from __future__ import annotations

from laudstream.customers.row import Alias
from laudstream.journey.chaining import begun
from laudstream.journey.counted import runs_of
from laudstream.journey.customer import ASKING, Core, Customer, RowState
from laudstream.journey.handlers import finish
from laudstream.journey.identity import Identity
from laudstream.journey.inputs import AliasInput, Inheritance, Moment, Outcome
from laudstream.journey.legacy import Legacy
from laudstream.journey.live import Space
from laudstream.journey.moves import end
from laudstream.journey.origin import about
from laudstream.journey.pointing import passed
from laudstream.journey.reasons import Reason
from laudstream.journey.settling import settle
from laudstream.journey.standing import known
from laudstream.journey.write import FIRST_SIGHT


def leave(customer: Customer, input: AliasInput, moment: Moment, space: Space) -> Outcome:
    """What was published and is due for the customer happens first. Runs that ask for a place end."""
    row, cause = input.alias, ("input", *input.cause)
    if row.deleted or row.root == customer.id or row.number <= customer.core.row.before:
        return Outcome(customer, [])
    work = begun(customer, moment, space, cause)
    settle(work)
    for run in tuple(work.runs):
        if run.status == ASKING and not run.granted:
            end(work, run, moment.now, reason=Reason.MERGED)
    somebody = known(work) or bool(work.runs)
    done = finish(work)
    found = done.customer
    pointer = Identity(row.root, row.number)
    core, before = found.core, found.core.row
    number = core.decisions + 1 if somebody else core.decisions
    gone = RowState(0, max(before.revision, row.number), 0, before.gone_at, before.before)
    after = Customer(found.workspace, found.id, Core(gone, number), {}, b"", identity=pointer)
    effects = [*done.effects]
    if somebody:
        effects.append(about(found, moment, cause, "merged", into=row.root, merge=row.number))
    # also of somebody unknown: the root counts what is brought
    effects.append(Inheritance(found.workspace, row.root, found.id, row.number, _legacy(found, row, number)))
    for each in found.identity.waiting:
        on = passed(found, pointer, each)
        if on is not None:
            effects.append(on)
    return Outcome(after, effects, done.parked)


def _legacy(customer: Customer, row: Alias, decisions: int) -> Legacy:
    core, identity = customer.core, customer.identity
    lives = dict.fromkeys((core.row.born, row.born, -core.row.before, *identity.lives))
    return Legacy(
        decisions, (), customer.tallies, customer.recent, customer.attributes, core.consents, core.suppressions,
        core.members, core.memory, core.assignments, core.slots, core.goals, core.alarms, core.swept,
        tuple(each for each in core.pending if each.number > row.writes and each.op != FIRST_SIGHT),
        tuple(lives), identity.taken, tuple(runs_of(core, customer.counted)),
    )  # fmt: skip
