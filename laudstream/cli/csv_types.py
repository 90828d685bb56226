"""From cells to customers: which column is the id, and which attributes are numbers or booleans.

A column is a number (a boolean) if every cell of it that is not empty is one; `--types` decides otherwise. What looks
like a number but is a name stays text: leading zeros (`01067`), a plus sign (`+49…`), an exponent, and more digits
than a JSON number holds exactly. Dates are ISO 8601 text. An empty cell says nothing about the attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from laudstream.cli.csv_file import Record, Rejected, excerpt
from laudstream.errors import Invalid, Problem
from laudstream.ids import MAX_CUSTOMER_ID

TYPES = ("text", "number", "boolean")
MAX_ATTRIBUTES = 65_536  # bytes (A7)
ID_COLUMNS = ("id", "customer_id", "customerId", "user_id", "userId")
_TEXT = frozenset({"email", "phone", "timezone", "locale", "first_name", "last_name", "name"})

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_ANY_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
_BOOLEANS = {"true": True, "false": False}


def id_column(columns: list[str], wanted: str = "") -> str:
    """The column that holds the customer id. Raises Invalid."""
    for name in (wanted,) if wanted else ID_COLUMNS:
        if name in columns:
            return name
    missing = wanted or " or ".join(ID_COLUMNS[:2])
    raise Invalid(f"no column {missing}; there are: {', '.join(columns)}", (Problem("", "no id", "--id-column NAME"),))


def given_types(texts: Iterable[str], columns: list[str]) -> dict[str, str]:
    """`--types plan=number,vip=boolean` as a mapping. Raises Invalid."""
    types: dict[str, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, _, kind = part.rpartition("=")
        if kind not in TYPES or name not in columns:
            what = f"no column {name!r}" if kind in TYPES else f"{part!r} is not column=type"
            raise Invalid(what, (Problem("--types", what, f"types are {', '.join(TYPES)}"),))
        types[name] = kind
    return types


def check_names(columns: Iterable[str]) -> None:
    """Attributes are read by paths (`customer.plan`): a name with a dot could never be read."""
    dotted = [
        Problem(name, "an attribute's name has no dot", f"rename it {name.replace('.', '_')}")
        for name in columns
        if "." in name
    ]
    if dotted:
        raise Invalid("headings that cannot be attributes", tuple(dotted))


def infer(rows: Iterable[Record | Rejected], columns: list[str]) -> tuple[dict[str, str], int]:
    """(type of each column, number of rows)."""
    number = {at for at, name in enumerate(columns) if name not in _TEXT}
    boolean, filled, count = set(number), set(), 0
    for row in rows:
        count += 1
        if isinstance(row, Rejected):
            continue
        for at in number | boolean:
            if cell := row.cells[at]:
                filled.add(at)
                if at in number and not _NUMBER.fullmatch(cell):
                    number.discard(at)
                if at in boolean and cell.lower() not in _BOOLEANS:
                    boolean.discard(at)
    kinds = dict.fromkeys(number & filled, "number") | dict.fromkeys(boolean & filled, "boolean")
    return {name: kinds.get(at, "text") for at, name in enumerate(columns)}, count


class Reader:
    """Makes customers of rows."""

    def __init__(self, columns: list[str], id_column: str, types: Mapping[str, str]) -> None:
        self._id = columns.index(id_column)
        self._attributes = [(at, name, types[name]) for at, name in enumerate(columns) if at != self._id]

    def customer(self, row: Record) -> tuple[str, dict[str, Any]] | Rejected:
        """(customer id, attributes) of a row."""
        customer = row.cells[self._id].strip()
        if not 0 < len(customer) <= MAX_CUSTOMER_ID or not customer.isprintable():
            return Rejected(row.line, "a customer id has 1 to 200 printable characters", "id", excerpt(customer))
        attributes: dict[str, Any] = {}
        for at, name, kind in self._attributes:
            cell = row.cells[at]
            if not cell:
                continue
            if kind == "text":
                attributes[name] = cell
                continue
            value = _BOOLEANS.get(cell.strip().lower()) if kind == "boolean" else _number(cell.strip())
            if value is None:
                return Rejected(row.line, f"is no {kind}", name, excerpt(cell))
            attributes[name] = value
        size = len(orjson.dumps(attributes))
        if size > MAX_ATTRIBUTES:
            return Rejected(row.line, f"attributes of {size:,} bytes; at most {MAX_ATTRIBUTES:,}")
        return customer, attributes


def _number(cell: str) -> int | float | None:
    if not _ANY_NUMBER.fullmatch(cell):
        return None
    return float(cell) if any(mark in cell for mark in ".eE") else int(cell)
