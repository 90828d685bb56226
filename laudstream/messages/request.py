"""A send request: final order of a lane to a sender (A20, R40)."""

from __future__ import annotations

from typing import Any

import msgspec


class SendRequest(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    send_id: str
    """hash(workspace, run, step, visit, attempt): the same message always has the same id."""
    workspace: str
    customer: str
    channel: str
    message_class: str
    """transactional or marketing."""
    journey: str
    version: int
    run: str
    step: str
    visit: int
    attempt: int
    template: str
    template_version: int
    to: str
    """Address: for email the mail address."""
    requested_at: int
    """ms; clock of the round."""
    send_before: int
    """ms; nothing is handed over after it."""
    on_unknown: str = "hold"
    """hold: at most once (marketing); retry: at least once (transactional) (A21)."""
    subscription: str = ""
    context: dict[str, Any] = {}
    """What the template reads: {"customer": {…}, "entry": {…}, "steps": {…}}; at most 32 KB."""

    consent: bool = True
    """False: an action that no opt-out concerns (R43)."""
    fresh: bool = False
    """An action for a customer who had no row yet: that there is none soon after does not mean that it was deleted."""
    life: int = 0
    """Of the customer, that the message belongs to: the birth of the row (A16); while there is no row yet, minus the
    revision at which the life before ended."""

    @property
    def topic_is_bulk(self) -> bool:
        return self.message_class != "transactional"
