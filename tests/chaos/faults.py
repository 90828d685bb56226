"""Does a schedule's faults to a running stack."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import msgspec
import structlog

from laudstream.errors import Unavailable
from laudstream.local import proc
from laudstream.local.child import Child, Died
from laudstream.local.ports import HOST
from laudstream.local.probe import answers
from laudstream.local.stack import Stack
from tests.chaos.disk import Ballast
from tests.chaos.schedule import FREEZE, FULL, GUEST, JOIN, KILL, MOST_DOWN, STOP, WIPE, WORKERS, Fault
from tests.chaos.watch import Outage
from tests.integration.kit import wait_until

log = structlog.get_logger(__name__)

START_S = 120.0
"""A part that cannot be started within it is given up."""
TURN_S = 120.0
_LOOK_S = 0.1
NO_ROOM = "No space left on device"

After = Callable[[Fault, Outage], Awaitable[None]]


class Faults:
    """The faults of one schedule. `after` is told of each as soon as its part is told to be up again."""

    def __init__(self, stack: Stack, after: After, faults: Iterable[Fault], most_down: int = MOST_DOWN) -> None:
        self._stack, self._after, self._faults = stack, after, tuple(faults)
        self._most_down = most_down
        self._down: set[str] = set()
        self._guest = guest(stack)
        self.outages: list[Outage] = []
        self.starts = 0
        """That failed, because what the part needs was away."""

    async def play(self, begun: float) -> None:
        """By the clock (time.monotonic) from `begun`. Raises Died if a part ends that no fault ended."""
        async with asyncio.TaskGroup() as watching:
            watch = watching.create_task(self._watch())
            try:
                async with asyncio.TaskGroup() as under_way:
                    for fault in self._faults:
                        await asyncio.sleep(max(0.0, begun + fault.at_s - time.monotonic()))
                        await wait_until(partial(self._turn, fault), TURN_S, f"the turn of: {fault}")
                        self._down.add(fault.target)
                        under_way.create_task(self._do(fault))
            finally:
                watch.cancel()
                await self._guest.kill()

    def _turn(self, fault: Fault) -> bool:
        """Parts that take longer to come back than planned put off what comes next."""
        return fault.target not in self._down and (fault.kind == JOIN or len(self._down - {GUEST}) < self._most_down)

    async def _watch(self) -> None:
        while True:
            for name, child in self._stack.children.items():
                if name not in self._down:
                    child.check()
            await asyncio.sleep(_LOOK_S)

    async def _do(self, fault: Fault) -> None:
        log.info("fault", kind=fault.kind, target=fault.target, hold_s=fault.hold_s)
        if fault.kind == JOIN:
            await self._join(fault)
            return
        child, began = self._stack.part(fault.target), time.monotonic()
        await self._begin(fault, child)
        if fault.kind == FULL:
            await self._fill(child, began + fault.hold_s)
        await asyncio.sleep(max(0.0, began + fault.hold_s - time.monotonic()))
        outage = Outage(began, time.monotonic())
        self.outages.append(outage)
        telling = asyncio.ensure_future(self._after(fault, outage))
        if fault.kind == FREEZE:
            send(child, signal.SIGCONT)
            await wait_until(child.server.ready, START_S, f"{child.name} is ready after a freeze")
        elif fault.kind == FULL and child.alive:
            await wait_until(partial(_up, child), START_S, f"{child.name} is ready, or has ended, after a full disk")
        if not child.alive:
            await self._start(child)
        self._down.discard(fault.target)
        await telling

    async def _begin(self, fault: Fault, child: Child) -> None:
        if fault.kind == FREEZE:
            send(child, signal.SIGSTOP)
        elif fault.kind == STOP:
            await child.stop()
        elif fault.kind in (KILL, WIPE):
            await child.kill()
        if fault.kind == WIPE:
            shutil.rmtree(self._stack.data / "worker" / child.name)

    async def _fill(self, child: Child, until: float) -> None:
        """Takes whatever room there is, again and again, until the time (time.monotonic)."""
        assert child.server.folder is not None
        with Ballast(child.server.folder) as ballast:
            while time.monotonic() < until:
                await asyncio.to_thread(ballast.fill)
                await asyncio.sleep(_LOOK_S)
            said = child.log.read_text(errors="replace")
        assert NO_ROOM in said, f"{child.name} never met its full disk: this proves nothing"

    async def _start(self, child: Child) -> None:
        """As a supervisor does: again and again, while what the part needs is away."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                return await child.start()
            except (Died, Unavailable) as error:
                log.info("start_failed", part=child.name, error=str(error))
                if time.monotonic() > deadline:
                    raise
                self.starts += 1
                await child.kill()

    async def _join(self, fault: Fault) -> None:
        began = time.monotonic()
        joining = asyncio.create_task(self._start(self._guest))
        await asyncio.sleep(fault.hold_s)
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        outage = Outage(began, time.monotonic())
        await self._guest.stop()
        self._down.discard(fault.target)
        await self._after(fault, outage)


async def _up(child: Child) -> bool:
    return not child.alive or await child.server.ready()


def send(child: Child, number: signal.Signals) -> None:
    """To a part and the processes that it has started."""
    for pid in (child.pid, *proc.children(child.pid)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # a connection of PostgreSQL that was just closed
            continue


def guest(stack: Stack) -> Child:
    """One more journey worker, not started."""
    model = stack.part(WORKERS[0]).server
    port = max(port for part in stack.children.values() for port in part.server.ports.values()) + 1
    folder = stack.data / "worker" / GUEST

    async def prepare() -> None:
        folder.mkdir(parents=True, exist_ok=True)

    async def ready() -> bool:
        return await answers(f"http://{HOST}:{port}/readyz")

    env = {**model.env, "LAUDSTREAM_DATA_DIR": str(folder), "LAUDSTREAM_OPS_PORT": str(port)}
    server = msgspec.structs.replace(
        model, name=GUEST, env=env, ports={f"ops of {GUEST}": port}, prepare=prepare, ready=ready
    )
    return Child(server, stack.site)
