"""Bulk entry: a journey with an audience is published over many customers, while live events come in.

Rows stand in `laudstream.rows` as Debezium puts them there; one worker with 8 lanes. Told: customers entered a second,
CPU each, and how long a live event took from its due instant to a decision that a read-committed reader has, during
the sweep. Gate: every customer entered once, every live event has its decisions once.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvloop
from aiokafka import AIOKafkaProducer

from benchmarks import load
from benchmarks.reading import Reader
from benchmarks.report import cpu_seconds, cuts, rss_mb, worker
from laudstream import topics
from laudstream.journey.decision import Decision
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.settings import Settings

PORTS = 34000
OPS_PORT = PORTS + 90
LIVE_PER_S = 300
SETTLE_S = 5
"""Live events before the sweep begins."""
NEWS = {
    "id": "news",
    "name": "All who are there",
    "entry": [{"audience": {}}],
    "start": "look",
    "steps": {
        "look": {"wait": {"branches": [{"event": {"name": "read"}, "next": "done"}],
                          "timeout": {"after": "P30D", "next": "done"}}},
        "done": {"exit": {"outcome": "read"}},
    },
}  # fmt: skip
ANSWER = {
    "id": "answer",
    "name": "Live events",
    "entry": [{"event": {"name": "ping"}, "reentry": "always"}],
    "start": "done",
    "steps": {"done": {"exit": {"outcome": "answered"}}},
}


def measure(*, quick: bool) -> dict[str, Any]:
    return uvloop.run(_measure(100_000 if quick else 1_000_000))


async def _measure(customers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            settings = msgspec.structs.replace(
                stack.settings, partitions=8, ops_port=OPS_PORT, data_dir=f"{folder}/w", log_level="WARNING"
            )
            await load.make_topics(settings)
            await load.publish(settings, ANSWER, 1)
            await load.rows(settings, customers)
            process = worker(settings)
            try:
                await handled(OPS_PORT, customers + settings.partitions)
                return await _sweep(settings, customers, process.pid)
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, 30)


async def until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def handled(port: int, inputs: int) -> None:
    async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(300):
        while True:
            try:
                lanes = (await client.get(f"http://127.0.0.1:{port}/status")).json()["lanes"]
                if sum(lane["inputs"] for lane in lanes.values()) >= inputs:
                    return
            except (httpx.HTTPError, ValueError):
                pass
            await asyncio.sleep(0.2)


async def _sweep(settings: Settings, customers: int, pid: int) -> dict[str, Any]:
    seen = Seen(settings)
    await seen.start()
    live = Live(settings, LIVE_PER_S)
    posting = asyncio.create_task(live.run())
    await asyncio.sleep(SETTLE_S)
    cpu, began = cpu_seconds(pid), time.time()
    await load.publish(settings, NEWS, 2)
    await until(lambda: len(seen.entered) >= customers, 600)
    ended = time.time()
    spent = cpu_seconds(pid) - cpu
    live.stopped = True
    await posting
    await until(lambda: len(seen.answered) >= len(live.due), 60)
    await seen.stop()
    during = [seen.answered[n] - at for n, at in enumerate(live.due) if began <= at / 1000 < ended]
    before = [seen.answered[n] - at for n, at in enumerate(live.due) if at / 1000 < began]
    return {
        "correct": max(seen.entered.values()) == 1 and len(seen.entered) == customers and not seen.twice,
        "customers": customers,
        "seconds": round(ended - began, 1),
        "entered_per_s": round(customers / (ended - began)),
        "cpu_us_per_customer": round(spent / customers * 1e6, 1),
        "live_events_per_s": LIVE_PER_S,
        "live_ms_before": cuts(before),
        "live_ms_during": cuts(during),
        "rss_mb": rss_mb(pid),
    }


class Live:
    """Events on a fixed schedule, each at its instant, whatever became of those before it."""

    def __init__(self, settings: Settings, per_s: int, customers: int = 0) -> None:
        """`customers`: events go round these many; 0: each has its own."""
        self._settings, self._per_s, self._customers = settings, per_s, customers
        self.due: list[int] = []
        self.stopped = False

    async def run(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._settings.kafka, acks="all", linger_ms=0)
        await producer.start()
        encode, began = msgspec.json.Encoder().encode, time.time()
        try:
            for n in itertools.count():
                if self.stopped:
                    return
                at = began + n / self._per_s
                await asyncio.sleep(max(0.0, at - time.time()))
                now = int(at * 1000)
                self.due.append(now)
                event = {"id": f"live{n}", "type": "track", "name": "ping", "timestamp": now, "received": now}
                await producer.send(
                    topics.EVENTS, encode(event), f"{load.WORKSPACE}:live{n % (self._customers or n + 1)}".encode()
                )
        finally:
            await producer.stop()


class Seen(Reader):
    """Who entered, and when live events were answered (number -> ms)."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.entered: Counter[str] = Counter()
        self.answered: dict[int, int] = {}
        self.twice = 0

    def seen(self, decision: Decision, now: int) -> None:
        if decision.journey == "news":
            self.entered[decision.customer] += decision.kind == "entered"
        elif decision.kind == "ended":
            n = int(decision.customer.removeprefix("live"))
            self.twice += n in self.answered
            self.answered[n] = now
