"""S8: a lane comes back. One worker with 8 lanes of customers who wait, then two.

`warm`: the worker is stopped and started with its disk. `restore`: it is started with an empty disk; `states` are
records of the changelog, a customer is two of them and a part of a third (its kept event). `parts`: what the same
records of one lane cost by themselves: read from the broker, and written to an own RocksDB. `stop`: SIGTERM with a
backlog in hand. `rebalance`: a second worker joins with an empty disk, leaves, and joins again with its disk, while
events come in at a fixed rate; told is the longest time between two rounds of a lane, from the clocks in its journal.
Gate: journals without a hole, every event handled, every customer entered once.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.lanes import surface
from agents.lanes.restore import MUCH, STEP
from benchmarks import lanes, load
from benchmarks.enrolment import Live
from benchmarks.report import cpu_seconds, rss_mb, worker
from laudstream import topics
from laudstream.local.logs import Logs
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.records.head import decode_journal
from laudstream.settings import Settings
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore

PORTS = 31500
OPS_PORT = PORTS + 90
LANES = 8
LIVE_PER_S = 800
LIVE_CUSTOMERS = 1_000
CALM_S = 3.0
"""With all lanes running, before and after a worker comes or goes."""
SETTLE_S = 120.0


def measure(*, quick: bool, waiting: int = 0) -> dict[str, Any]:
    return uvloop.run(_measure(waiting or (100_000 if quick else 1_000_000)))


async def _measure(customers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            settings = msgspec.structs.replace(
                stack.settings, partitions=LANES, ops_port=OPS_PORT, data_dir=f"{folder}/a", log_level="WARNING"
            )
            other = msgspec.structs.replace(settings, ops_port=OPS_PORT + 1, data_dir=f"{folder}/b")
            await load.make_topics(settings)
            await load.publish(settings, load.COUNTING)
            await load.fill(settings, customers, customers)
            async with _running(settings):
                await _handled(settings, customers)
            warm = await _start(settings)
            shutil.rmtree(settings.data_dir)
            restore = await _start(settings)
            backlog = customers // 2
            await load.fill(settings, customers + backlog, customers, begin=customers)
            stop = await _stop(settings, customers, backlog)
            live = Live(settings, LIVE_PER_S, LIVE_CUSTOMERS)
            posting = asyncio.create_task(live.run())
            try:
                async with _running(settings):
                    rebalance = await _rebalance(settings, other)
                    live.stopped = True
                    await posting
                    await _drained(settings, customers + backlog + len(live.due))
            finally:
                posting.cancel()
            correct = await lanes.check(settings, customers + backlog + len(live.due), customers)
            parts = await _parts(settings, Path(folder) / "c")  # last: this process gets lean records from then on
    return {
        "correct": correct,
        "customers": customers,
        "warm": warm,
        "restore": restore,
        "parts_us_per_state": parts,
        "stop": stop,
        "rebalance": {"live_events_per_s": LIVE_PER_S, **rebalance},
    }


@asynccontextmanager
async def _running(settings: Settings) -> Any:
    process = worker(settings)
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: subprocess.Popen[bytes]) -> float:
    began = time.monotonic()
    process.terminate()
    await asyncio.to_thread(process.wait, 60)
    return time.monotonic() - began


async def _lanes(settings: Settings) -> dict[str, Any]:
    """Open lanes of a worker; none while it does not answer."""
    async with httpx.AsyncClient(timeout=5) as client:
        try:
            found: dict[str, Any] = (await client.get(f"http://127.0.0.1:{settings.ops_port}/status")).json()["lanes"]
        except (httpx.HTTPError, ValueError):
            return {}
    return found


async def _until(settings: Settings, enough: Callable[[dict[str, Any]], bool], seconds: float = 900) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while not enough(found := await _lanes(settings)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


def _sum(found: dict[str, Any], field: str) -> int:
    return sum(lane[field] for lane in found.values())


async def _handled(settings: Settings, events: int) -> None:
    await _until(settings, lambda found: _sum(found, "inputs") >= events + LANES)


async def _drained(settings: Settings, events: int) -> None:
    """Until the journals say that every event was handled."""
    async with Logs(settings) as logs, asyncio.timeout(SETTLE_S):
        while True:
            heads = await logs.heads()
            if sum(head.positions.get(topics.EVENTS, 0) for head in heads.values()) >= events:
                return
            await asyncio.sleep(0.2)


# -- opening -------------------------------------------------------------------------------
async def _start(settings: Settings) -> dict[str, Any]:
    """Start a worker, wait until all lanes are open, end it. Seconds count from the start of the process."""
    began = time.monotonic()
    async with _running(settings) as process:
        await _until(settings, bool)
        first = time.monotonic() - began
        found = await _until(settings, lambda found: len(found) == LANES)
        whole, cpu, memory = time.monotonic() - began, cpu_seconds(process.pid), rss_mb(process.pid)
        states, opening = _sum(found, "restored"), max(lane["open_s"] for lane in found.values())
    figures: dict[str, Any] = {"first_lane_s": round(first, 2), "all_lanes_s": round(whole, 2), "states": states}
    if states:
        figures |= {
            "states_per_s": round(states / opening),
            "restoring_s": round(opening, 2),
            "cpu_us_per_state": round(cpu / states * 1e6, 2),  # the start of the process too
            "rss_mb": memory,
        }
    return figures


async def _parts(settings: Settings, folder: Path) -> dict[str, float]:
    """CPU of this process for the records of lane 0; RocksDB's own threads count too."""
    surface.lean_records([topics.STATE])
    tp = TopicPartition(topics.STATE, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, enable_auto_commit=False, isolation_level="read_committed",
        max_partition_fetch_bytes=4 << 20, check_crcs=False,
    )  # fmt: skip
    await consumer.start()
    records: list[Any] = []
    try:
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        consumer.seek(tp, 0)
        cpu, began = time.process_time(), time.monotonic()
        while await consumer.position(tp) < end:
            records += (await consumer.getmany(tp, timeout_ms=200, max_records=STEP)).get(tp, ())
        read, waited = time.process_time() - cpu, time.monotonic() - began
    finally:
        await consumer.stop()
    figures = {"read": read, "broker_and_waiting": max(0.0, waited - read)}
    store = LaneStore(folder, RocksMemory(128, 128), Origin("c", 0, 1, 0, "t"), now=1, max_age_ms=topics.DAY_MS)
    cpu, here = time.process_time(), time.thread_time()
    if len(records) > MUCH:
        store.take_much()
    for at in range(0, len(records), STEP):
        store.restore([(record.key, record.value) for record in records[at : at + STEP]], at)
    store.restored(1)
    figures["rocksdb_in_the_loop"] = time.thread_time() - here
    figures["rocksdb_beside_it"] = time.process_time() - cpu - figures["rocksdb_in_the_loop"]
    store.close()
    return {name: round(seconds / len(records) * 1e6, 2) for name, seconds in figures.items()}


