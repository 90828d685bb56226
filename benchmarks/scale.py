"""S1 over partitions and workers: what an event costs a worker and the broker, and who is the limit.

A backlog of the counting journey of `lanes`, after all customers have entered. Nothing is pinned: workers and broker
share the machine, so the rate says what this machine does, and the CPU of each side what other machines would
(docs/scaling.md). Ends with the gate of `lanes`: all events handled once, one entry a customer, no hole in a journal.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import load
from benchmarks.chart import Bar, bars
from benchmarks.lanes import check
from benchmarks.race import limit, race
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack

PORTS = 31400
OPS_PORT = PORTS + 300  # of the first worker
PARTITIONS = (1, 2, 4, 8, 16, 32)
WORKERS = (1, 2, 4, 8)
MANY_OVER = (8, 32)
"""Partitions over which a quick run tries more workers than two."""


def measure(*, quick: bool) -> dict[str, Any]:
    tried = [(partitions, workers) for partitions in PARTITIONS for workers in WORKERS if workers <= partitions]
    if quick:
        few = [(partitions, workers) for partitions, workers in tried if workers <= 2 or partitions in MANY_OVER]
        return asyncio.run(_measure(few, 240_000, 30_000))
    return asyncio.run(_measure(tried, 600_000, 50_000))


async def _measure(tried: list[tuple[int, int]], events: int, customers: int) -> dict[str, Any]:
    runs: dict[str, dict[str, Any]] = {}
    correct = True
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            broker = stack.part("kafka").pid
            for partitions, workers in tried:
                settings = msgspec.structs.replace(
                    stack.settings, partitions=partitions, ops_port=OPS_PORT, data_dir=f"{folder}/w",
                    state_cache_mb=256, session_timeout_s=120, log_level="WARNING",
                )  # fmt: skip
                await load.make_topics(settings)
                await load.publish(settings, load.COUNTING)
                await race(settings, customers, workers, broker, partial(load.fill, settings, customers, customers))
                backlog = partial(load.fill, settings, customers + events, customers, begin=customers)
                figures = await race(settings, events, workers, broker, backlog)
                figures["limit"] = limit(figures, os.cpu_count() or 1)
                runs[f"p{partitions}_w{workers}"] = figures
                correct &= await check(settings, customers + events, customers)
                shutil.rmtree(settings.data_dir)
    return {"correct": correct, "events": events, "customers": customers, "runs": runs}


def chart(figures: dict[str, Any]) -> str:
    """CPU of an event by partitions and workers."""
    rows = []
    for name, run in figures["runs"].items():
        lanes, workers = name[1:].split("_w")
        label = f"{lanes} lane{'s' * (lanes != '1')}, {workers} worker{'s' * (workers != '1')}"
        rows.append(Bar(label, (run["worker_us_per_event"], run["broker_us_per_event"])))
    return bars("CPU of an event, µs", ("workers", "broker"), rows)
