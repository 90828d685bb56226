"""S3: timers of a journey, one a customer: how late they fire while all goes well, and how fast after a downtime.

Customers stand at a wait whose time-out is a day, since yesterday (`standing`): a worker with an empty disk restores
them. `idle`: its CPU while none is due. `steady`: some come due at a fixed rate, beside as many new entries; lateness
is the round's clock less the due instant, from the decisions. `downtime`: the worker is stopped, the others come due,
it is started again with its disk; live events of other customers come in at a fixed rate meanwhile, each to be
answered, and told is how long that takes a read-committed reader from the event's due instant. `look_us`: what a look
for due timers costs in the store of a lane. `rss_mb`: the most that the worker had. Gate: each fires once, at the
instant that was due, none early, each lane's in their order; each live event is answered once.
"""

from __future__ import annotations

import asyncio
import os
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
from benchmarks.race import stored_mb
from benchmarks.reading import Reader
from benchmarks.report import cpu_seconds, cuts, most_rss_mb, worker
from benchmarks.standing import Stretch, instants, stand
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
STEADY_S = 60
TIMEOUT_MS = 24 * 3_600_000
LIVE_PER_S = 300
STOP_S = 20
"""Between the last timer of the steady part and the first of the downtime: the worker is stopped."""
DOWN_S = 30
SETTLE_S = 10
"""Live events after the last timer: what they take then is what they take when nothing is to be caught up with."""
PATIENCE_S = 300
READY_S, READY_US = 20, 30
"""Until the first timer is due: for the whole, and for each customer who has to be put there and restored, on a quiet
machine; with a load of n so many times more, but not of more than MOST_LOAD."""
MOST_LOAD = 10

JOURNEY = {
    "id": "timers",
    "entry": [{"event": {"name": "arrived"}}],
    "start": "look",
    "steps": {
        "look": {
            "wait": {
                "branches": [{"event": {"name": "never"}, "next": "done"}],
                "timeout": {"after": "PT24H", "next": "done"},
            }
        },
        "done": {"exit": {"outcome": "over"}},
    },
}


def measure(*, quick: bool, waiting: int = 0) -> dict[str, Any]:
    """`waiting`: customers that wait."""
    return asyncio.run(_measure(waiting or (100_000 if quick else 2_000_000)))


async def _measure(customers: int) -> dict[str, Any]:
    surface.lean_records([topics.DECISIONS])  # they are many, and read beside the worker
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            settings = msgspec.structs.replace(
                stack.settings, partitions=LANES, ops_port=OPS_PORT, data_dir=f"{folder}/w", log_level="WARNING"
            )
            return await _timers(settings, customers)


