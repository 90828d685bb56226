"""S3: timers of a journey, one a customer: how late they fire while all goes well, and how fast after a downtime.

Every customer's first event starts a run that waits with a time-out. `steady`: customers come at a fixed rate, so that
time-outs are due at that rate, beside new entries; lateness is the round's clock less the due instant, from the
decisions. `downtime`: all enter at once, the worker is stopped before the first time-out and started after the last.
`idle`: CPU of a worker while timers wait and none is due. Gate: each fires once, none early.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks import load
from benchmarks.report import cpu_seconds, cuts, rss_mb, worker
from laudstream import topics
from laudstream.journey.decision import Decision
from laudstream.local.logs import Logs
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.settings import Settings

PORTS = 35000
OPS_PORT = PORTS + 90
IDLE_S = 5.0
PER_S = 2_000
STEADY_TIMEOUT_S = 10


def journey(timeout_s: int) -> dict[str, Any]:
    look = {"branches": [{"event": {"name": "never"}, "next": "done"}],
            "timeout": {"after": f"PT{timeout_s}S", "next": "done"}}  # fmt: skip
    steps = {"look": {"wait": look}, "done": {"exit": {"outcome": "over"}}}
    return {"id": "timers", "entry": [{"event": {"name": "arrived"}}], "start": "look", "steps": steps}


def measure(*, quick: bool) -> dict[str, Any]:
    return asyncio.run(_measure(100_000 if quick else 1_000_000))


async def _measure(customers: int) -> dict[str, Any]:
    entering_s = 10 + customers // 10_000  # time that all need to enter, with room
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            settings = msgspec.structs.replace(
                stack.settings, partitions=8, ops_port=OPS_PORT, data_dir=f"{folder}/w", log_level="WARNING"
            )
            steady = await _steady(settings, customers // 2)
            settings = msgspec.structs.replace(settings, data_dir=f"{folder}/x")
            downtime = await _downtime(settings, customers, 2 * entering_s)
    return {
        "correct": steady.pop("correct") and downtime.pop("correct"),
        "timers": customers,
        "steady": steady,
        "downtime": downtime,
    }


async def _steady(settings: Settings, customers: int) -> dict[str, Any]:
    await load.make_topics(settings)
    await load.publish(settings, journey(STEADY_TIMEOUT_S))
    process = worker(settings)
    try:
        await _lanes("inputs", settings.partitions)
        cpu, began = cpu_seconds(process.pid), time.monotonic()
        await load.fill(settings, customers, customers, per_s=PER_S)
        await _lanes("timers", customers)
        cores = (cpu_seconds(process.pid) - cpu) / (time.monotonic() - began)
        memory = rss_mb(process.pid)
    finally:
        await _end(process)
    late, correct = await _lateness(settings, customers)
    return {"due_per_s": PER_S, "late_ms": cuts(late), "cores": round(cores, 2), "rss_mb": memory, "correct": correct}


async def _downtime(settings: Settings, customers: int, timeout_s: int) -> dict[str, Any]:
    await load.make_topics(settings)
    await load.publish(settings, journey(timeout_s))
    await load.fill(settings, customers, customers)
    process = worker(settings)
    try:
        entered_s = await _lanes("inputs", customers + settings.partitions)
        cpu = cpu_seconds(process.pid)
        await asyncio.sleep(IDLE_S)
        idle = (cpu_seconds(process.pid) - cpu) / IDLE_S
        await _end(process)
        await asyncio.sleep(timeout_s)
        process = worker(settings)
        took = await _lanes("timers", customers)
        cpu, memory = cpu_seconds(process.pid), rss_mb(process.pid)
    finally:
        await _end(process)
    _, correct = await _lateness(settings, customers)
    return {
        "entered_per_s": round(customers / entered_s),
        "idle_cores": round(idle, 3),
        "fires_per_s": round(customers / took),
        "cpu_us_per_fire": round(cpu / customers * 1e6, 1),
        "rss_mb": memory,
        "correct": correct,
    }


async def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    await asyncio.to_thread(process.wait, 30)


async def _lanes(field: str, wanted: int) -> float:
    """Until the lanes say so; seconds between the first and the last of them."""
    first = last = 0.0
    async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(600):
        while True:
            await asyncio.sleep(0.05)
            try:
                lanes = (await client.get(f"http://127.0.0.1:{OPS_PORT}/status")).json()["lanes"]
            except (httpx.HTTPError, ValueError):
                continue
            seen, last = sum(lane[field] for lane in lanes.values()), time.monotonic()
            if not first and seen <= wanted // 20:
                continue
            first = first or last
            if seen >= wanted:
                return max(0.05, last - first) / 0.95


async def _lateness(settings: Settings, customers: int) -> tuple[list[int], bool]:
    late: list[int] = []
    entered: dict[str, int] = {}
    ended: set[str] = set()
    early = 0
    decode = msgspec.json.Decoder(Decision).decode
    async with Logs(settings) as logs:
        async for record in logs.records([topics.DECISIONS]):
            decision = decode(record.value)
            if decision.kind == "entered":
                entered[decision.customer] = decision.at
            elif decision.kind == "ended":
                late.append(decision.clock - decision.at)
                ended.add(decision.customer)
                early += decision.clock < decision.at or record.timestamp < decision.at
    return late, len(late) == len(ended) == len(entered) == customers and not early
