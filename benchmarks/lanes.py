"""S1: events → journey → decisions on one worker core, beside stock Faust with a Table, a bare aiokafka loop and, in
the whole run or with `--peers all`, Kafka Streams (exactly_once_v2).

Catch-up from a backlog. The same events and the same logic (count a customer's events) for all; lanes do it as a
journey, with state, changelog, journal and transactions. Workers are pinned to one core, the broker is not. Rates
and CPU are taken between 15 % and 95 % of the backlog: neither start-up nor the customers' first events are in them.
Kafka Streams gets a longer backlog and is taken from 50 % on, when its compiler is done.
Every run of lanes ends with a correctness gate: all events handled, one entry a customer, no hole in a journal.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks import load
from benchmarks.peers import streams
from benchmarks.report import cpu_seconds, rss_mb
from laudstream import topics
from laudstream.journey.decision import Decision
from laudstream.local.logs import Logs
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.records.head import decode_journal
from laudstream.settings import Settings, environment

PORTS = 31000
OPS_PORT = PORTS + 90
PARTITIONS = (1, 4, 8)
PEERS = {"stock_faust_table": "faust_table", "bare_aiokafka_rocksdb": "bare_loop"}
STREAMS = "kafka_streams"
STREAMS_EVENTS = 1_500_000


def measure(*, quick: bool, peers: str = "") -> dict[str, Any]:
    """`peers`: "all" or "few"; empty: all if not quick."""
    return asyncio.run(_measure(quick, peers == "all" if peers else not quick))


async def _measure(quick: bool, with_streams: bool) -> dict[str, Any]:
    java = streams.command() if with_streams else []
    events, customers, rounds = (240_000, 30_000, 5) if quick else (600_000, 50_000, 5)
    runs: dict[str, list[dict[str, float]]] = {}
    correct = True
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            for _ in range(rounds):
                for partitions in PARTITIONS:
                    settings = msgspec.structs.replace(
                        stack.settings, partitions=partitions, ops_port=OPS_PORT, data_dir=f"{folder}/w",
                        state_cache_mb=256, log_level="WARNING",
                    )  # fmt: skip
                    await load.make_topics(settings)
                    await load.publish(settings, load.COUNTING)
                    await load.fill(settings, events, customers)
                    runs.setdefault(f"lanes_p{partitions}", []).append(
                        await asyncio.to_thread(_lanes, settings, events)
                    )
                    correct &= await check(settings, events, customers)
                    shutil.rmtree(settings.data_dir)
                for name, module in PEERS.items():
                    most = 30_000 if name == "stock_faust_table" else events
                    command = [sys.executable, "-m", f"benchmarks.peers.{module}"]
                    runs.setdefault(name, []).append(await asyncio.to_thread(_peer, command, settings, folder, most))
                if java:
                    await load.fill(settings, STREAMS_EVENTS - events, customers)
                    figures = await asyncio.to_thread(_peer, java, settings, folder, STREAMS_EVENTS, 0.5)
                    runs.setdefault(STREAMS, []).append(figures)
    return _summary(runs, correct, events, customers)


def _summary(runs: dict[str, list[dict[str, float]]], correct: bool, events: int, customers: int) -> dict[str, Any]:
    rows = {
        name: {field: round(statistics.median(run[field] for run in found), 1) for field in found[0]}
        for name, found in runs.items()
    }
    best = f"lanes_p{PARTITIONS[-1]}"

    def ratio(field: str, upper: str, lower: str) -> float:
        """Median over the rounds: what is compared ran one after the other, for the machine's speed changes."""
        return statistics.median(a[field] / b[field] for a, b in zip(runs[upper], runs[lower], strict=True))

    to_streams = {}
    if STREAMS in runs:
        to_streams["ratio_to_kafka_streams"] = round(ratio("cpu_us_per_event", STREAMS, best), 2)
        to_streams["ratio_to_kafka_streams_wall"] = round(ratio("events_per_s", best, STREAMS), 2)
    return {
        "correct": correct,
        "events": events,
        "customers": customers,
        "rounds": len(runs[best]),
        "ratio_to_stock_faust": round(ratio("cpu_us_per_event", "stock_faust_table", best), 1),
        "ratio_to_stock_faust_wall": round(ratio("events_per_s", best, "stock_faust_table"), 1),
        "ratio_to_bare_loop": round(ratio("cpu_us_per_event", "bare_aiokafka_rocksdb", best), 2),
        **to_streams,
        "runs": rows,
    }


