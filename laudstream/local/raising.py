"""Raising the numbers of all lanes (A14): where lanes are, what workers know, what is in the way, and doing it.

The orders go the way of all others: outbox, control agent, every lane. What lanes have then is read in their heads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import asyncpg

from laudstream import kafka_admin, topics
from laudstream.errors import Problem, Refused, Unavailable
from laudstream.local import connector
from laudstream.local.logs import Logs
from laudstream.postgres import Queries, connect, queries
from laudstream.records import levels
from laudstream.records.levels import NAMES, Levels
from laudstream.settings import Settings

SETTLE_S = 20.0
"""How long workers may take to give out lanes among them."""
POLL_S = 0.3


class Worker(NamedTuple):
    """A journey worker, as its group knows it."""

    name: str
    knows: Levels
    lanes: tuple[int, ...]


class Standing(NamedTuple):
    partitions: int
    lanes: dict[int, Levels]
    """Those that have done a round."""
    workers: tuple[Worker, ...]
    told: int = 0
    """The state format that PostgreSQL takes all lanes to be at."""

    def behind(self, wanted: Levels) -> list[int]:
        """Lanes to be raised. One that has done no round yet begins with what its worker knows: it is raised only where
        PostgreSQL is to be told that all lanes are."""
        lacking = [lane for lane, numbers in sorted(self.lanes.items()) if not numbers.cover(wanted)]
        if self.told < wanted.state_format:
            lacking += [lane for lane in range(self.partitions) if lane not in self.lanes]
        return sorted(lacking)

    def done(self, wanted: Levels) -> bool:
        """There is nothing to do."""
        return not self.behind(wanted) and self.told >= wanted.state_format

    def owners(self) -> dict[int, str]:
        return {lane: worker.name for worker in self.workers for lane in worker.lanes}


async def look(settings: Settings) -> Standing:
    """As it is now. Raises Unavailable, Refused."""
    deadline = time.monotonic() + SETTLE_S
    while not (group := await kafka_admin.group(settings, settings.app_id, topics.EVENTS)).settled:
        if time.monotonic() > deadline:
            raise Unavailable(f"journey workers have been giving out lanes for {SETTLE_S:g} s: see their logs")
        await asyncio.sleep(POLL_S)
    async with Logs(settings) as logs:
        heads = await logs.heads()
    workers = sorted(Worker(one.name, levels.heard(one.user_data), one.partitions) for one in group.members)
    lanes = {lane: levels.of(head) for lane, head in heads.items()}
    return Standing(settings.partitions, lanes, tuple(workers), await _told(settings))


async def _told(settings: Settings) -> int:
    pool = await connect(settings.worker_dsn, max_size=1, application="laudstream upgrade")
    try:
        return await pool.fetchval(queries("levels")["number"], "state_format") or 0
    except asyncpg.UndefinedTableError:
        return 0
    finally:
        await pool.close()


def hindrances(standing: Standing, wanted: Levels) -> tuple[Problem, ...]:
    """Why the lanes cannot be raised now, and what to do; empty if they can."""
    found = []
    beyond = [lane for lane, numbers in sorted(standing.lanes.items()) if not wanted.cover(numbers)]
    if beyond:
        message = f"{_lanes(beyond)} at {standing.lanes[beyond[0]]}, beyond what this release knows"
        found.append(Problem("", message, "run the command of the newest release"))
    for worker in standing.workers:
        if not worker.knows.cover(wanted):
            message = f"the worker {worker.name} knows {worker.knows}"
            found.append(Problem("", message, "replace it with one of this release"))
    owners = standing.owners()
    lost = [lane for lane in range(standing.partitions) if lane not in owners]
    if lost:
        found.append(Problem("", f"{_lanes(lost)} without an owner", "start a worker: `laudstream worker journeys`"))
    return tuple(found)


async def _uncaptured(settings: Settings) -> tuple[Problem, ...]:
    """What lanes would never hear of: somebody who is merged would look like somebody who was deleted."""
    tables = await connector.uncaptured(settings)
    if not tables:
        return ()
    message = f"the Debezium connector does not capture {', '.join(tables)}"
    return (Problem("", message, "give Kafka Connect the connector of this release (kafkaconnect/README.md)"),)


async def finish(settings: Settings, wanted: Levels, deadline_s: float, on_lane: Callable[[int], None]) -> None:
    """Raise all lanes to these numbers, and tell PostgreSQL when they have them; does nothing where that is done.

    `on_lane` is told how many more lanes have the numbers. Raises Refused: something is in the way, nothing was done;
    Unavailable: not all lanes have them within `deadline_s` seconds.
    """
    standing = await look(settings)
    if standing.done(wanted):
        return
    behind = standing.behind(wanted)
    if behind and (problems := (*hindrances(standing, wanted), *await _uncaptured(settings))):
        raise Refused(f"lanes are not raised to {wanted}", problems)
    deadline = time.monotonic() + deadline_s
    pool = await connect(settings.worker_dsn, max_size=1, application="laudstream upgrade")
    try:
        sql = queries("levels")
        lanes = [standing.lanes.get(lane, levels.LEAST) for lane in behind]
        lacking = {n for n in NAMES for numbers in lanes if getattr(numbers, n) < getattr(wanted, n)}
        try:
            orders = [await pool.fetchval(sql["order"], n, getattr(wanted, n)) for n in NAMES if n in lacking]
            await _until_raised(settings, pool, sql, orders, wanted, deadline, on_lane)
            await pool.execute(sql["raise"], wanted.state_format)
        except (asyncpg.CheckViolationError, asyncpg.UndefinedTableError):
            raise Refused("the tables are of an older release: run `laudstream migrate` first") from None
    finally:
        await pool.close()


async def _until_raised(
    settings: Settings,
    pool: asyncpg.Pool[asyncpg.Record],
    sql: Queries,
    orders: list[int],
    wanted: Levels,
    deadline: float,
    on_lane: Callable[[int], None],
) -> None:
    done = 0
    async with Logs(settings) as logs:
        while True:
            heads = {lane: levels.of(head) for lane, head in (await logs.heads()).items()}
            open_ = [lane for lane in range(settings.partitions) if not heads.get(lane, levels.LEAST).cover(wanted)]
            on_lane(settings.partitions - len(open_) - done)
            done = settings.partitions - len(open_)
            if not open_:
                return
            states = await pool.fetch(sql["state"], orders)
            if refused := [row["error"] for row in states if row["error"]]:
                raise Refused(f"the control agent refuses: {'; '.join(refused)}")
            if time.monotonic() > deadline:
                raise Unavailable(_late(open_, wanted, all(row["sent"] for row in states)))
            await asyncio.sleep(POLL_S)


def _late(open_: list[int], wanted: Levels, sent: bool) -> str:
    why = (
        "their workers have not come so far: see `laudstream lanes` and the logs of their owners"
        if sent
        else "the control agent has not sent the order: it runs in `laudstream worker projector`"
    )
    return f"{_lanes(open_)} not at {wanted} yet; {why}. The order stands; run the command again to see"


def _lanes(lanes: Iterable[int]) -> str:
    """`lane 3 is`, `lanes 0-2, 5 are`."""
    spans: list[list[int]] = []
    for lane in lanes:
        if spans and spans[-1][1] == lane - 1:
            spans[-1][1] = lane
        else:
            spans.append([lane, lane])
    said = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
    return f"lane {said} is" if said.isdecimal() else f"lanes {said} are"
