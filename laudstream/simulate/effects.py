"""What the virtual world does with each kind of effect that the core returns: the one place where kinds are added.

A kind that stands in no line of EFFECTS stops the simulation; none is ever dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from laudstream import topics
from laudstream.customers.row import Consent, Member, Row
from laudstream.journey.handoff import Ask, Emitted, Forwarded, Grant, Release
from laudstream.journey.inputs import GrantInput, Inheritance
from laudstream.journey.quotas import slot_of
from laudstream.journey.reasons import Reason
from laudstream.journey.write import CONSENT, MEMBER, Write
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.simulate import merging
from laudstream.simulate.person import Person
from laudstream.simulate.ranks import DELIVERIES, HANDOFFS, ROWS
from laudstream.simulate.sender import Fate, delivery

if TYPE_CHECKING:
    from laudstream.simulate.world import World


Happening = Callable[["World", Person, Any], None]
"""Something that happens to a person; the last argument is what it is about."""

HANDOFFS_TOPIC = topics.HANDOFFS


def _request(world: World, person: Person, request: SendRequest) -> None:
    """The sender takes the request, and hands it over a little later if nothing forbids it then (R40, A21)."""
    world.requested(request)
    if not world.sender.held:
        world.later(world.now + world.sender.after_ms, DELIVERIES, request.customer, _hand_over, request)


def _hand_over(world: World, person: Person, request: SendRequest) -> None:
    at = world.now
    reason = _refusal(world, person, request)
    if reason:
        world.deliver(delivery(request, Fate(at, "refused", reason)), person)
        return
    world.deliver(delivery(request, Fate(at, "sent")), person)
    for fate in world.sender.fates(request, at):
        world.later(fate.at, DELIVERIES, request.customer, _deliver, delivery(request, fate))


def _deliver(world: World, person: Person, made: Delivery) -> None:
    world.deliver(made, person)


def _refusal(world: World, person: Person, request: SendRequest) -> str:
    """Why a sender hands nothing over; empty: it does. In the order of senders."""
    core = person.customer.core
    if request.send_before < world.now:
        return Reason.EXPIRED
    if not person.born:
        return Reason.DELETED
    if request.channel in core.suppressions:
        return Reason.SUPPRESSED
    if core.consents and _opted_out(core.consents, request):
        return Reason.UNSUBSCRIBED
    status = world.catalog.spaces[request.workspace].journeys[request.journey].status.status
    return {"stopped": Reason.JOURNEY_STOPPED, "paused": Reason.PAUSED}.get(status, "")


def _opted_out(consents: dict[str, tuple[str, int]], request: SendRequest) -> bool:
    """Marketing obeys every opt-out of its channel, transactional that of its own subscription (R42)."""
    for name, (status, _) in consents.items():
        channel, _, subscription = name.partition("/")
        if channel != request.channel or status != "unsubscribed":
            continue
        if subscription == request.subscription if subscription else request.message_class != "transactional":
            return True
    return False


def _write(world: World, person: Person, write: Write) -> None:
    """The projector carries the write out, and the row comes back at once (A19)."""
    row = person.carry_out(write, world.revise(), world.now)
    if row is None:
        return
    for other in _rows_of(world, write):
        world.later(world.now, ROWS, write.customer, _come_back, other)
    world.later(world.now, ROWS, write.customer, _come_back, row)


def _rows_of(world: World, write: Write) -> list[Consent | Member]:
    """Consents and memberships are rows of their own."""
    if write.op == MEMBER:
        return [Member(segment, member, world.revise()) for segment, member in write.attributes.items()]
    if write.op != CONSENT:
        return []
    names = {name: name.partition("/") for name in write.attributes}
    return [
        Consent(names[name][0], names[name][2], status, world.revise()) for name, status in write.attributes.items()
    ]


def _come_back(world: World, person: Person, row: Row | Consent | Member) -> None:
    world.row(person, row)


def _emitted(world: World, person: Person, emitted: Emitted) -> None:
    """The event comes to the lane of its customer (R52)."""
    world.later(world.now, HANDOFFS, emitted.customer, _arrive, emitted)


def _arrive(world: World, person: Person, emitted: Emitted) -> None:
    world.emitted(person, emitted.event, emitted.life)


def _ask(world: World, person: Person, ask: Ask) -> None:
    """The quota decides at once; its answer is an input of its own (A11)."""
    grant = world.places.ask(ask, world.catalog, world.now)
    for index, (customer, run) in enumerate(grant.places):
        world.later(world.now, HANDOFFS, customer, _answer, (grant, run, index))


def _answer(world: World, person: Person, answer: tuple[Grant, str, int]) -> None:
    grant, run, index = answer
    cause, granted = world.cause(HANDOFFS_TOPIC), index < grant.granted
    world.grant(person, GrantInput(cause, grant.journey, run, granted, grant.most, grant.of, slot_of(grant, index)))


def _release(world: World, person: Person, release: Release) -> None:
    world.places.release(release)


EFFECTS: dict[type, Happening] = {
    SendRequest: _request,
    Write: _write,
    Ask: _ask,
    Release: _release,
    Emitted: _emitted,
    Inheritance: merging.inherited,
    Forwarded: merging.forwarded,
}
"""Kind -> what is done with it. Decisions are not here: the world tells of them itself."""
