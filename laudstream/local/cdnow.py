"""The CDNOW purchases of the demo, and what must come out of them, computed straight from the file.

Each customer of the demo journey enters with the first purchase, which is thereby used up (R22). The second
purchase decides: over $100 the run exits as `big-spender`, else it gets the thanks mail; who has no second
purchase gets the win-back mail. Later purchases meet no run and re-entry is `never`. Nothing else counts.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

FILE = "cdnow.txt.gz"
BIG_SPENDER_OVER = 100.0  # dollars


class Purchase(NamedTuple):
    line: int
    """Line in the file, the headings being line 1: with it the messageId is made (R2)."""
    customer: str
    """Five digits, as in the file."""
    day: str
    """YYYY-MM-DD."""
    cds: int
    amount: float
    """Dollars."""


class Figures(NamedTuple):
    """What the demo must show: all exact but the arms of the experiment."""

    customers: int
    events: int
    entries: int
    big_spender: int
    thanks: int
    win_back: int

    @property
    def mails(self) -> int:
        """A welcome mail each, and a second mail for everyone but the big spenders."""
        return self.entries + self.thanks + self.win_back


def read(path: Path) -> list[Purchase]:
    """All purchases in the order of the file. Raises ValueError for a line that is none."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        return list(parse(file))


def parse(lines: Iterable[str]) -> Iterator[Purchase]:
    """Purchases of the lines; the first line is headings."""
    for number, line in enumerate(lines, 1):
        if number == 1 or not line.strip():
            continue
        customer, day, cds, amount = line.split()
        yield Purchase(number, customer, f"{day[:4]}-{day[4:6]}-{day[6:]}", int(cds), float(amount))


def customers(purchases: Iterable[Purchase]) -> Iterator[dict[str, str]]:
    """A row of the customers file for each customer: id, email and the cohort (month of the first purchase)."""
    seen = set()
    for purchase in purchases:
        if purchase.customer not in seen:
            seen.add(purchase.customer)
            yield {
                "id": purchase.customer,
                "email": f"{purchase.customer}@cdnow.example",
                "cohort": purchase.day[:7],
                "first_purchase": purchase.day,
            }


def event(purchase: Purchase) -> dict[str, Any]:
    """The purchase as the API takes it. No timestamp: it happens when it arrives."""
    return {
        "type": "track",
        "messageId": f"cdnow-{purchase.line}",
        "userId": purchase.customer,
        "event": "purchase",
        "properties": {"amount": purchase.amount, "cds": purchase.cds, "day": purchase.day},
    }


def expected(purchases: Iterable[Purchase]) -> Figures:
    """The figures by R22: only each customer's first two purchases matter."""
    second: dict[str, float | None] = {}
    count: dict[str, int] = {}
    events = 0
    for purchase in purchases:
        events += 1
        nth = count[purchase.customer] = count.get(purchase.customer, 0) + 1
        if nth == 1:
            second[purchase.customer] = None
        elif nth == 2:
            second[purchase.customer] = purchase.amount
    big = sum(total is not None and total > BIG_SPENDER_OVER for total in second.values())
    none = sum(total is None for total in second.values())
    return Figures(len(second), events, len(second), big, len(second) - big - none, none)


def arm_bounds(runs: int) -> tuple[int, int]:
    """Least and most runs in an arm of two equal ones: four standard deviations of the binomial around half."""
    spread = int(4 * runs**0.5 / 2)
    return runs // 2 - spread, runs - runs // 2 + spread
