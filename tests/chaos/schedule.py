"""A schedule of faults: a pure function of its seed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

SECONDS = 36.0
"""From the first event to the instant by which every part is told to be up again."""
MOST_DOWN = 2
WORKERS = ("journeys", "journeys-2")
GUEST = "journeys-3"
"""A journey worker that joins and leaves."""
KILL, STOP, FREEZE, WIPE, JOIN, FULL = "kill", "stop", "freeze", "wipe", "join", "full"

TARGETS = {
    "journeys": 4,
    "journeys-2": 4,
    "senders": 3,
    "projector": 2,
    "api": 2,
    "connect": 2,
    "kafka": 2,
    "postgres": 2,
}
"""Part → how often, against the others."""
START_S = {"kafka": 8.0, "connect": 8.0}
"""How long a part may take to come back before another one goes; others: `OTHERS_S`."""
OTHERS_S = 4.0
HOLD_S = {KILL: (0.0, 4.0), STOP: (0.0, 4.0), FREEZE: (1.0, 9.0), WIPE: (0.0, 3.0), JOIN: (5.0, 12.0)}
"""From, to: how long a fault lasts."""
GAP_S = (0.3, 3.0)


class Fault(NamedTuple):
    at_s: float
    """Since the beginning of the schedule."""
    kind: str
    """kill (-9), stop (and start again), freeze (SIGSTOP), wipe (kill -9, and the data folder is lost), join, full (its
    disk)."""
    target: str
    hold_s: float
    """So long until the part is started, or thawed, or has room again; a guest leaves after it."""

    @property
    def ends_s(self) -> float:
        return round(self.at_s + self.hold_s, 1)

    @property
    def back_s(self) -> float:
        """When its part can be taken to be up."""
        return self.ends_s + START_S.get(self.target, OTHERS_S)

    @property
    def ends_process(self) -> bool:
        """By kill -9."""
        return self.kind in (KILL, WIPE)

    def __str__(self) -> str:
        return f"{self.at_s:5.1f} s  {self.kind} {self.target} for {self.hold_s} s"


class Written(NamedTuple):
    """A schedule that is not drawn."""

    faults: tuple[Fault, ...]
    seconds: float
    most_down: int = MOST_DOWN


ASLEEP_S = 60.0
"""Ten times what the group waits for a worker, and longer than any lease, transaction or patience of a client."""
SLEEPERS = ("journeys", "senders", "projector")
WRITTEN = {
    "asleep": Written(
        tuple(Fault(3 + n, FREEZE, name, ASLEEP_S) for n, name in enumerate(SLEEPERS)), 75, len(SLEEPERS)
    ),
    "asleep-in-turn": Written(
        tuple(Fault(3 + (ASLEEP_S + 12) * n, FREEZE, name, ASLEEP_S) for n, name in enumerate(SLEEPERS)), 225
    ),
    "full": Written((Fault(5, FULL, "postgres", 20),), 40),
}


def schedule(seed: int, seconds: float = SECONDS) -> tuple[Fault, ...]:
    """Faults in the order of their instants. At most MOST_DOWN parts are down at a time, and none after `seconds`."""
    chance = random.Random(f"faults {seed}")
    found: list[Fault] = []
    at = chance.uniform(*GAP_S)
    while at < seconds:
        fault = _fault(chance, round(at, 1))
        if fault.back_s <= seconds and _fits(fault, found):
            found.append(fault)
        at += chance.uniform(*GAP_S)
    return tuple(found)


def _fault(chance: random.Random, at_s: float) -> Fault:
    target = chance.choices(list(TARGETS), list(TARGETS.values()))[0]
    kinds = [KILL, KILL, STOP, FREEZE, FREEZE] + ([WIPE, JOIN] if target in WORKERS else [])
    kind = chance.choice(kinds)
    hold = round(chance.uniform(*HOLD_S[kind]), 1)
    return Fault(at_s, kind, GUEST if kind == JOIN else target, hold)


def _fits(fault: Fault, before: Iterable[Fault]) -> bool:
    present = down(before, fault.at_s)
    return fault.target not in present and (fault.kind == JOIN or len(present - {GUEST}) < MOST_DOWN)


def down(faults: Iterable[Fault], at_s: float) -> set[str]:
    """Targets of the faults that are under way, or whose part is still coming back (for a guest: that are there)."""
    return {fault.target for fault in faults if fault.at_s <= at_s < fault.back_s}
