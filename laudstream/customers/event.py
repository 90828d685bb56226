"""An event: something a customer did, as the API took it."""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.customers.row import Row

TRACK = "track"
DELETE = "delete"
"""The API has deleted the customer: `row` is what was deleted. Of an id that was an alias, `born` and `revision` are
the number of its merge (A18); of one without a row `born` is 0 (R54)."""
ENTER, LEAVE = "enter", "leave"
"""The customer is to enter or leave the journey `name` (R52): from a call of the API, or from a step."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    id: str
    """messageId: the same id within 24 h changes nothing (R2)."""
    type: str
    """track, page, screen, identify, group, alias; enter, leave; delete."""
    name: str = ""
    """Name of a tracked event; of a page or screen its name; empty for identify, group, alias and delete.
    Of enter and leave the journey."""
    properties: dict[str, Any] = {}
    """Of an identify that has merged a visitor, its traits."""
    timestamp: int = 0
    """When it happened: ms since the epoch, corrected by sentAt, never after receipt (R26)."""
    received: int = 0
    """When the API took it, ms."""
    depth: int = 0
    """0 from outside; an emitted event has its cause's depth + 1 (R52)."""
    row: Row | None = None
    """identify, group, alias and delete only: the customer's whole row as PostgreSQL returned it (A17)."""
