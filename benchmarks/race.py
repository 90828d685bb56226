"""Workers over a backlog: how fast, at whose cost. Used by the scenarios `scale` and `keys`."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.report import cpu_seconds, rss_mb
from laudstream import topics
from laudstream.local.logs import Logs
from laudstream.settings import Settings, environment

Fill = Callable[[], Awaitable[None]]

PATIENCE_S = 900
GLANCE_S = 0.05


async def race(settings: Settings, events: int, count: int, broker: int, fill: Fill) -> dict[str, Any]:
    """`count` workers, which have their lanes already, over the backlog of `events` that `fill` makes while they are
    frozen: from the thaw to the last round. `broker`: its process id.

    When that was, the journal says: a busy worker answers questions late.
    """
    ports = [settings.ops_port + n for n in range(count)]
    workers = [_worker(settings, n, port) for n, port in enumerate(ports)]

    def spent() -> tuple[float, float]:
        return sum(cpu_seconds(worker.pid) for worker in workers), cpu_seconds(broker)

    def alive() -> bool:
        if any(worker.poll() is not None for worker in workers):
            raise RuntimeError("a worker ended")
        return True

    def done() -> bool:
        return alive() and sum(map(_handled, ports)) - before >= events

    try:
        await _until(lambda: alive() and _shared(ports, settings.partitions), "the lanes are shared out")
        before = sum(map(_handled, ports))
        _tell(workers, signal.SIGSTOP)
        await fill()
        began, (of_workers, of_broker) = time.time(), spent()
        _tell(workers, signal.SIGCONT)
        await _until(lambda: asyncio.to_thread(done), f"{events} events")
        of_workers, of_broker = (after - at for after, at in zip(spent(), (of_workers, of_broker), strict=True))
        memory = max(rss_mb(worker.pid) for worker in workers)
    finally:
        _tell(workers, signal.SIGCONT)
        _tell(workers, signal.SIGTERM)
        for worker in workers:
            worker.wait(60)
    rounds = [at for at in await _rounds(settings) if at > began]
    seconds = max(rounds) - began
    return {
        "events_per_s": round(events / seconds),
        "worker_us_per_event": round(of_workers / events * 1e6, 1),
        "broker_us_per_event": round(of_broker / events * 1e6, 1),
        "cores_of_workers": round(of_workers / seconds, 2),
        "cores_of_broker": round(of_broker / seconds, 2),
        "events_a_round": round(events / len(rounds)),
        "rss_mb": memory,
    }


async def _rounds(settings: Settings) -> list[float]:
    """When each round was written, by the broker's clock, epoch seconds."""
    async with Logs(settings) as logs:
        return [record.timestamp / 1000 async for record in logs.records([topics.JOURNAL])]


async def _until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if await value if inspect.isawaitable(value) else value:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE_S} s: {what}")
        await asyncio.sleep(GLANCE_S)


def _tell(workers: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    for worker in workers:
        worker.send_signal(number)


def _worker(settings: Settings, number: int, port: int) -> subprocess.Popen[bytes]:
    own = msgspec.structs.replace(settings, ops_port=port, data_dir=str(Path(settings.data_dir) / f"{number}"))
    command = [sys.executable, "-P", "-m", "laudstream", "worker", "journeys"]
    env = {**os.environ, **environment(own)}
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _lanes(port: int) -> list[dict[str, Any]]:
    try:
        return list(httpx.get(f"http://127.0.0.1:{port}/status", timeout=5).json()["lanes"].values())
    except (httpx.HTTPError, ValueError):
        return []


def _handled(port: int) -> int:
    return sum(lane["inputs"] for lane in _lanes(port))


def _shared(ports: Sequence[int], partitions: int) -> bool:
    """Every lane is open, on as many workers as can have one, and has seen the journey."""
    lanes = [_lanes(port) for port in ports]
    found = [lane for some in lanes for lane in some]
    return len(found) == partitions and sum(map(bool, lanes)) == min(len(ports), partitions)


def stored_mb(folder: Path) -> int:
    """Of the stores of all workers below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >> 20


def limit(figures: dict[str, Any], cores: int) -> str:
    """What keeps this machine from more, in words."""
    if figures["cores_of_workers"] + figures["cores_of_broker"] >= 0.9 * cores:
        return "the machine"
    return "the worker" if figures["cores_of_workers"] >= 0.9 else "waiting"
