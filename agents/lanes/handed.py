"""What other lanes have handed to this one: events for customers (R52), customers that are merged (R50), questions to
quotas, answers of others (A11)."""

from __future__ import annotations

from agents.lanes import merges
from agents.lanes.crowd import Crowd
from agents.lanes.quotas import Quotas
from laudstream.ids import key_of
from laudstream.journey.handoff import Ask, Emitted, Forwarded, Grant, Handoff, Merged, Release
from laudstream.journey.inputs import Cause, EventInput, GrantInput
from laudstream.journey.quotas import slot_of


class Handed:
    """Handles them with the customers and the quotas of a round."""

    def __init__(self, crowd: Crowd, quotas: Quotas) -> None:
        self._crowd, self._quotas = crowd, quotas

    def take(self, cause: Cause, handoff: Handoff, at: int) -> None:
        """`at`: lane time, ms."""
        crowd = self._crowd
        if isinstance(handoff, Emitted):
            key = key_of(handoff.workspace, handoff.customer).encode()
            crowd.load([key])
            merges.event(crowd, key, EventInput(cause, handoff.event, handoff.life), at)
        elif isinstance(handoff, Merged):
            merges.merged(crowd, cause, handoff, at)
        elif isinstance(handoff, Forwarded):
            merges.forwarded(crowd, cause, handoff, at)
        elif isinstance(handoff, Ask):
            grant = self._quotas.ask(handoff, crowd.catalog, crowd.moment.clock)
            if grant.places:
                crowd.out.handoff(key_of(handoff.workspace, grant.places[0][0]), grant)
        elif isinstance(handoff, Release):
            self._quotas.release(handoff)
        else:
            self._granted(cause, handoff, at)

    def _granted(self, cause: Cause, grant: Grant, at: int) -> None:
        keys = [key_of(grant.workspace, customer).encode() for customer, _ in grant.places]
        self._crowd.load(keys)
        for index, (key, (_, run)) in enumerate(zip(keys, grant.places, strict=True)):
            granted, slot = index < grant.granted, slot_of(grant, index)
            self._crowd.to(key, GrantInput(cause, grant.journey, run, granted, grant.most, grant.of, slot), at)
