"""A delivery: what became of a send request. Senders, callbacks and tracking write it (A22)."""

from __future__ import annotations

import msgspec

KINDS = (
    "sent", "delivered", "bounced", "complained", "opened", "clicked", "refused", "failed", "unknown",
    "replied", "unsubscribed",
)  # fmt: skip


PROVES = {"delivered": "sent", "opened": "sent", "clicked": "sent", "bounced": "sent", "complained": "sent",
          "replied": "sent", "unsubscribed": "sent"}  # fmt: skip
"""Kinds that prove that the message had left."""


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Written at least once; `id` is the same each time. Everything but kind, reason, at, provider_id and
    detail is copied from the send request, so that nobody ever looks one up (A20)."""

    id: str
    send_id: str
    workspace: str
    customer: str
    kind: str
    """One of KINDS."""
    at: int
    """When it happened, ms."""
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
    reason: str = ""
    """A word of `laudstream.journey.reasons` for refused and failed."""
    provider_id: str = ""
    detail: str = ""
    """What the provider said, at most 500 characters."""
    link: str = ""
    """clicked: the address that the link leads to."""
    machine: bool = False
    """opened, clicked: a machine did it (R56)."""
    life: int = 0
    """Of the customer, that the message belongs to."""
