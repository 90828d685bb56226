"""What clients send, in Segment's library format, and the Event that it becomes.

    {"type": "track" | "page" | "screen" | "identify" | "alias" | "group", "userId" or "anonymousId", "messageId",
     "timestamp", "sentAt", "event" and "properties" (track), "name" and "properties" (page, screen),
     "traits" (identify), "previousId" (alias), "groupId" and "traits" (group)}

Other fields (`context`, `integrations`, …) are read over. A number as an id counts as its text. Times are ISO 8601 as
in RFC 3339, without an offset in UTC. What lanes and PostgreSQL cannot hold is refused here (flaws.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias
from uuid import uuid4

import msgspec
from msgspec import Meta

from api.flaws import NUL, flaw
from laudstream.customers.event import Event
from laudstream.customers.row import GROUP, RESERVED, Row
from laudstream.errors import Invalid, Problem

MAX_ITEM_BYTES = 32 << 10
MAX_DEPTH = 20

Id: TypeAlias = Annotated[str, Meta(max_length=200)] | int | None
Text: TypeAlias = Annotated[str, Meta(max_length=200)] | None
Values: TypeAlias = dict[str, Any] | None


class _Common(msgspec.Struct, rename="camel", tag_field="type", gc=False, kw_only=True):
    user_id: Id = None
    """The customer; wins over anonymousId."""
    anonymous_id: Id = None
    message_id: Text = None
    """A repeat of an id within 24 h changes nothing; made up if missing."""
    timestamp: datetime | None = None
    """When it happened; now if missing."""
    sent_at: datetime | None = None
    """When the client sent it, by the client's clock: corrects `timestamp`."""


class Track(_Common, tag="track"):
    """A customer did something."""

    event: Annotated[str, Meta(min_length=1, max_length=200)]
    properties: Values = None


class Page(_Common, tag="page"):
    """A customer saw a page."""

    name: Text = None
    properties: Values = None


class Screen(_Common, tag="screen"):
    """A customer saw a screen of an app."""

    name: Text = None
    properties: Values = None


class Identify(_Common, tag="identify"):
    """Who a customer is: traits are merged into the customer's attributes. With both ids, a visitor whom nobody has
    identified under anonymousId becomes the customer userId."""

    traits: Values = None


class Alias(_Common, tag="alias"):
    """Two ids are one customer: the visitor previousId becomes the customer userId."""

    previous_id: Id = None
    """anonymousId if missing."""


class Group(_Common, tag="group"):
    """The group that a customer is in: traits are merged into the group's, and `group.*` of all its members."""

    group_id: Annotated[str, Meta(min_length=1, max_length=200)] | int
    traits: Values = None


Item: TypeAlias = Track | Page | Screen | Identify | Alias | Group

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def customer_of(item: Item) -> str:
    """The customer that an item is about; whom an alias leads to. Raises Invalid."""
    id = item.user_id
    if id is None or id == "":
        if type(item) is Alias:
            raise _wrong("/userId", "an alias without userId", "say who previousId is")
        id = item.anonymous_id
    if id is None or id == "":
        raise _wrong("/userId", "neither userId nor anonymousId", "say whom this is about")
    return id if isinstance(id, str) else str(id)


def source_of(item: Item) -> tuple[str, str]:
    """(whom an alias makes one with userId, where that stands). Raises Invalid."""
    pointer = "/previousId"
    id: Id = item.previous_id  # type: ignore[union-attr]
    if id is None or id == "":
        pointer, id = "/anonymousId", item.anonymous_id
    if id is None or id == "":
        raise _wrong("/previousId", "neither previousId nor anonymousId", "say who userId was before")
    return (id if isinstance(id, str) else str(id)), pointer


def visitor_of(item: Identify) -> str:
    """The anonymousId beside a userId; empty where there is none, or none that a customer can have."""
    if item.user_id is None or item.user_id == "" or item.anonymous_id is None:
        return ""
    id = str(item.anonymous_id)
    return "" if id == str(item.user_id) or not id.isprintable() else id


def checked(item: Item, nul: bool) -> Item:
    """The item, if lanes and PostgreSQL can hold it; `nul`: there may be NUL characters in it. Raises Invalid."""
    kind = type(item)
    if kind is Identify or kind is Group:
        values, pointer = item.traits, "/traits"  # type: ignore[union-attr]
    else:
        values, pointer = None if kind is Alias else item.properties, "/properties"  # type: ignore[union-attr]
    if values:
        found = flaw(values, MAX_DEPTH, nul, pointer)
        if found is not None:
            raise Invalid(f"{found.pointer}: {found.message}", (found,))
        if kind is Identify and GROUP in values:
            raise _wrong(f"/traits/{GROUP}", *RESERVED)
    if nul:
        for name in ("event", "name", "message_id", "user_id", "anonymous_id", "previous_id", "group_id"):
            if "\0" in str(getattr(item, name, "")):
                raise _wrong(f"/{_CAMEL.get(name, name)}", *NUL)
    if kind is Group and not group_of(item).isprintable():  # type: ignore[arg-type]
        raise _wrong("/groupId", "a group id has 1 to 200 printable characters", "leave other characters out")
    return item


_CAMEL = {
    "message_id": "messageId", "user_id": "userId", "anonymous_id": "anonymousId", "previous_id": "previousId",
    "group_id": "groupId",
}  # fmt: skip


def group_of(item: Group) -> str:
    """The id of the group."""
    return item.group_id if isinstance(item.group_id, str) else str(item.group_id)


def _wrong(pointer: str, message: str, fix: str) -> Invalid:
    return Invalid(f"{pointer}: {message}", (Problem(pointer, message, fix),))


def _ms(moment: datetime) -> int:
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MS


def happened_at(item: Item, sent_at: datetime | None, received: int) -> int:
    """When it happened by our clock, ms: timestamp + (received - sentAt), never after receipt (R26)."""
    if item.timestamp is None:
        return received
    at, sent = _ms(item.timestamp), item.sent_at or sent_at
    if sent is not None:
        at += received - _ms(sent)
    return min(at or 1, received)  # an event that says 0 has happened when it came


def event_of(item: Item, sent_at: datetime | None, received: int, row: Row | None, merged: bool = False) -> Event:
    """The record for lanes; `sent_at` of the batch, `row` of an identify, a group call or an alias that merged. Of an
    identify that merged, it says which traits are its own."""
    kind = type(item)
    name, properties = "", None
    if kind is Track:
        name, properties = item.event, item.properties  # type: ignore[union-attr]
    elif kind is Page or kind is Screen:
        name, properties = item.name or "", item.properties  # type: ignore[union-attr]
    elif kind is Identify and merged:
        properties = item.traits  # type: ignore[union-attr]
    return Event(
        item.message_id or str(uuid4()),
        TYPES[kind],
        name,
        properties or {},
        happened_at(item, sent_at, received),
        received,
        row=row,
    )


TYPES: dict[type, str] = {
    Track: "track", Page: "page", Screen: "screen", Identify: "identify", Alias: "alias", Group: "group",
}  # fmt: skip
