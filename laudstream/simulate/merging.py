"""Two customers of a virtual world become one, as PostgreSQL and two lanes do it (R50, A18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laudstream import topics
from laudstream.customers.row import Alias, Consent, Member, Suppression
from laudstream.errors import Invalid
from laudstream.journey.handoff import Forwarded
from laudstream.journey.inputs import AliasInput, DeliveryInput, EventInput, GrantInput, Inheritance, MergeInput
from laudstream.journey.uniting import STRICT
from laudstream.simulate.person import Person
from laudstream.simulate.ranks import HANDOFFS

if TYPE_CHECKING:
    from laudstream.simulate.world import World


def merge(world: World, source: str, target: str) -> None:
    """Merges one customer into another one, now. Raises Invalid if they are one already."""
    alias, root = world.person(_root(world, source)), world.person(_root(world, target))
    if alias is root:
        raise Invalid(f"{source!r} and {target!r} are one customer")
    number, core = world.revise(), alias.customer.core
    row = Alias(root.customer.id, number, alias.born, alias.writes)
    root.created_at = min(alias.created_at, root.created_at) if alias.born and root.born else root.created_at
    root.merges += 1 + alias.merges
    filled = {name: value for name, value in alias.attributes.items() if root.attributes.get(name) in (None, "")}
    attributes, rows = filled, _rows(world, alias, root)
    alias.clear()
    world.hand(alias, AliasInput(world.cause(topics.ROWS), row), world.now)
    if core.row.born or attributes or not root.born:
        world.row(root, root.upsert(attributes, world.revise(), world.now))
    for each in rows:
        world.row(root, each)


def merge_once(world: World, source: str, target: str) -> None:
    """Merges them unless they are one already."""
    if _root(world, source) != _root(world, target):
        merge(world, source, target)


def _root(world: World, id: str) -> str:
    while above := world.person(id).customer.identity.root:
        id = above
    return id


def _rows(world: World, alias: Person, root: Person) -> list[Consent | Suppression | Member]:
    """What the root's rows become (R50)."""
    theirs, ours = alias.customer.core, root.customer.core
    rows: list[Consent | Suppression | Member] = []
    for name, (status, _) in theirs.consents.items():
        mine = ours.consents.get(name, ("unknown", 0))[0]
        if STRICT.index(status) < STRICT.index(mine):
            channel, _, subscription = name.partition("/")
            rows.append(Consent(channel, subscription, status, world.revise()))
    for channel, (reason, _) in theirs.suppressions.items():
        if channel not in ours.suppressions:
            rows.append(Suppression(channel, reason, world.revise()))
    for segment, (member, _) in theirs.members.items():
        if segment not in ours.members:
            rows.append(Member(segment, member, world.revise()))
    return rows


def inherited(world: World, person: Person, left: Inheritance) -> None:
    """What the alias leaves comes to the lane of its root."""
    world.later(world.now, HANDOFFS, left.root, _bring, left)


def _bring(world: World, person: Person, left: Inheritance) -> None:
    world.hand(person, MergeInput(world.cause(topics.HANDOFFS), left.source, left.number, left.legacy), world.now)


def forwarded(world: World, person: Person, handoff: Forwarded) -> None:
    """What came for an alias comes to the lane of its root."""
    world.later(world.now, HANDOFFS, handoff.customer, _follow, handoff)


def _follow(world: World, person: Person, handoff: Forwarded) -> None:
    cause = world.cause(topics.HANDOFFS)
    if handoff.event is not None:
        world.hand(person, EventInput(cause, handoff.event, handoff.life, handoff.number), world.now)
    elif handoff.delivery is not None:
        world.hand(person, DeliveryInput(cause, handoff.delivery), world.now)
    elif handoff.answer is not None:
        answer = handoff.answer
        world.hand(
            person,
            GrantInput(cause, answer.journey, answer.run, answer.granted, answer.most, answer.of, answer.slot),
            world.now,
        )
