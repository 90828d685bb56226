"""S2: a worker core by the number of its customers, each of whom is in the middle of a journey.

First all enter, or, where they are more than ENTERED, are put into the changelog (`standing`) and restored; what is
measured is a backlog that touches each customer in turn, the worst case for every cache. Eight lanes, or `--lanes`;
`--customers` chooses one size. Gate as in `lanes`, and the worker's memory: what its settings allow, however many there
are.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import load
from benchmarks.chart import Bar, bars
from benchmarks.lanes import check
from benchmarks.race import race, stored_mb
from benchmarks.standing import Stretch, stand
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.settings import Settings

PORTS = 31600
OPS_PORT = PORTS + 90
QUICK, WHOLE = (10_000, 100_000, 1_000_000), (10_000, 1_000_000, 10_000_000)
SHARE = 4
"""Of the events, one in so many is measured: the rest are the entries of a large population."""
LEAST = 240_000
ENTERED = 1_000_000
"""More would take longer to enter than all the rest."""
HOUR_MS = 3_600_000
PROCESS_MB, LANE_MB, STORED_SHARE = 350, 24, 0.03
"""Memory beside the caches: of the process, of a lane (records in hand, a round), of the bytes stored (indexes)."""


def measure(*, quick: bool, customers: int = 0, lanes: int = 8) -> dict[str, Any]:
    """`customers`: only so many."""
    return asyncio.run(_measure((customers,) if customers else QUICK if quick else WHOLE, lanes))


def allowed_mb(settings: Settings, stores_mb: int) -> int:
    """Memory that a worker with all lanes may take. What states take is an estimate: half as much again."""
    caches = settings.block_cache_mb + settings.memtable_mb + settings.state_cache_mb * 3 // 2
    return caches + PROCESS_MB + LANE_MB * settings.partitions + round(STORED_SHARE * stores_mb)


async def _measure(sizes: tuple[int, ...], lanes: int) -> dict[str, Any]:
    runs: dict[str, dict[str, Any]] = {}
    correct = True
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("kafka",)) as stack:
            broker = stack.part("kafka").pid
            for customers in sizes:
                settings = msgspec.structs.replace(
                    stack.settings, partitions=lanes, ops_port=OPS_PORT, data_dir=f"{folder}/w", session_timeout_s=900,
                    log_level="WARNING",
                )  # fmt: skip
                await load.make_topics(settings)
                await load.publish(settings, load.COUNTING)
                events = max(LEAST, customers // SHARE)
                stood = customers > ENTERED
                if stood:
                    now = time.time_ns() // 1_000_000
                    await stand(settings, load.COUNTING, [Stretch(customers, now - HOUR_MS, now)])
                else:
                    entering = await race(
                        settings, customers, 1, broker, partial(load.fill, settings, customers, customers)
                    )
                more = partial(load.fill, settings, customers + events, customers, begin=customers)
                figures = await race(settings, events, 1, broker, more)
                stores_mb = stored_mb(Path(settings.data_dir))
                allowed = allowed_mb(settings, stores_mb)
                figures |= {"customers": customers, "stores_mb": stores_mb, "rss_allowed_mb": allowed}
                correct &= figures["rss_mb"] <= allowed
                if not stood and customers >= LEAST:  # fewer are in within a few glances
                    figures |= {
                        "entries_per_s": entering["events_per_s"],
                        "entry_worker_us": entering["worker_us_per_event"],
                    }
                runs[str(customers)] = figures
                if stood:
                    correct &= await check(settings, events, 0, whole=False)
                else:
                    correct &= await check(settings, customers + events, customers)
                shutil.rmtree(settings.data_dir)
    return {"correct": correct, "lanes": lanes, "runs": runs}


def chart(figures: dict[str, Any]) -> str:
    """CPU of an event by customers."""
    rows = [
        Bar(f"{run['customers']:,} customers", (run["worker_us_per_event"], run["broker_us_per_event"]))
        for run in figures["runs"].values()
    ]
    return bars("CPU of an event, µs", ("worker", "broker"), rows)
