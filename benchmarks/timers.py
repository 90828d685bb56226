"""S3: timers of a journey, one a customer: how late they fire while all goes well, and how fast after a downtime.

Every customer's first event starts a run that waits with a time-out. `steady`: customers come at a fixed rate, so that
time-outs are due at that rate, beside new entries; lateness is the round's clock less the due instant, from the
decisions. `downtime`: all enter at once, the worker is stopped before the first time-out and started after the last;
live events of other customers come in at a fixed rate meanwhile, each to be answered, and told is how long that takes a
read-committed reader from the event's due instant. `idle`: CPU of a worker while timers wait and none is due, and what
a look for due ones costs in the store of a lane. Gate: each fires once, none early, in the order in which they were
due; each live event is answered once.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

import httpx
import msgspec

from agents.lanes import surface
from benchmarks import load
from benchmarks.enrolment import ANSWER, Live, until
from benchmarks.reading import Reader
from benchmarks.report import cpu_seconds, cuts, rss_mb, worker
from laudstream import topics
from laudstream.journey.decision import Decision
from laudstream.local.logs import Logs
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from tables.rocks import RocksMemory
from tables.store import LaneStore

PORTS = 31700
OPS_PORT = PORTS + 90
LANES = 8
IDLE_S = 5.0
LOOKS = 200
PER_S = 2_000
MOST_STEADY = 500_000
STEADY_TIMEOUT_S = 10
LIVE_PER_S = 300
SETTLE_S = 10
"""Live events after the last timer: what they take then is what they take when nothing is to be caught up with."""
ENTER_PER_S = 10_000
"""Customers surely enter so fast."""


def journey(timeout_s: int) -> dict[str, Any]:
    look = {"branches": [{"event": {"name": "never"}, "next": "done"}],
            "timeout": {"after": f"PT{timeout_s}S", "next": "done"}}  # fmt: skip
    steps = {"look": {"wait": look}, "done": {"exit": {"outcome": "over"}}}
    return {"id": "timers", "entry": [{"event": {"name": "arrived"}}], "start": "look", "steps": steps}


def measure(*, quick: bool, waiting: int = 0) -> dict[str, Any]:
    """`waiting`: customers that wait over the downtime."""
    return asyncio.run(_measure(waiting or (100_000 if quick else 2_000_000)))


async def _measure(customers: int) -> dict[str, Any]:
    surface.lean_records([topics.DECISIONS])  # they are many, and read beside the worker
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            settings = msgspec.structs.replace(
                stack.settings, partitions=LANES, ops_port=OPS_PORT, data_dir=f"{folder}/w", log_level="WARNING"
            )
            steady = await _steady(settings, min(customers // 2, MOST_STEADY))
            settings = msgspec.structs.replace(settings, data_dir=f"{folder}/x")
            downtime = await _downtime(settings, customers, 60 + customers // ENTER_PER_S)
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
    await load.publish(settings, ANSWER, 2)
    await load.fill(settings, customers, customers)
    process = worker(settings)
    live, seen = Live(settings, LIVE_PER_S), Answers(settings)
    try:
        entered_s = await _lanes("inputs", customers + 2 * LANES)
        cpu = cpu_seconds(process.pid)
        await asyncio.sleep(IDLE_S)
        idle = (cpu_seconds(process.pid) - cpu) / IDLE_S
        await _end(process)
        look_us = _looks(settings)
        await asyncio.sleep(timeout_s)
        process = worker(settings)
        await _open()
        started, cpu = time.time(), cpu_seconds(process.pid)
        await seen.start()
        posting = asyncio.create_task(live.run())
        took = await _lanes("timers", customers)
        ended, spent, memory = time.time(), cpu_seconds(process.pid) - cpu, rss_mb(process.pid)
        await asyncio.sleep(SETTLE_S)
        live.stopped = True
        await posting
        await until(lambda: len(seen.at) >= len(live.due), 60)
        await seen.stop()
    finally:
        await _end(process)
    _, correct = await _lateness(settings, customers)
    answered = [(at / 1000, seen.at[n] - at) for n, at in enumerate(live.due)]
    return {
        "entered_per_s": round(customers / entered_s),
        "idle_cores": round(idle, 3),
        "look_us": look_us,
        "fires_per_s": round(customers / took),
        "cpu_us_per_fire": round(spent / customers * 1e6, 1),
        "live_events_per_s": LIVE_PER_S,
        "live_ms_during": cuts([took for at, took in answered if started <= at < ended]),
        "live_ms_after": cuts([took for at, took in answered if at >= ended]),
        "rss_mb": memory,
        "correct": correct and not seen.twice,
    }


def _looks(settings: Settings) -> dict[str, float]:
    """What a lane's look for due timers costs, µs, while its worker is away: with the earliest one known, as it is
    from one look to the next, and with nothing known."""
    store = LaneStore(settings.data_path / "lane-0", RocksMemory(128, 128), None, now=0, max_age_ms=0)
    now, found = time.time_ns() // 1_000_000, {}
    store.due(now, settings.round_timers)
    for name in ("known", "unknown"):
        best = 1e9
        for _ in range(LOOKS):
            if name == "unknown":
                store.forget()
            began = time.perf_counter()
            store.due(now, settings.round_timers)
            best = min(best, time.perf_counter() - began)
        found[name] = round(best * 1e6, 2)
    store.close()
    return found


class Answers(Reader):
    """When the answer to each live event was there (number -> ms)."""

    mark = b'"answer"'  # nearly all others are the timers'

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.at: dict[int, int] = {}
        self.twice = 0

    def seen(self, decision: Decision, now: int) -> None:
        if decision.kind == "ended":
            n = int(decision.customer.removeprefix("live"))
            self.twice += n in self.at
            self.at[n] = now


async def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    await asyncio.to_thread(process.wait, 30)


async def _status(client: httpx.AsyncClient) -> dict[str, Any]:
    """Open lanes; none while the worker does not answer."""
    try:
        lanes: dict[str, Any] = (await client.get(f"http://127.0.0.1:{OPS_PORT}/status")).json()["lanes"]
    except (httpx.HTTPError, ValueError):
        return {}
    return lanes


async def _open() -> None:
    async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(60):
        while not await _status(client):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _lanes(field: str, wanted: int) -> float:
    """Until the lanes say so; seconds between the first and the last of them."""
    first = last = 0.0
    async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(600 + wanted / 1_000):
        while True:
            await asyncio.sleep(0.05)
            lanes = await _status(client)
            seen, last = sum(lane[field] for lane in lanes.values()), time.monotonic()
            if not first and seen <= wanted // 20:
                continue
            first = first or last
            if seen >= wanted:
                return max(0.05, last - first) / 0.95


async def _lateness(settings: Settings, customers: int) -> tuple[list[int], bool]:
    """How late each timer fired, ms, and whether each customer's did once, none early, each lane's in their order."""
    late = array("q")
    entered, ended = bytearray(customers), bytearray(customers)
    wrong, last = 0, [0] * settings.partitions
    places = [load.place(n, settings.partitions)[1] for n in range(customers)]
    decode = msgspec.json.Decoder(Decision).decode
    async with Logs(settings) as logs:
        async for record in logs.records([topics.DECISIONS]):
            decision = decode(record.value)
            if decision.journey != "timers":
                continue
            n = int(decision.customer.removeprefix("c"))
            if decision.kind == "entered":
                entered[n] += 1
            elif decision.kind == "ended":
                lane = places[n]
                late.append(decision.clock - decision.at)
                ended[n] += 1
                wrong += decision.clock < decision.at or record.timestamp < decision.at or decision.at < last[lane]
                last[lane] = decision.at
    return list(late), entered.count(1) == ended.count(1) == customers and not wrong
