"""`laudstream worker journeys|senders|projector`: one Faust worker process. It waits for servers that are away."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import structlog

from laudstream import away
from laudstream.log import configure
from laudstream.settings import Settings, load

if TYPE_CHECKING:
    from agents.lanes.transport import LaneApp

SENT = ("email", "webhook")
"""Channels that have a sender: `agents.senders.CHANNELS`, which is slow to import."""

log = structlog.get_logger(__name__)

CRASHED_S = 15.0
"""A worker that has failed is at its end after so long, whatever still waits for what."""
STOPPED_S = 25.0
"""One that was told to stop: less than others wait before they kill it, so that its log says where it hung."""


@click.group()
def worker() -> None:
    """Run a worker: journeys, senders or projector."""


@worker.command()
def journeys() -> None:
    """Lanes: carry customers through journeys."""
    from agents.journeys import JourneyApp

    _run("journeys", JourneyApp, stores=True)


@worker.command()
@click.option(
    "--channel", "channels", type=click.Choice(SENT), multiple=True, help="Only these channels; may be repeated."
)
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

    class Process(Worker):  # type: ignore[misc]  # Faust has no types
        def _schedule_shutdown(self, number: signal.Signals) -> None:
            if self._signal_stop_future is None:
                end_within(STOPPED_S, "it was told to stop")
            super()._schedule_shutdown(number)

        def _crash(self, reason: BaseException) -> None:
            if not self.crashed:
                end_within(CRASHED_S, "it had failed")
            super()._crash(reason)

        def on_worker_shutdown(self) -> None:
            if self._signal_stop_future is None:  # nobody asked it to end
                end_within(CRASHED_S, "it had failed")
            super().on_worker_shutdown()

    Process(app, loop=loop, override_logging=False, quiet=True, redirect_stdouts=False).execute_from_commandline()


def end_within(seconds: float, reason: str) -> None:
    """A process that has failed or was told to stop must not hang on its way out, or its partitions stay with it: Faust
    waits without end for services that failed with it. What is in Kafka is whole whenever it ends. The log then has
    what each of its threads was at."""

    def end() -> None:
        log.error("ended_hard", reason=f"{reason}, and was not at an end {seconds:g} s later")
        faulthandler.dump_traceback(sys.stderr)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _keep_memory() -> None:
    """Rounds take and free the same megabytes over and over: let glibc keep them, page faults were 3 % of a round.
    Where there is no glibc nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 256 << 20)
        mallopt(M_MMAP_THRESHOLD, 32 << 20)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As in malloc.h."""
