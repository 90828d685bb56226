"""Deliveries that move nobody, by far the most: the message and its slot learn what became of them, without a Work."""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.journey import sends
from laudstream.journey.case import note
from laudstream.journey.customer import ACTIVE, Customer, RowState, Run
from laudstream.journey.identity import Identity
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.live import Space
from laudstream.journey.waking import wake_at
from laudstream.messages.delivery import Delivery


def of_another_life(row: RowState, life: int, identity: Identity, number: int = 0, *, own: bool = True) -> bool:
    """Whether that life of the customer is over: what was requested or emitted in it changes nothing (R15). The lives
    of those that were merged into it go on (R50).

    `own`: it is the customer's, and not of an alias, whose lane has judged by `ended`; `number`: of the pointer that it
    followed. Life 0 is anybody's first one, before their row came: only whose it is tells it from others.
    """
    if 0 < number < row.before:
        return True
    if own and not life:
        return bool(row.before)
    return life != (row.born if life > 0 else -row.before) and life not in identity.lives


def ended(row: RowState, life: int) -> bool:
    """Whether a life of an alias had ended before the one that was merged. Of those with a row only the root knows."""
    return life <= 0 and life != -row.before


def noted(customer: Customer, delivery: Delivery, space: Space) -> Customer | None:
    """The customer after a delivery: what `handlers.delivery` makes of it. None: it may do more than be noted."""
    core = customer.core
    if delivery.kind == "refused" or core.judged != space.judged or space.audiences or space.ticking:
        return None
    if (
        space.signals or space.rezoned_at or space.migrated_at or customer.identity.until
    ):  # there may be something to catch up with
        return None
    mine: Run | None = None
    for run in core.runs:
        live = space.journeys.get(run.journey)
        version = live.versions.get(run.version) if live is not None else None
        if live is None or version is None or run.status != ACTIVE or run.held is not None or run.late_at:
            return None
        if run.entered_at < live.ended_before:
            return None
        if run.id == delivery.run:
            step = version.steps.get(run.step)
            if version.heeds or version.keeps is not None or (type(step) is WaitStep and step.told):
                return None
            mine = run
    runs, slots = core.runs, sends.settled(core.slots, delivery)
    message = sends.told(mine, delivery) if mine is not None else None
    if mine is not None and message is not None:
        after = replace(mine)
        note(after, replace(message, state=sends.state_of(delivery)))
        runs = (after,) if len(runs) == 1 else tuple(after if run is mine else run for run in runs)
    due = wake_at(core, runs, space.journeys)
    if message is None and slots is core.slots and due == core.wake_at:
        return customer
    core = replace(core)
    core.runs, core.slots, core.wake_at = runs, slots, due
    return Customer(
        customer.workspace, customer.id, core, customer.attributes, customer.recent, customer.tallies, customer.newest,
        customer.counted, customer.identity,
    )  # fmt: skip
