"""Encoders and decoders of the records that are JSON. A record that cannot be read raises Undecodable."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from laudstream.customers.event import Event
from laudstream.errors import Undecodable
from laudstream.journey.control import Control
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import Handoff
from laudstream.journey.write import Write
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.records import depth

T = TypeVar("T")

encode = msgspec.json.Encoder().encode

_event = msgspec.json.Decoder(Event).decode
_control = msgspec.json.Decoder(Control)
_delivery = msgspec.json.Decoder(Delivery)
_decision = msgspec.json.Decoder(Decision)
_request = msgspec.json.Decoder(SendRequest)
_write = msgspec.json.Decoder(Write)
_handoff: msgspec.json.Decoder[Handoff] = msgspec.json.Decoder(Handoff)


def _read(decoder: msgspec.json.Decoder[T], value: bytes | None) -> T:
    if value is None:
        raise Undecodable("record without a value")
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:  # ValidationError is one too
        raise Undecodable(str(error)) from None


def event(value: bytes | None) -> Event:
    """A record of `laudstream.events`."""
    try:
        found = _event(value)  # type: ignore[arg-type]  # None raises
    except (msgspec.DecodeError, RecursionError, TypeError) as error:
        raise Undecodable(str(error) if value else "record without a value") from None
    if len(value) >= depth.SHORT:  # type: ignore[arg-type]
        _check(value, found)  # type: ignore[arg-type]
    return found


def _check(value: bytes, event: Event) -> None:
    depth.check(value, event.properties)
    if event.row is not None:
        depth.check(value, event.row.attributes)


def control(value: bytes | None) -> Control:
    """A record of `laudstream.control`."""
    return _read(_control, value)


def delivery(value: bytes | None) -> Delivery:
    """A record of `laudstream.deliveries`."""
    return _read(_delivery, value)


def decision(value: bytes | None) -> Decision:
    """A record of `laudstream.decisions`."""
    return _read(_decision, value)


def request(value: bytes | None) -> SendRequest:
    """A record of `laudstream.send.*`."""
    return _read(_request, value)


def write(value: bytes | None) -> Write:
    """A record of `laudstream.writes`."""
    return _read(_write, value)


def handoff(value: bytes | None) -> Handoff:
    """A record of `laudstream.handoffs`."""
    return _read(_handoff, value)


def definition(value: bytes | None) -> dict[str, Any]:
    """A record of `laudstream.definitions`: the body as published."""
    return _read(msgspec.json.Decoder(dict[str, Any]), value)
