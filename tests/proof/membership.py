"""Which segments a customer belongs to, by what is known of them (R29, R35)."""

from __future__ import annotations

from collections.abc import Mapping

from tests.proof.ledger import Ledger
from tests.proof.live import Definitions
from tests.proof.meaning import holds
from tests.proof.words import MIXED


def of(ledger: Ledger, live: Definitions, now: int, zone: str) -> dict[str, bool]:
    """Segment -> whether the customer belongs to it; the one that names others comes last."""
    found: dict[str, bool] = {}
    for id, body in sorted(live.watched().items(), key=lambda each: each[0] == MIXED):
        nested = _Nested(ledger, found)
        there = holds(body["condition"], nested, now, zone) if "condition" in body else ledger.belongs(id)
        found[id] = there and ledger.known
    return found


class _Nested:
    """What a segment that names others looks at."""

    def __init__(self, ledger: Ledger, found: Mapping[str, bool]) -> None:
        self.attributes, self.consent, self.times = ledger.attributes, ledger.consent, ledger.times
        self.told, self.ran = ledger.told, ledger.ran
        self.member = lambda id: found[id]
