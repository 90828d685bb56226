"""A customer's row in PostgreSQL, as lanes see it (by CDC or inside an identify)."""

from __future__ import annotations

from typing import Any

import msgspec

GROUP = "group"
"""The attribute that holds the traits of the customer's group (A18); only `group` calls write it."""
RESERVED = ("`group` holds the traits of the customer's group", "use another name, or send a `group` call")


class Row(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    born: int
    """Number of the insert: another `born` is another life of this customer id (A16). 0, and deleted: there was none,
    and `revision` is the number of the deletion (R54)."""
    revision: int
    """Grows with every change of the row; an older revision changes nothing."""
    attributes: dict[str, Any] = {}
    """email, phone, timezone, locale and whatever else is known; JSON values."""
    created_at: int = 0
    """ms since the epoch."""
    deleted: bool = False
    writes: int = 0
    """Number of the last write of the lane that this row contains (A19)."""
    at: int = 0
    """When the change was made, by PostgreSQL's clock, ms; 0: not known (R54)."""
    merges: int = 0
    """How many other customers were merged into this one (R50)."""
    void: bool = False
    """Of a deletion: nothing is carried out for a life without a row until the lane says that it knows (R54)."""


class Consent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A row of `consents`."""

    channel: str
    subscription: str
    status: str
    """subscribed, unsubscribed, pending or unknown (R12)."""
    revision: int
    deleted: bool = False


class Member(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A row of `segment_members`: whether this customer belongs to a manual segment."""

    segment: str
    member: bool
    revision: int
    deleted: bool = False


class Suppression(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A row of `suppressions`: nothing goes to this customer on this channel."""

    channel: str
    reason: str
    revision: int
    deleted: bool = False


class Alias(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A row of `identities`: who had this customer id is another customer by now (A18)."""

    root: str
    """Id of that customer, who is nobody's alias."""
    number: int
    """Of the merge: the revision of this row. Rows with a greater one contain the merge."""
    born: int = 0
    """Life of the row that was merged (A16); 0: there was none."""
    writes: int = 0
    """Number of the last write of the lane that this row contained (A19)."""
    deleted: bool = False
    """The root was deleted, and its aliases with it."""
    at: int = 0
    """When the change was made, by PostgreSQL's clock, ms."""
