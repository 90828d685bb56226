"""Faults of a cluster, one after the other: the next begins when every replica is in step again and each partition has
its preferred leader back.

What a fault is measured by: the probe is posted as soon as the fault has begun, for a cluster has to go on without the
broker that is away.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from laudstream.local.child import Child
from laudstream.local.stack import Stack
from tests.chaos.faults import START_S, After, Faults, send
from tests.chaos.schedule import FREEZE, KILL, STOP, WIPE, Fault
from tests.chaos.watch import Outage
from tests.cluster.brokers import GROUP, LEADER, TRANSACTIONS, Brokers
from tests.integration.kit import wait_until

log = structlog.get_logger(__name__)

AWAY_S = 12.0
"""A broker that is killed stays away for longer than Kafka takes to notice."""

MOVED = Fault(2, KILL, LEADER, AWAY_S)
TRANSACTIONS_MOVED = Fault(4, KILL, TRANSACTIONS, AWAY_S)
GROUP_MOVED = Fault(6, KILL, GROUP, AWAY_S)
ROLLING = tuple(Fault(8 + n, STOP, name, 0) for n, name in enumerate(("kafka", "kafka-2", "kafka-3")))
FROZEN = Fault(12, FREEZE, LEADER, 15)
FULL = "full"
SMALL, SMALL_MB = "kafka-3", 400
"""A broker whose data lie on a disk of so many MB."""
FILLED = Fault(14, FULL, SMALL, AWAY_S)
LOST = Fault(16, WIPE, LEADER, AWAY_S)
"""A leader that comes back with an empty disk: it takes everything from the others."""
ALL = (MOVED, TRANSACTIONS_MOVED, GROUP_MOVED, *ROLLING, FROZEN, FILLED, LOST)
FULL_S = 60.0
"""A broker that cannot write its log ends within it."""


class ClusterFaults(Faults):
    def __init__(self, stack: Stack, after: After, faults: Iterable[Fault]) -> None:
        super().__init__(stack, after, faults)
        self._brokers = Brokers(stack)

    def _turn(self, fault: Fault) -> bool:
        return not self._down

    async def _do(self, fault: Fault) -> None:
        name = await self._brokers.holder(fault.target)
        child, began = self._stack.part(name), time.monotonic()
        log.info("fault", kind=fault.kind, target=fault.target, broker=name, hold_s=fault.hold_s)
        self._down.add(name)
        telling = asyncio.ensure_future(self._after(fault, Outage(began, began)))
        if fault.kind == FULL:
            await self._fill(child)
        elif fault.kind == WIPE:
            await child.kill()
            empty(self._stack.data / name)
        else:
            await self._begin(fault, child)
        await asyncio.sleep(max(0.0, began + fault.hold_s - time.monotonic()))
        if fault.kind == FREEZE:
            send(child, signal.SIGCONT)
            await wait_until(child.server.ready, START_S, f"{child.name} is ready after a freeze")
        else:
            self._ballast(child).unlink(missing_ok=True)
            await self._start(child)
        await self._brokers.whole()
        await self._brokers.elect()
        await telling
        log.info("fault_over", target=fault.target, broker=name, seconds=round(time.monotonic() - began, 1))
        self._down.clear()

    def _ballast(self, child: Child) -> Path:
        return self._stack.data / child.name / "ballast"

    async def _fill(self, child: Child) -> None:
        """Until the broker ends by itself."""

        def ended() -> bool:
            try:
                with self._ballast(child).open("ab", buffering=0) as file:
                    while file.write(bytes(1 << 20)):
                        pass
            except OSError:  # that is the aim
                pass
            return not child.alive

        await wait_until(ended, FULL_S, f"{child.name} ends, for it cannot write")


def empty(folder: Path) -> None:
    """Everything in it; the folder itself may be a disk."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Whether a disk of SMALL_MB could be mounted there, which only root may do."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_MB}m", "tmpfs", folder], capture_output=True)
    yield not mounted.returncode
    if not mounted.returncode:
        subprocess.run(["umount", "-l", folder], check=True)
