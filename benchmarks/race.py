"""Workers over a backlog: how fast, at whose cost. Used by the scenarios `scale` and `keys`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from benchmarks.report import cpu_seconds, rss_mb
from laudstream.settings import Settings, environment

Fill = Callable[[], Awaitable[None]]

PATIENCE_S = 900
GLANCE_S = 0.05


class Point(NamedTuple):
    """What was so at an instant."""

    handled: int
    at: float
    workers: float
    """CPU seconds so far."""
    broker: float


async def race(settings: Settings, events: int, count: int, broker: int, fill: Fill) -> dict[str, Any]:
    """`count` workers, which have their lanes already, over the backlog that `fill` makes while they are frozen;
    figures between 15 and 95 % of the `events`. `broker`: its process id."""
    ports = [settings.ops_port + n for n in range(count)]
    workers = [_worker(settings, n, port) for n, port in enumerate(ports)]
    try:
        await _until(lambda: _shared(ports, settings.partitions), "the lanes are shared out")
        handled = sum(map(_handled, ports))
        _tell(workers, signal.SIGSTOP)
        await fill()
        _tell(workers, signal.SIGCONT)
        points: list[Point] = []

        def look() -> bool:
            if any(worker.poll() is not None for worker in workers):
                raise RuntimeError("a worker ended")
            cpu = sum(cpu_seconds(worker.pid) for worker in workers)
            points.append(Point(sum(map(_handled, ports)) - handled, time.monotonic(), cpu, cpu_seconds(broker)))
            return points[-1].handled >= events

        await _until(look, f"{events} events")
        return {**_figures(points, events), "rss_mb": max(rss_mb(worker.pid) for worker in workers)}
    finally:
        _tell(workers, signal.SIGCONT)
        _tell(workers, signal.SIGTERM)
        for worker in workers:
            worker.wait(60)


def _figures(points: Sequence[Point], events: int) -> dict[str, Any]:
    first = next(point for point in points if point.handled >= 0.15 * events)
    last = next(point for point in points if point.handled >= 0.95 * events)
    if last.handled == first.handled:  # all in one glance: from the last point before any work
        first = [point for point in points if point.handled == points[0].handled][-1]
    done, seconds = last.handled - first.handled, last.at - first.at
    of_workers, of_broker = last.workers - first.workers, last.broker - first.broker
    return {
        "events_per_s": round(done / seconds),
        "worker_us_per_event": round(of_workers / done * 1e6, 1),
        "broker_us_per_event": round(of_broker / done * 1e6, 1),
        "cores_of_workers": round(of_workers / seconds, 2),
        "cores_of_broker": round(of_broker / seconds, 2),
    }


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
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
