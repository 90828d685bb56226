"""Orders of the outbox: which of them lanes can follow, and what they become in Kafka (A9). Pure.

An order is refused if its body does not compile, or if nobody ever published the body of its version: a lane that
reads an order waits for the body, so such an order would stop all of them. Winners of experiments have no body. Nor
has a level: it is refused if this release does not know its number, for no lane of it could go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from laudstream.errors import Invalid
from laudstream.journey import census, migration, signals, subscriptions
from laudstream.journey.census import CENSUS
from laudstream.journey.control import BODILESS, LEVEL, Control, body_key
from laudstream.journey.definition import parse
from laudstream.journey.parse_settings import workspace as parse_workspace
from laudstream.messages import forms
from laudstream.records.codec import encode
from laudstream.records.levels import NAMES, newest
from laudstream.segments import definition as segments

MAX_BODY_BYTES = 1 << 20
MAX_ERROR = 2000  # characters


class Order(NamedTuple):
    """A row of `control_outbox`."""

    outbox_id: int
    workspace_id: str
    kind: str
    id: str
    version: int
    status: str
    body: dict[str, Any] | None
    """Only where the version is new."""
    at: int
    """When it was asked for, ms."""
    control_seq: int | None
    known: bool
    """The body of its version is in this row or in an accepted one before it."""
    share: int = 0
    """Of a trial, in 1/10,000."""

    @property
    def key(self) -> str:
        return body_key(self.workspace_id, self.kind, self.id, self.version)


class Review(NamedTuple):
    accepted: list[int]
    """outbox_id, in order."""
    refused: dict[int, str]
    """outbox_id -> why."""


def review(orders: Iterable[Order]) -> Review:
    """Which orders of the outbox go out."""
    accepted: list[int] = []
    refused: dict[int, str] = {}
    new: set[str] = set()
    for order in orders:
        try:
            if order.kind not in BODILESS and not order.known and order.key not in new:
                raise Invalid(f"version {order.version} of {order.kind} {order.id} was never published")
            if order.kind == LEVEL:
                _level(order)
            if order.body is not None and len(definition(order)) > MAX_BODY_BYTES:
                raise Invalid(f"the body is larger than {MAX_BODY_BYTES} bytes")
        except MemoryError:
            raise
        except Exception as error:  # a body that makes a compiler fail must not stop all others
            known = isinstance(error, Invalid)
            refused[order.outbox_id] = _plain(str(error) if known else f"{type(error).__name__}: {error}")
        else:
            accepted.append(order.outbox_id)
            if order.body is not None:
                new.add(order.key)
    return Review(accepted, refused)


def definition(order: Order) -> bytes:
    """The record of `laudstream.definitions`; raises Invalid if the body does not compile."""
    if order.kind not in _PUBLISHED:
        raise Invalid(f"{order.kind} is no kind of definition")
    return msgspec.json.encode(_PUBLISHED[order.kind](order, order.body or {}))


def control(order: Order) -> bytes:
    """The record of `laudstream.control`, the same for each partition."""
    assert order.control_seq is not None
    return encode(
        Control(
            order.control_seq, order.workspace_id, order.kind, order.id, order.version, order.status, order.at,
            order.share,
        )
    )  # fmt: skip


def _level(order: Order) -> None:
    known = newest()
    if order.workspace_id or order.id not in NAMES or not 1 <= order.version <= getattr(known, order.id):
        raise Invalid(
            f"{order.id} {order.version}: the control agent is of a release that knows {known}: replace the projector"
        )


def _journey(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    if parse(body).id != order.id:
        raise Invalid(f"/id: the definition says {body['id']!r}, the order is for {order.id!r}")
    return body


def _segment(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    if segments.parse(body).id != order.id:
        raise Invalid(f"/id: the definition says {body['id']!r}, the order is for {order.id!r}")
    return body


def _migration(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    migration.parse(order.version, body)
    return body


def _template(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    """Says what it reads, so that nobody has to compile it to know."""
    compiled = forms.compile(body)
    return {**body, "requires": list(compiled.requires), "reads": list(compiled.reads)}


def _subscription(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    if subscriptions.parse(body).id != order.id:
        raise Invalid(f"/id: the definition says {body['id']!r}, the order is for {order.id!r}")
    return body


def _workspace(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    parse_workspace(body)
    return body


def _signal(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    signals.parse(body)
    return body


def _census(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    census.parse(body)
    return body


_PUBLISHED: Mapping[str, Callable[[Order, dict[str, Any]], dict[str, Any]]] = {
    "journey": _journey,
    "template": _template,
    "subscription": _subscription,
    "workspace": _workspace,
    "segment": _segment,
    "migration": _migration,
    "signal": _signal,
    CENSUS: _census,
}


def _plain(text: str) -> str:
    return text.replace("\0", "")[:MAX_ERROR]