async def _timers(settings: Settings, customers: int) -> dict[str, Any]:
    few = min(customers // 2, STEADY_S * PER_S)
    due = _now() + 1_000 * READY_S + int(customers * READY_US / 1_000 * (1 + min(MOST_LOAD, os.getloadavg()[0])))
    over = due + 1_000 * few // PER_S
    late = over + 1_000 * STOP_S
    entered = [Stretch(few, due - TIMEOUT_MS, over - TIMEOUT_MS),
               Stretch(customers - few, late - TIMEOUT_MS, late + 1_000 * DOWN_S - TIMEOUT_MS)]  # fmt: skip
    await load.make_topics(settings)
    await load.publish(settings, JOURNEY)
    await load.publish(settings, ANSWER, 2)
    began = time.monotonic()
    await stand(settings, JOURNEY, entered)
    figures: dict[str, Any] = {"timers": customers, "put_there_s": round(time.monotonic() - began, 1)}
    steady = await _steady(settings, customers, few, due)
    _before(late, "the worker is stopped")
    steady["stores_mb"] = stored_mb(Path(settings.data_dir))
    look_us = _looks(settings)
    await asyncio.sleep((late + 1_000 * DOWN_S - _now()) / 1_000)
    downtime = await _downtime(settings, customers - few)
    lateness, correct = await _lateness(settings, entered)
    steady["late_ms"] = cuts(lateness[:few])
    correct &= downtime.pop("answered_once")
    return {"correct": correct, **figures, "look_us": look_us, "steady": steady, "downtime": downtime}


async def _steady(settings: Settings, customers: int, few: int, due: int) -> dict[str, Any]:
    began = time.monotonic()
    process = worker(settings)
    try:
        await _until_lanes(lambda lanes: len(lanes) == LANES)
        restored_s = time.monotonic() - began
        _before(due - int(1_000 * IDLE_S), "all lanes are open")
        cpu = cpu_seconds(process.pid)
        await asyncio.sleep(IDLE_S)
        idle = (cpu_seconds(process.pid) - cpu) / IDLE_S
        await asyncio.sleep((due - _now()) / 1_000)
        cpu, began = cpu_seconds(process.pid), time.monotonic()
        await load.fill(settings, customers + few, customers + few, per_s=PER_S, begin=customers)
        await _until_lanes(lambda lanes: sum(lane["timers"] for lane in lanes.values()) >= few)
        cores, memory = (cpu_seconds(process.pid) - cpu) / (time.monotonic() - began), most_rss_mb(process.pid)
    finally:
        await _end(process)
    return {
        "restored_s": round(restored_s, 1),
        "idle_cores": round(idle, 3),
        "timers": few,
        "due_per_s": PER_S,
        "cores": round(cores, 2),
        "rss_mb": memory,
    }


async def _downtime(settings: Settings, many: int) -> dict[str, Any]:
    process = worker(settings)
    live, seen = Live(settings, LIVE_PER_S), Answers(settings)
    try:
        await _until_lanes(bool)
        started, cpu = time.time(), cpu_seconds(process.pid)
        await seen.start()
        posting = asyncio.create_task(live.run())
        took = await _fired(many)
        ended, spent, memory = time.time(), cpu_seconds(process.pid) - cpu, most_rss_mb(process.pid)
        await asyncio.sleep(SETTLE_S)
        live.stopped = True
        await posting
        await until(lambda: len(seen.at) >= len(live.due), 60)
        await seen.stop()
    finally:
        await _end(process)
    answered = [(at / 1000, seen.at[n] - at) for n, at in enumerate(live.due)]
    return {
        "timers": many,
        "fires_per_s": round(many / took),
        "cpu_us_per_fire": round(spent / many * 1e6, 1),
        "live_events_per_s": LIVE_PER_S,
        "live_ms_during": cuts([took for at, took in answered if started <= at < ended]),
        "live_ms_after": cuts([took for at, took in answered if at >= ended]),
        "rss_mb": memory,
        "answered_once": not seen.twice,
    }


def _looks(settings: Settings) -> dict[str, float]:
    """What a lane's look for due timers costs, µs, while its worker is away: the first one, over the tombstones of what
    fired; then with the earliest one known, as it is from one look to the next, and with nothing known, as it is
    after a round that did not happen."""
    store = LaneStore(settings.data_path / "lane-0", RocksMemory(128, 128), None, now=0, max_age_ms=0)
    now, began = _now(), time.perf_counter()
    if store.due(now, settings.round_timers).hints:
        raise RuntimeError("timers are due already: the machine is too slow for so many")
    found = {"first": round((time.perf_counter() - began) * 1e6, 2)}
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


def _now() -> int:
    return time.time_ns() // 1_000_000


def _before(instant: int, what: str) -> None:
    if _now() > instant:
        raise RuntimeError(f"{(_now() - instant) / 1000:.0f} s too late, {what}: the machine is too slow for so many")


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


async def _until_lanes(enough: Any) -> None:
    """Until they say so."""
    async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(PATIENCE_S):
        while not enough(await _status(client)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _fired(wanted: int) -> float:
    """Until so many timers have fired; seconds of a worker that fires, by its pace after the first twentieth."""
    first = last = 0.0
    async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(PATIENCE_S + wanted / 1_000):
        while True:
            await asyncio.sleep(0.05)
            seen, last = sum(lane["timers"] for lane in (await _status(client)).values()), time.monotonic()
            if not first and seen <= wanted // 20:
                continue
            if not first:
                first, already = last, seen
            if seen >= wanted:
                return max(0.05, last - first) * wanted / max(1, wanted - already)


async def _lateness(settings: Settings, entered: list[Stretch]) -> tuple[array[int], bool]:
    """How late the timer of each customer fired, ms, and whether all fired once, at the instant that was due, none
    early, each lane's in their order."""
    due = array("q", (at + TIMEOUT_MS for at in instants(entered)))
    late, fired = array("q", bytes(8 * len(due))), bytearray(len(due))
    wrong, last = 0, [0] * settings.partitions
    decode = msgspec.json.Decoder(Decision).decode
    async with Logs(settings) as logs:
        async for record in logs.records([topics.DECISIONS]):
            if b'"ended"' not in record.value:
                continue
            decision = decode(record.value)
            if decision.kind != "ended" or decision.journey != "timers":
                continue
            n = int(decision.customer.removeprefix("c"))
            lane = load.place(n, settings.partitions)[1]
            late[n] = decision.clock - decision.at
            fired[n] += 1
            early = decision.clock < decision.at or record.timestamp < decision.at
            wrong += early or decision.at != due[n] or decision.at < last[lane]
            last[lane] = decision.at
    return late, fired.count(1) == len(due) and not wrong
