"""From an event to its decision in a read-committed reader's hands, open loop, at steady rates.

Each event has its instant on a fixed schedule, and its latency counts from there, whatever became of those before it.
One worker; the broker is on the same machine. Gate: every event has its decisions once.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from benchmarks import load
from benchmarks.enrolment import ANSWER, Live, Seen, handled, until
from benchmarks.report import cpu_seconds, cuts, rss_mb, worker
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack

PORTS = 35000
OPS_PORT = PORTS + 90
CASES = ((8, 300), (32, 2_000))
"""(lanes, events a second)"""
SETTLE_S = 3
"""Of each run; not in the figures."""


def measure(*, quick: bool) -> dict[str, Any]:
    return uvloop.run(_measure(12 if quick else 60))


async def _measure(seconds: int) -> dict[str, Any]:
    runs: dict[str, Any] = {}
    correct = True
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            for lanes, per_s in CASES:
                settings = msgspec.structs.replace(
                    stack.settings, partitions=lanes, ops_port=OPS_PORT, data_dir=f"{folder}/{lanes}",
                    log_level="WARNING",
                )  # fmt: skip
                await load.make_topics(settings)
                await load.publish(settings, ANSWER, 1)
                process = worker(settings)
                try:
                    await handled(OPS_PORT, lanes)
                    seen, live = Seen(settings), Live(settings, per_s)
                    await seen.start()
                    posting = asyncio.create_task(live.run())
                    await asyncio.sleep(SETTLE_S)
                    cpu, began = cpu_seconds(process.pid), time.time()
                    await asyncio.sleep(seconds)
                    spent, ended = cpu_seconds(process.pid) - cpu, time.time()
                    live.stopped = True
                    await posting
                    await until(lambda: len(seen.answered) >= len(live.due), 60)  # noqa: B023
                    await seen.stop()
                    found = [seen.answered[n] - at for n, at in enumerate(live.due) if began <= at / 1000 < ended]
                    correct &= not seen.twice and len(seen.answered) == len(live.due)
                    runs[f"{lanes}_lanes_{per_s}_per_s"] = {
                        "ms": cuts(found), "cores": round(spent / (ended - began), 2), "rss_mb": rss_mb(process.pid),
                    }  # fmt: skip
                finally:
                    process.terminate()
                    await asyncio.to_thread(process.wait, 30)
    return {"correct": correct, "seconds": seconds, "runs": runs}
