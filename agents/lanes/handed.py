"""What other lanes have handed to this one: events for customers, questions to quotas, answers of others (A11)."""

from __future__ import annotations

from agents.lanes.crowd import Crowd
from agents.lanes.history import KEPT
from agents.lanes.quotas import Quotas
from laudstream.ids import customer_key
from laudstream.journey.handoff import Ask, Emitted, Grant, Handoff, Release
from laudstream.journey.inputs import Cause, EventInput, GrantInput, Input
from laudstream.journey.quotas import slot_of
from laudstream.records import codec as wire


class Handed:
    """Handles them with the customers and the quotas of a round."""

    def __init__(self, crowd: Crowd, quotas: Quotas) -> None:
        self._crowd, self._quotas = crowd, quotas

    def take(self, cause: Cause, handoff: Handoff, at: int) -> None:
        """`at`: lane time, ms."""
        crowd = self._crowd
        if isinstance(handoff, Emitted):
            self._emitted(cause, handoff, at)
        elif isinstance(handoff, Ask):
            grant = self._quotas.ask(handoff, crowd.catalog, crowd.moment.clock)
            if grant.places:
                crowd.out.handoff(customer_key(handoff.workspace, grant.places[0][0]), grant)
        elif isinstance(handoff, Release):
            self._quotas.release(handoff)
        else:
            self._granted(cause, handoff, at)

    def _granted(self, cause: Cause, grant: Grant, at: int) -> None:
        keys = [customer_key(grant.workspace, customer).encode() for customer, _ in grant.places]
        self._crowd.load(keys)
        for index, (key, (_, run)) in enumerate(zip(keys, grant.places, strict=True)):
            granted, slot = index < grant.granted, slot_of(grant, index)
            self._to(key, GrantInput(cause, grant.journey, run, granted, grant.most, grant.of, slot), at)

    def _emitted(self, cause: Cause, handoff: Emitted, at: int) -> None:
        """An event for a customer of this lane (R52); it is kept like others."""
        crowd, event = self._crowd, handoff.event
        key = customer_key(handoff.workspace, handoff.customer).encode()
        crowd.load([key])
        before = crowd.now[key].recent
        self._to(key, EventInput(cause, event, handoff.life), at)
        after = crowd.now[key]
        kept = event.type in KEPT and after.workspace not in crowd.catalog.forgetful
        if kept and after.recent is not before:
            crowd.history.keep(after, wire.encode(event), at)

    def _to(self, key: bytes, value: Input, at: int) -> None:
        """Its timers that were due earlier go first, as with any input (A4)."""
        crowd = self._crowd
        if 0 < crowd.now[key].core.wake_at < at:
            crowd.late_timers(key, at)
        crowd.advance(key, value, at)
