"""TCP connections of each kind of process to each broker, by the number of partitions and of brokers.

A stack without Connect: a journey worker with all lanes, a sender, a projector and the API, at rest and under some
events. Counted are the sockets of the processes, by the port of the broker, as the kernel lists them; told is the most
that one look found.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import load
from laudstream.local.kafka import port_of
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.settings import Settings

PORTS = 32500
SIZES = ((1, 8), (3, 8), (3, 32), (3, 64))
"""Brokers, partitions; a quick run has the first."""
PROCESSES = ("journeys", "senders", "projector", "api")
CALM_S = 5.0
EVENTS, CUSTOMERS = 20_000, 2_000
LOOK_S = 0.05
PATIENCE_S = 120
_ESTABLISHED = "01"


def measure(*, quick: bool) -> dict[str, Any]:
    return asyncio.run(_measure(SIZES[:1] if quick else SIZES))


async def _measure(sizes: Iterable[tuple[int, int]]) -> dict[str, Any]:
    return {"runs": {f"b{brokers}_p{partitions}": await _count(brokers, partitions) for brokers, partitions in sizes}}


async def _count(count: int, partitions: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the user `postgres` must reach its part of it
        base = Settings(partitions=partitions, replication=count, log_level="WARNING")
        ports = Ports.above(PORTS)
        stack = Stack(Path(folder) / "stack", ports=ports, parts=PROCESSES, brokers=count, settings=base)
        async with stack:
            brokers = {port_of(ports, number): number for number in range(1, count + 1)}
            await _lanes(stack)
            rest = await _most(stack, brokers, asyncio.sleep(CALM_S))
            settings = msgspec.structs.replace(stack.settings, partitions=partitions)
            await load.publish(settings, load.COUNTING)
            busy = await _most(stack, brokers, _work(settings))
    return {"at_rest": rest, "busy": busy}


async def _lanes(stack: Stack) -> None:
    """Until the worker has all lanes open."""
    async with asyncio.timeout(PATIENCE_S):
        while not await stack.part("journeys").server.ready():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


async def _work(settings: Settings) -> None:
    await load.fill(settings, EVENTS, CUSTOMERS, per_s=EVENTS // 5)
    await asyncio.sleep(CALM_S)


async def _most(stack: Stack, brokers: dict[int, int], during: Any) -> dict[str, dict[str, int]]:
    """Process → broker → connections, and their sum."""
    most: dict[str, Counter[int]] = {name: Counter() for name in PROCESSES}
    sums: Counter[str] = Counter()
    task = asyncio.ensure_future(during)
    while not task.done():
        for name in PROCESSES:
            found = Counter(brokers[port] for port in peers(stack.part(name).pid) if port in brokers)
            most[name] |= found
            sums[name] = max(sums[name], found.total())
        await asyncio.sleep(LOOK_S)
    await task
    return {
        name: {**{f"broker {number}": most[name][number] for number in brokers.values()}, "all": sums[name]}
        for name in PROCESSES
    }


def peers(pid: int) -> list[int]:
    """Ports at the other ends of the TCP connections of a process."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = file.readlink().name
        except FileNotFoundError:  # just closed
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _ESTABLISHED and fields[9] in inodes:
            found.append(int(fields[2].rpartition(":")[2], 16))
    return found
