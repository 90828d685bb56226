"""Deliveries and answers that come before the run that they are for (R50, A22).

A run that goes by way of two roots is overtaken by what follows the newer pointer. What follows it waits until the run
is here, or until every merge that the customer's row tells of has brought what there was: nobody waits for it, so it
may wait for longer than events do. After seven days, or where there are too many, it is handled all the same.
"""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.journey.customer import Core, Customer
from laudstream.journey.handoff import ARM, PACE
from laudstream.journey.identity import MOST_WAITING, MOST_WAITING_BYTES, Identity, Waiting, size_of
from laudstream.journey.inputs import DeliveryInput, GrantInput
from laudstream.journey.waking import MARKER_MS


def overtakes(customer: Customer, input: DeliveryInput | GrantInput) -> bool:
    """Whether its run is not here and may be on its way. What did not follow a pointer waits as events do: its run was
    begun here, and goes on nowhere else."""
    if isinstance(input, GrantInput) and not answers(input):
        return False
    send_id = input.delivery.send_id if isinstance(input, DeliveryInput) else ""
    run = input.delivery.run if isinstance(input, DeliveryInput) else input.run
    return not _here(customer, run, send_id) and (
        bool(customer.identity.until) or (bool(input.number) and _behind(customer, input.number))
    )


def answers(input: GrantInput) -> bool:
    """Whether it is for a run that goes along with a merge; others have ended (R55)."""
    return input.of == PACE or input.of.startswith(ARM)


def over(customer: Customer, now: int) -> tuple[Waiting, ...]:
    """What waits no longer; `now`: by the clock of the round, ms."""
    identity = customer.identity
    return tuple(each for each in identity.waiting if _ready(customer, each, now))


def bounded(identity: Identity, core: Core) -> Identity:
    """The oldest of too many wait no longer; of what has no room in the record, none does."""
    if identity.too_large(core):
        return replace(identity, waiting=tuple(replace(each, at=-MARKER_MS) for each in identity.waiting))
    mine = [each for each in identity.waiting if each.event is None]
    left, size, waiting = len(mine), sum(map(size_of, mine)), list(identity.waiting)
    for index, each in enumerate(waiting):
        if left <= MOST_WAITING and size <= MOST_WAITING_BYTES:
            break
        if each.event is None:
            waiting[index] = replace(each, at=-MARKER_MS)
            left, size = left - 1, size - size_of(each)
    return replace(identity, waiting=tuple(waiting)) if left < len(mine) else identity


def _ready(customer: Customer, one: Waiting, now: int) -> bool:
    if one.event is not None:
        return not customer.identity.until
    if one.at + MARKER_MS <= now:
        return True
    run, send_id = "", ""
    if one.delivery is not None:
        run, send_id = one.delivery.run, one.delivery.send_id
    elif one.answer is not None:
        run = one.answer.run
    followed = one.delivery is None or one.delivery.customer != customer.id
    return _here(customer, run, send_id) or not (
        customer.identity.until or (followed and _behind(customer, one.number))
    )


def _here(customer: Customer, run: str, send_id: str) -> bool:
    core = customer.core
    return any(each.id == run for each in core.runs) or any(slot.send_id == send_id for slot in core.slots)


def _behind(customer: Customer, number: int) -> bool:
    """Whether a merge is still to bring what there is: one that the row tells of, or one whose row is not here yet."""
    identity = customer.identity
    return identity.taken < identity.wanted or customer.core.row.revision < number
