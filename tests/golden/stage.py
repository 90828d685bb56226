"""Where histories come from: scenes, each played to one partition of a real stack, all at the same time."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import NamedTuple

import msgspec

from laudstream import topics
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from tests.golden import (
    changes,
    counted,
    deletions,
    failures,
    language,
    merges,
    messages,
    moves,
    places,
    rows,
    versions,
)
from tests.golden.cast import Cast
from tests.golden.history import History
from tests.golden.recorder import record
from tests.integration.kit import Shop

REPO = Path(__file__).parents[2]
SETTINGS = Settings(session_timeout_s=6, heartbeat_s=1, send_timeout_s=3, partitions=11)
PORT_BASE = "LAUDTEST_PORT_BASE"
POISONED = ("-m", "tests.faults.poisoned_worker", "worker", "journeys")


class Scene(NamedTuple):
    partition: int
    about: str
    play: Callable[[Cast], Awaitable[None]]
    fault: str = ""


SCENES = {
    "moves": Scene(0, moves.__doc__ or "", moves.play),
    "messages": Scene(1, messages.__doc__ or "", messages.play),
    "rows": Scene(2, rows.__doc__ or "", rows.play),
    "changes": Scene(3, changes.__doc__ or "", changes.play),
    "places": Scene(5, places.__doc__ or "", places.play),
    "counted": Scene(7, counted.__doc__ or "", counted.play),
    "language": Scene(6, language.__doc__ or "", language.play),
    "versions": Scene(8, versions.__doc__ or "", versions.play),
    "merges": Scene(9, merges.__doc__ or "", merges.play),
    "deletions": Scene(10, deletions.__doc__ or "", deletions.play),
    "failures": Scene(4, failures.__doc__ or "", failures.play, fault="poison"),
}


async def play(names: Collection[str]) -> dict[str, History]:
    """Play these scenes on a stack of their own, which is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="laudstream-golden-")
    os.chmod(folder, 0o755)  # the user `postgres` must reach its part of it
    ports = Ports.above(int(os.environ.get(PORT_BASE, 0)) or free_base())
    try:
        async with Stack(Path(folder, "data"), ports=ports, settings=SETTINGS) as stack:
            await _poison(stack)
            async with Shop(stack) as shop:
                return await _recorded(shop, {name: SCENES[name] for name in names})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _poison(stack: Stack) -> None:
    """The worker gets the fault; only runs that ask for it meet it."""
    worker = stack.part("journeys")
    await worker.stop()
    env = {**worker.server.env, "PYTHONPATH": str(REPO)}
    worker.server = msgspec.structs.replace(worker.server, command=(worker.server.command[0], *POISONED), env=env)
    await worker.start()


async def _recorded(shop: Shop, scenes: dict[str, Scene]) -> dict[str, History]:
    async with asyncio.TaskGroup() as playing:
        for name, scene in scenes.items():
            playing.create_task(scene.play(Cast(shop, scene.partition)), name=name)  # type: ignore[arg-type]
    await shop.handled(topics.ROWS, topics.DELIVERIES, topics.EVENTS)
    return {
        name: await record(shop.settings, scene.partition, " ".join(scene.about.split()), scene.fault)
        for name, scene in scenes.items()
    }