def _lanes(settings: Settings, events: int) -> dict[str, float]:
    def handled(_: subprocess.Popen[str]) -> int:
        try:
            lanes = httpx.get(f"http://127.0.0.1:{OPS_PORT}/status", timeout=5).json()["lanes"]
        except (httpx.HTTPError, ValueError):
            return 0
        return sum(lane["inputs"] - 1 for lane in lanes.values())  # one of them is the journey's control record

    command = [sys.executable, "-P", "-m", "laudstream", "worker", "journeys"]
    return _run(command, {**os.environ, **environment(settings)}, handled, events)


def _peer(program: list[str], settings: Settings, folder: str, events: int, begin: float = 0.15) -> dict[str, float]:
    data = tempfile.mkdtemp(dir=folder)
    command = [*program, settings.kafka, data, str(settings.partitions)]
    seen = 0

    def handled(process: subprocess.Popen[str]) -> int:
        nonlocal seen
        assert process.stdout is not None
        line = process.stdout.readline()
        if line.strip().isdecimal():
            seen = int(line)
        return seen

    return _run(command, dict(os.environ), handled, events, begin)


def _run(
    command: list[str],
    env: dict[str, str],
    handled: Callable[[subprocess.Popen[str]], int],
    events: int,
    begin: float = 0.15,
) -> dict[str, float]:
    """Start a worker on core 0, wait until it has handled `events`; figures between 15 % (`begin`) and 95 % of them."""
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        points: list[tuple[int, float, float]] = []
        deadline = time.monotonic() + 300
        while not points or points[-1][0] < events:
            count = handled(process)
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} ended or stood still at {count} of {events}")
            points.append((count, time.monotonic(), cpu_seconds(process.pid)))
            time.sleep(0.02)
        first = next(point for point in points if point[0] >= begin * events)
        last = next(point for point in points if point[0] >= 0.95 * events)
        if last[0] == first[0]:  # all in one glance: from the last point before any work
            first = [point for point in points if point[0] == points[0][0]][-1]
        done, seconds, cpu = (b - a for a, b in zip(first, last, strict=True))
        return {
            "events_per_s": done / seconds,
            "cpu_us_per_event": cpu / done * 1e6,
            "rss_mb": rss_mb(process.pid),
        }
    finally:
        process.terminate()
        process.wait(30)


async def check(settings: Settings, events: int, customers: int, *, whole: bool = True) -> bool:
    """All events handled once: by the journals and the decisions, as a read-committed reader sees them. `whole`:
    journals begin with the first rounds of their lanes."""
    seqs: dict[int, list[int]] = {}
    ends: dict[int, int] = {}
    entered: set[str] = set()
    entries = 0
    decode = msgspec.json.Decoder(Decision).decode
    async with Logs(settings) as logs:
        async for record in logs.records([topics.JOURNAL]):
            entry = decode_journal(record.value)
            seqs.setdefault(record.partition, []).append(entry.seq)
            ends[record.partition] = entry.ends.get(topics.EVENTS, ends.get(record.partition, 0))
        async for record in logs.records([topics.DECISIONS]):
            decision = decode(record.value)
            if decision.kind == "entered":
                entries += 1
                entered.add(decision.customer)
    begins = {lane: 1 if whole else found[0] for lane, found in seqs.items()}
    unbroken = all(found == list(range(begins[lane], begins[lane] + len(found))) for lane, found in seqs.items())
    return unbroken and sum(ends.values()) == events and entries == len(entered) == customers
