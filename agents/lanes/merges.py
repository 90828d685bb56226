"""Customers that are merged, as far as lanes have to do with it: kept events go along, and what a root held back is
handled once the merge has brought what there was (R50, A18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agents.lanes.history import KEPT
from laudstream.ids import key_of
from laudstream.journey import overtaken
from laudstream.journey.customer import Customer
from laudstream.journey.handoff import Forwarded, Merged
from laudstream.journey.identity import Waiting
from laudstream.journey.inputs import (
    Cause,
    DeliveryInput,
    EventInput,
    GrantInput,
    Inheritance,
    MergeInput,
    RootInput,
)
from laudstream.journey.legacy import parts, read
from laudstream.records import codec as wire

if TYPE_CHECKING:
    from agents.lanes.crowd import Crowd


def hand_over(crowd: Crowd, before: Customer, left: Inheritance) -> None:
    """Sends what an alias leaves to its root. Its kept events go along, and are gone here."""
    history = crowd.history
    events = tuple((entry.at, entry.value) for entry in history.entries(before.newest))
    history.erase(before.newest)
    bodies = parts(replace(left.legacy, events=events))
    key = key_of(left.workspace, left.root)
    for number, body in enumerate(bodies, 1):
        merged = Merged(left.workspace, left.root, left.number, left.source, body, number, len(bodies))
        crowd.out.handoff(key, merged)


def merged(crowd: Crowd, cause: Cause, handoff: Merged, at: int) -> None:
    """What an alias of another lane left to a customer of this one; `at`: lane time, ms."""
    key = _root(crowd, handoff, at)
    if key is None:
        return
    identity = crowd.now[key].identity
    if identity.root:  # it was merged on meanwhile
        on = replace(handoff, customer=identity.root, number=identity.number)
        crowd.out.handoff(key_of(handoff.workspace, identity.root), on)
        return
    legacy = read(handoff.body)
    value = MergeInput(cause, handoff.source, handoff.number, replace(legacy, events=()), handoff.part == handoff.parts)
    before = crowd.ripe(key, at)
    crowd.advance(key, value, at)
    after = crowd.now[key]
    if legacy.events and after.recent is not before.recent and after.workspace not in crowd.catalog.forgetful:
        crowd.history.unite(after, legacy.events)


def forwarded(crowd: Crowd, cause: Cause, handoff: Forwarded, at: int) -> None:
    """What came for an alias of this customer."""
    key = _root(crowd, handoff, at)
    if key is None:
        return
    _handle(crowd, key, cause, handoff, handoff.number, at)


def _handle(crowd: Crowd, key: bytes, cause: Cause, came: Forwarded | Waiting, number: int, at: int) -> None:
    if came.event is not None:
        event(crowd, key, EventInput(cause, came.event, came.life, number), at)
    elif came.delivery is not None:
        crowd.to(key, DeliveryInput(cause, came.delivery, number), at)
    elif came.answer is not None:
        answer = came.answer
        value = GrantInput(
            cause, answer.journey, answer.run, answer.granted, answer.most, answer.of, answer.slot, number
        )
        crowd.to(key, value, at)


def event(crowd: Crowd, key: bytes, value: EventInput, at: int) -> None:
    """An event that no record of `laudstream.events` brought; it is kept like others."""
    before = crowd.ripe(key, at).recent
    crowd.advance(key, value, at)
    after = crowd.now[key]
    kept = value.event.type in KEPT and after.workspace not in crowd.catalog.forgetful
    if kept and after.recent is not before and not after.identity.root:
        crowd.history.keep(after, wire.encode(value.event), at)


def release(crowd: Crowd, key: bytes) -> None:
    """Handles what a root held back and need not hold back any more."""
    customer = crowd.now[key]
    waiting = customer.identity.waiting
    now = max(crowd.moment.now, waiting[-1].at)
    some = overtaken.over(customer, crowd.moment.clock)
    if not some:
        return
    left = tuple(each for each in waiting if each not in some)
    crowd.now[key] = replace(customer, identity=replace(customer.identity, waiting=left))
    crowd.changed.setdefault(key, customer)
    for each in some:
        _handle(crowd, key, each.cause, each, each.number if each.event is not None else 0, now)


def _root(crowd: Crowd, handoff: Merged | Forwarded, at: int) -> bytes | None:
    """Key of the customer that it is for, who is here. A pointer that is older than the one that led here is over.
    None: whom it was for was deleted since, and another life has been merged on."""
    key = key_of(handoff.workspace, handoff.customer).encode()
    crowd.load([key])
    customer = crowd.now[key]
    if customer.identity.root:
        if customer.core.row.before > handoff.number:
            return None
        if customer.identity.number < handoff.number:
            crowd.advance(key, RootInput(), at)
    return key
