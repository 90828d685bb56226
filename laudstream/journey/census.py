"""A census: of how many customers a condition holds, counted by lanes, each customer once (A10).

It is ordered by a control record with a body, {condition}, as a signal is. The body's id is a hash of the condition, so
that whoever asks the same again names the same body.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from laudstream import conditions
from laudstream.conditions import Condition
from laudstream.errors import Invalid
from laudstream.ids import fingerprint
from laudstream.journey.customer import Customer
from laudstream.journey.reader import Reader

CENSUS = "census"
"""Kind of its control record; the id stands for the condition, the version is always 1."""
MOST_BYTES = 64 * 1024
SAMPLE = 10
"""Customers that a lane names."""
SHOWN_BYTES = 1_000
"""Of what was looked at of one of them."""

_json = msgspec.json.Encoder(order="sorted").encode


class Count(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a lane has counted so far."""

    looked_at: int = 0
    matching: int = 0
    failed: int = 0
    """Of those that do not match: asking them was an error."""
    sample: tuple[tuple[bytes, str], ...] = ()
    """(mark, customer) of some that match, the smallest marks."""


class Sampled(msgspec.Struct):
    mark: str
    """Those of all lanes with the smallest marks are a fair sample; hex."""
    id: str
    looked_at: dict[str, Any]
    """What the condition read, as far as there is room."""


class Told(msgspec.Struct):
    """Data of the decision in which a lane tells what it has counted."""

    seq: int
    """Of the order's control record."""
    partition: int
    census: str
    looked_at: int
    matching: int
    failed: int
    unseen: list[str]
    sample: list[Sampled]


def id_of(condition: dict[str, Any]) -> str:
    """Of its body. Raises Invalid for one that is too large."""
    text = _json(condition)
    if len(text) > MOST_BYTES:
        raise Invalid(f"a condition of more than {MOST_BYTES >> 10} KB cannot be counted; publish it as a segment")
    return blake2b(text, digest_size=16).hexdigest()


def parse(body: dict[str, Any]) -> Condition:
    """The condition of an order's body. Raises Invalid."""
    reader = Reader(None)
    reader.only(body, "", ("condition",))
    condition = conditions.read(reader, body.get("condition"), "/condition", ("customer",))
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    return condition


def condition_of(body: dict[str, Any]) -> Condition:
    """As `parse`; the last few are kept."""
    return _compiled(_json(body))


@lru_cache(maxsize=32)
def _compiled(body: bytes) -> Condition:
    return parse(msgspec.json.decode(body))


def is_counted(customer: Customer) -> bool:
    """Whether there is such a customer; nobody is in no segment."""
    return bool(customer.core.row.born or customer.core.writes)


def mark_of(seq: int, customer: str) -> bytes:
    """Where a customer falls in the order of samples; another order for each census."""
    return fingerprint(f"{seq}:{customer}")


def shown(looked_at: dict[str, Any]) -> dict[str, Any]:
    """What was looked at, without what is too much."""
    found: dict[str, Any] = {}
    room = SHOWN_BYTES
    for name, value in looked_at.items():
        room -= len(name) + len(_json(value))
        if room < 0:
            break
        found[name] = value
    return found
