"""The log of what was handed in, and what a worker does with it after a crash: it takes it again (A13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import decode, empty, encode
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import Input, Moment

_bytes = msgspec.msgpack.Encoder().encode
Records = dict[bytes, bytes]


class Taken(msgspec.Struct):
    """An input as it was handed in, and what came of it."""

    customer: str
    input: Input
    moment: Moment
    catalog: Catalog
    effects: list[Any]


def records(customer: Customer) -> Records:
    return {suffix: value for suffix, value in encode(None, customer) if value}


def reread(customer: Customer) -> Customer:
    return decode(customer.workspace, customer.id, records(customer))


class Journal:
    def __init__(self, workspace: str) -> None:
        self.workspace = workspace
        self.log: list[Taken] = []
        self._saved: tuple[int, dict[str, Records]] = (0, {})
        """(length of the log, records of all customers) at the last commit."""

    def commit(self, customers: Mapping[str, Customer]) -> None:
        self._saved = len(self.log), {id: records(one) for id, one in customers.items()}

    def crash(self, customers: Mapping[str, Customer]) -> dict[str, Customer]:
        """The worker dies; what it handled since the last commit is handed in again, and the same comes of it."""
        length, saved = self._saved
        before = {id: decode(self.workspace, id, saved.get(id, {})) for id in customers}
        again = _again(before, self.log[length:])
        there = {id: records(one) for id, one in customers.items()}
        assert again == there, "A13 after a crash the same inputs leave the same bytes"
        return {id: reread(one) for id, one in customers.items()}

    def replay(self, customers: Mapping[str, Customer]) -> None:
        """The whole log once more."""
        again = _again({id: empty(self.workspace, id) for id in customers}, self.log)
        there = {id: records(one) for id, one in customers.items()}
        assert again == there, "A13 a replay leaves the same bytes"


def _again(customers: dict[str, Customer], log: list[Taken]) -> dict[str, Records]:
    for taken in log:
        outcome = advance(customers[taken.customer], taken.input, taken.moment, taken.catalog)
        assert _bytes(outcome.effects) == _bytes(taken.effects), "A13 the same inputs decide the same bytes"
        customers[taken.customer] = outcome.customer
    return {id: records(one) for id, one in customers.items()}
