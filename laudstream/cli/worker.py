"""`laudstream worker journeys|senders|projector`: one Faust worker process. It waits for servers that are away."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from laudstream import away
from laudstream.log import configure
from laudstream.settings import Settings, load

if TYPE_CHECKING:
    from agents.lanes.transport import LaneApp


@click.group()
def worker() -> None:
    """Run a worker: journeys, senders or projector."""


@worker.command()
def journeys() -> None:
    """Lanes: carry customers through journeys."""
    from agents.journeys import JourneyApp

    _run("journeys", JourneyApp, stores=True)


@worker.command()
@click.option("--channel", "channels", multiple=True, help="Only these channels; may be repeated.")
def senders(channels: tuple[str, ...]) -> None:
    """Hand messages to providers."""
    from agents.senders import SenderApp

    _run("senders", lambda settings: SenderApp(settings, channels) if channels else SenderApp(settings))


@worker.command()
def projector() -> None:
    """Write what people look at into PostgreSQL; publish definitions."""
    from agents.projecting import ProjectorApp

    _run("projector", ProjectorApp)


def _run(name: str, make: Callable[[Settings], LaneApp], *, stores: bool = False) -> None:
    import uvloop
    from faust import Worker

    settings = load()
    os.environ["PYTHONTZPATH"] = ""  # the pinned tzdata only (A13)
    settings.data_path.mkdir(parents=True, exist_ok=True)
    configure(settings, name)
    gc.set_threshold(200_000, 20, 50)  # customers in memory are many and hold no cycles: look for some seldom
    _keep_memory()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    if stores:
        loop.run_until_complete(away.room(settings.data_path))
    loop.run_until_complete(away.servers(settings, "" if stores else settings.worker_dsn, name))
    app: Any = make(settings)
    Worker(app, loop=loop, override_logging=False, quiet=True, redirect_stdouts=False).execute_from_commandline()


def _keep_memory() -> None:
    """Rounds take and free the same megabytes over and over: let glibc keep them, page faults were 3 % of a round.
    Where there is no glibc nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 256 << 20)
        mallopt(M_MMAP_THRESHOLD, 32 << 20)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As in malloc.h."""
