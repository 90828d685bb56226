"""A rolling upgrade, as a schedule: parts go from one release to the other, one at a time, under load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple

import structlog

from tests.chaos.faults import After, Faults
from tests.chaos.oracle import Findings
from tests.chaos.schedule import WORKERS, Fault
from tests.chaos.watch import Outage
from tests.upgrade.publishing import Publishing
from tests.upgrade.stack import Installation

log = structlog.get_logger(__name__)

FORTH, BACK, TABLES = "forth", "back", "tables"
ORDER = ("senders", "projector", *WORKERS, "api")
"""Who reads comes before who writes what may be new; nobody can publish what is new before all parts are."""
FIRST_S, GAP_S, LAST_S = 6.0, 12.0, 12.0
"""Before the first roll, between two, and behind the last."""


class Plan(NamedTuple):
    rolls: tuple[Fault, ...]
    seconds: float
    """Of load."""

    @property
    def moved(self) -> int:
        """Parts that go from one release to another."""
        return sum(roll.kind != TABLES for roll in self.rolls)


def plan(ways: Iterable[str] = (FORTH, BACK, FORTH), gap_s: float = GAP_S) -> Plan:
    """Tables and topics first, then each part the one way, the other way, in the reverse order, and so on."""
    parts = [(way, name) for way in ways for name in (ORDER if way == FORTH else ORDER[::-1])]
    places = enumerate([(TABLES, ""), *parts])
    rolls = tuple(Fault(FIRST_S + gap_s * n, kind, name, 0.0) for n, (kind, name) in places)
    return Plan(rolls, rolls[-1].at_s + LAST_S)


class Rolls(Faults):
    """Stops a part, as an operator does, and starts it as another release; the next one goes when it is ready."""

    def __init__(
        self, stack: Installation, after: After, rolls: Iterable[Fault], seconds: float, findings: Findings
    ) -> None:
        super().__init__(stack, after, rolls)
        self._installation, self._seconds, self._findings = stack, seconds, findings
        self._begun = 0.0
        self.late: list[Fault] = []
        """Done when the load had ended: they prove less."""
        self.published = 0
        """Journeys that were published and stopped meanwhile."""

    async def play(self, begun: float) -> None:
        self._begun = begun
        publishing = Publishing(self._installation, self._findings)
        async with publishing:
            await super().play(begun)
        self.published = len(publishing.journeys)

    def _turn(self, fault: Fault) -> bool:
        return not self._down

    async def _do(self, fault: Fault) -> None:
        if fault.kind == TABLES:
            await self._installation.upgrade()
            self._down.discard(fault.target)
            return
        name, began = fault.target, time.monotonic()
        if not await self._stack.part(name).stop():
            self._findings.wrong.append(f"{fault.kind}: {name} did not stop in time, and was killed")
        self._installation.give(name, self._installation.new if fault.kind == FORTH else self._installation.old)
        outage = Outage(began, time.monotonic())
        self.outages.append(outage)
        telling = asyncio.ensure_future(self._after(fault, outage))
        await self._start(self._stack.part(name))
        ready = time.monotonic()
        log.info("rolled", way=fault.kind, part=name, seconds=round(ready - began, 1))
        if ready > self._begun + self._seconds:
            self.late.append(fault)
        self._down.discard(name)
        await telling
