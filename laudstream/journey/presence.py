"""Who is where in a journey, counted customer by customer (R48, A10)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from laudstream.journey.customer import ASKING, FAILED, Customer


class Cell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    version: int
    step: str
    parked: bool
    """By an error."""
    runs: int
    people: int
    """Customers with such a run; with keys a customer has more than one."""


def counted(cells: Iterable[Cell], customer: Customer, journey: str) -> tuple[Cell, ...]:
    """`cells` and what the customer adds to them. A run that asks for a place is nowhere yet."""
    runs: dict[tuple[int, str, bool], int] = {}
    for run in customer.core.runs:
        if run.journey == journey and run.status != ASKING:
            place = (run.version, run.step, run.status == FAILED)
            runs[place] = runs.get(place, 0) + 1
    if not runs:
        return tuple(cells)
    return summed([*cells, *(Cell(*place, number, 1) for place, number in runs.items())])


def summed(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """One cell a place, in order."""
    found: dict[tuple[int, str, bool], tuple[int, int]] = {}
    for each in cells:
        place = (each.version, each.step, each.parked)
        runs, people = found.get(place, (0, 0))
        found[place] = (runs + each.runs, people + each.people)
    return tuple(Cell(*place, *found[place]) for place in sorted(found))
