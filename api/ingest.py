"""Taking events: `/v1/track`, `identify`, `group`, `page`, `screen`, `alias`, `batch` (Segment's addresses and format).

The answer 200 comes when all replicas have what was accepted. In a batch, items that are wrong are named and the
others are taken; a body that is no JSON is refused as a whole. What belongs to an alias goes to its root (A18). What an
identify or an alias says of who is whom is done before; an event brings the row of whom that is now. An identify or a
group call writes the customer's row first, and the event carries that row (A17).
"""

from __future__ import annotations

from datetime import datetime
from time import time
from typing import Any

import msgspec
from starlette.responses import Response

from api import identifying
from api.call import Call, parsed, reply
from api.flaws import may_hold_nul
from api.items import (
    MAX_ITEM_BYTES,
    TYPES,
    Alias,
    Group,
    Identify,
    Item,
    Page,
    Screen,
    Track,
    checked,
    customer_of,
    event_of,
)
from api.memberships import with_groups
from api.taken import Taken
from laudstream.errors import Invalid, Problem
from laudstream.records.codec import encode


class Batch(msgspec.Struct, rename="camel"):
    """Items of any type, each with its `type`."""

    batch: list[Item]
    sent_at: datetime | None = None


class Rejected(msgspec.Struct):
    index: int
    problems: list[Problem]


class Accepted(msgspec.Struct):
    success: bool
    """Nothing was rejected."""
    accepted: int
    rejected: list[Rejected]


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    sent_at: datetime | None = None


_batch = msgspec.json.Decoder(_Batch)
_item = msgspec.json.Decoder(Item)
_one: dict[type, msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(kind) for kind in TYPES}


async def batch(call: Call) -> Response:
    """Many items."""
    body = await call.body()
    received = int(time() * 1000)
    envelope = parsed(_batch, body)
    taken, wrong = _sorted_out(call, envelope.batch, may_hold_nul(body), len(body) > MAX_ITEM_BYTES)
    taken = await with_groups(call, await _carried_out(call, taken, wrong), wrong)
    await _produce(call, taken, envelope.sent_at, received)
    accepted = len(envelope.batch) - len(wrong)
    return reply(Accepted(not wrong, accepted, [_rejected(index, wrong[index]) for index in sorted(wrong)]))


async def track(call: Call) -> Response:
    """One event."""
    return await _single(call, Track)


async def page(call: Call) -> Response:
    """One page view."""
    return await _single(call, Page)


async def screen(call: Call) -> Response:
    """One screen view."""
    return await _single(call, Screen)


async def identify(call: Call) -> Response:
    """Traits of one customer; with both ids, who a visitor is."""
    return await _single(call, Identify)


async def alias(call: Call) -> Response:
    """Makes a visitor and a customer one."""
    return await _single(call, Alias)


async def group(call: Call) -> Response:
    """The group that a customer is in, and traits of it."""
    return await _single(call, Group)


async def _single(call: Call, kind: type) -> Response:
    body = await call.body()
    received = int(time() * 1000)
    _small_enough(body)
    item = checked(parsed(_one[kind], body), may_hold_nul(body))
    wrong: dict[int, Invalid] = {}
    taken = await with_groups(call, await _carried_out(call, [_placed(call, 0, item)], wrong), wrong)
    if wrong:
        raise wrong[0]
    await _produce(call, taken, None, received)
    return reply(_ONE)


_ONE = Accepted(True, 1, [])


def _sorted_out(call: Call, raws: list[msgspec.Raw], nul: bool, large: bool) -> tuple[list[Taken], dict[int, Invalid]]:
    """What is good, and the error of each item that is not; `nul`, `large`: there may be such items."""
    taken: list[Taken] = []
    wrong: dict[int, Invalid] = {}
    decode = _item.decode
    for index, raw in enumerate(raws):
        try:
            if large:
                _small_enough(memoryview(raw))
            try:
                item = decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                item = parsed(_item, raw)  # again, for the words
            taken.append(_placed(call, index, checked(item, nul)))
        except Invalid as error:
            wrong[index] = error
    return taken, wrong


def _placed(call: Call, index: int, item: Item) -> Taken:
    customer = customer_of(item)
    try:
        key, partition = call.context.events.place(call.workspace, customer)
    except Invalid as error:
        pointer = "/anonymousId" if item.user_id in (None, "") else "/userId"
        raise Invalid(str(error), (Problem(pointer, str(error)),)) from None
    return Taken(index, item, customer, key, partition)


async def _carried_out(call: Call, taken: list[Taken], wrong: dict[int, Invalid]) -> list[Taken]:
    """What goes to Kafka, under the roots of aliases; merges are made and rows written then."""
    special = [each for each in taken if type(each.item) in identifying.KINDS]
    if special:
        await identifying.merge(call, special, wrong)
    roots = await call.context.identities.roots(call.workspace, (each.customer for each in taken))
    if roots:
        place = call.context.events.place
        for each in taken:
            each.move(roots, place, call.workspace)
    if not special:
        return taken
    await identifying.write_rows(call, special, wrong)
    await identifying.add_rows(call, special)
    return [each for each in taken if each.index not in wrong and not (type(each.item) is Alias and each.row is None)]


def _small_enough(body: bytes | memoryview) -> None:
    if len(body) > MAX_ITEM_BYTES:
        message = f"larger than {MAX_ITEM_BYTES} bytes"
        raise Invalid(message, (Problem("", message, "send less with each item"),))


def _rejected(index: int, error: Invalid) -> Rejected:
    found = error.problems or (Problem("", str(error)),)
    return Rejected(index, [Problem(f"/batch/{index}{p.pointer}", p.message, p.fix) for p in found])


async def _produce(call: Call, taken: list[Taken], sent_at: datetime | None, received: int) -> None:
    """Appends in the order of the request and waits for all replicas, once."""
    futures, log = set(), call.context.events
    for each in taken:
        value = encode(event_of(each.item, sent_at, received, each.row, each.merged))
        futures.add(log.append(each.key, each.partition, value, received))
    await log.settle(futures)
    call.context.event_names.took(call.workspace, {each.item.event for each in taken if type(each.item) is Track})
