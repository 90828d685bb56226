"""Faults on three brokers under load, and the check of everything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from tests.chaos.run import Result, line, trial
from tests.chaos.schedule import Fault
from tests.cluster.faults import ClusterFaults
from tests.cluster.slow import Proxied, SlowFaults
from tests.conftest import SETTINGS

BROKERS = 3
FAULT_S = 22.0
"""Load for so long for each fault."""


def cluster(data: Path, base: int) -> Stack:
    """Three brokers, every partition on all of them, two of which must have a record before it counts."""
    settings = msgspec.structs.replace(SETTINGS, replication=BROKERS)
    return Stack(data, ports=Ports.above(base), workers=2, brokers=BROKERS, settings=settings)


async def run_slow(stack: Proxied, faults: Sequence[Fault], seed: int) -> Result:
    result = Result(seed, tuple(faults))
    return await trial(stack, result, FAULT_S * len(faults), lambda after: SlowFaults(stack, after, faults))


async def run(stack: Stack, faults: Sequence[Fault], seed: int) -> Result:
    result = Result(seed, tuple(faults))
    return await trial(stack, result, FAULT_S * len(faults), lambda after: ClusterFaults(stack, after, faults))


def said(results: list[Result]) -> str:
    """The line that a run ends with."""
    return line(results, f"cluster: faults={sum(len(result.faults) for result in results)}")