# -- stopping ------------------------------------------------------------------------------
async def _stop(settings: Settings, customers: int, backlog: int) -> dict[str, Any]:
    """SIGTERM in the middle of a backlog; then what the next start has to restore, and the rest of the backlog."""
    process = worker(settings)
    try:
        found = await _until(settings, lambda found: _sum(found, "inputs") >= backlog // 4)
    finally:
        seconds = await _end(process)
    async with _running(settings):
        redone = await _until(settings, lambda found: len(found) == LANES)
        await _drained(settings, customers + backlog)
    return {
        "seconds": round(seconds, 2),
        "handled_before": _sum(found, "inputs"),
        "exit_code": process.returncode,
        "states_to_redo": _sum(redone, "restored"),
    }


# -- workers that come and go ----------------------------------------------------------------
async def _rebalance(settings: Settings, other: Settings) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    await _until(settings, lambda found: len(found) == LANES)
    windows = []
    for name in ("join", "rejoin"):
        await asyncio.sleep(CALM_S)
        began = _now()
        process = worker(other)
        try:
            moved = await _until(other, lambda found: len(found) == LANES // 2, SETTLE_S)
            await asyncio.sleep(CALM_S)
            windows.append((name, began, _now(), {int(lane) for lane in moved}))
            await asyncio.sleep(CALM_S)
            began = _now()
        finally:
            await _end(process)
        await _until(settings, lambda found: len(found) == LANES, SETTLE_S)
        await asyncio.sleep(CALM_S)
        if name == "join":
            windows.append(("leave", began, _now(), {int(lane) for lane in moved}))
    await asyncio.sleep(CALM_S)
    clocks = await _clocks(settings)
    for name, began, ended, gone in windows:
        pauses = {lane: _pause(clocks[lane], began, ended) for lane in range(LANES)}
        figures[name] = {
            "stays_s": max(pauses[lane] for lane in range(LANES) if lane not in gone),
            "moves_s": max(pauses[lane] for lane in gone),
        }
    return figures


async def _clocks(settings: Settings) -> dict[int, list[int]]:
    """Clocks of the rounds of each lane, ms."""
    found: dict[int, list[int]] = {lane: [] for lane in range(LANES)}
    async with Logs(settings) as logs:
        async for record in logs.records([topics.JOURNAL]):
            found[record.partition].append(decode_journal(record.value).clock)
    return found


def _pause(clocks: list[int], began: int, ended: int) -> float:
    """The longest time without a round in a window, seconds."""
    inside = [began, *(clock for clock in clocks if began <= clock <= ended), ended]
    return max(after - before for before, after in itertools.pairwise(inside)) / 1000


def _now() -> int:
    return time.time_ns() // 1_000_000
