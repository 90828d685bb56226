"""Chooses winners of experiments by what the projector has counted (R45). Runs beside the control agent, once.

An experiment whose counters have not come far enough costs one look at a few counters; else its runs are counted, and
not again before fifty times what that took. What is chosen is one order in the outbox, with the counts beside it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import structlog

from laudstream.errors import Invalid
from laudstream.journey.choosing import choose, due_at
from laudstream.journey.definition import parse
from laudstream.journey.kinds.experiment import ExperimentStep, Winner
from laudstream.postgres.experiments import SQL, Place, left, set_winner, standing, waiting

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool
    from laudstream.postgres.tenancy import Connection

log = structlog.get_logger(__name__)

EVERY_S = 2.0
SHARE = 50
"""Of its time this counts one part in so many."""


class Open(NamedTuple):
    """An experiment that has no winner yet."""

    step: ExperimentStep
    winner: Winner
    places: tuple[Place, ...]


class Chooser:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._steps: dict[tuple[str, str, int], dict[str, ExperimentStep]] = {}
        self._not_before: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.warning("choosing_failed", error=repr(error))
            await asyncio.sleep(EVERY_S)

    async def look(self) -> list[tuple[str, str]]:
        """Looks at each experiment once; gives those (experiment, arm) that have a winner now."""
        won = []
        async with self._pool.acquire() as connection:
            for (workspace, experiment), each in (await self._open(connection)).items():
                arm = await self._judge(connection, workspace, experiment, each)
                if arm:
                    won.append((experiment, arm))
        return won

    async def _open(self, connection: Connection) -> dict[tuple[str, str], Open]:
        found: dict[tuple[str, str], Open] = {}
        rows = await connection.fetch(SQL["open"])
        if not rows:
            return found
        done = {(row["workspace_id"], row["experiment"]) for row in await connection.fetch(SQL["winners"])}
        current = {}
        for row in rows:
            workspace, journey = row["workspace_id"], row["journey_id"]
            version = (workspace, journey, row["live_version"])
            current[version] = self._steps.get(version) or _experiments(row["body"])
            for name, step in current[version].items():
                key = workspace, step.id
                if key in done or step.winner is None:
                    continue
                known = found.get(key)
                places = (*(known.places if known else ()), Place(journey, name))
                found[key] = Open(step, step.winner, places)
        self._steps = current
        return found

    async def _judge(self, connection: Connection, workspace: str, experiment: str, each: Open) -> str:
        """The arm that has won just now; empty: none."""
        now = time.time()
        if not await self._may_be(connection, workspace, each, round(now * 1000)):
            return ""
        if now < self._not_before.get((workspace, experiment), 0):
            return ""
        async with connection.transaction():
            await connection.execute(SQL["alone"], workspace, experiment)
            if await connection.fetchrow(SQL["winner"], workspace, experiment) is not None:
                return ""
            stands = await standing(connection, workspace, each.step, each.places, each.winner.metric)
            arms = [arm for arm in stands.arms if arm.name in each.step.candidates]
            choice = choose(each.winner, arms, stands.waiting_since, round(time.time() * 1000))
            if choice is not None:
                await set_winner(connection, workspace, experiment, choice.arm, choice.by, stands)
        self._not_before[workspace, experiment] = time.time() + SHARE * (time.time() - now)
        if choice is None:
            return ""
        log.info("winner_chosen", workspace=workspace, experiment=experiment, arm=choice.arm, by=choice.by)
        return choice.arm

    async def _may_be(self, connection: Connection, workspace: str, each: Open, now: int) -> bool:
        """Whether it is worth counting: enough runs have left by every arm, or it is time."""
        runs = await left(connection, workspace, each.places)
        if all(runs.get(arm, 0) >= each.winner.minimum for arm in each.step.candidates):
            return True
        if not each.winner.hold_rest:
            return False
        _, since = await waiting(connection, workspace, each.places)
        if since and due_at(each.winner, since) <= now:
            self._not_before.pop((workspace, each.step.id), None)
            return True
        return False


def _experiments(body: dict[str, object]) -> dict[str, ExperimentStep]:
    try:
        steps = parse(body, horizon=None).steps
    except Invalid:  # of another release; lanes do not run it either
        return {}
    return {name: step for name, step in steps.items() if isinstance(step, ExperimentStep)}
