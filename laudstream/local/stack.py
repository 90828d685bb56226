"""A local stack: real servers as child processes, started in the order of their needs, stopped in the reverse.

    async with Stack("/tmp/x", ports=Ports.above(21000), parts=("api", "journeys"), workers=2) as stack:
        await stack.part("journeys").kill()
        await stack.part("journeys").start()

Parts that do not need each other start side by side. If one fails or dies, the others are stopped and its name and the
last lines of its log are in the error. If this process dies, the kernel ends the children.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TextIO

from laudstream.errors import NotFound
from laudstream.local import folder, keys, parts, running
from laudstream.local.child import Child, Died, Server
from laudstream.local.parts import Context, Part, Step
from laudstream.local.ports import Ports, check_free
from laudstream.local.secured import Secured
from laudstream.local.site import Site
from laudstream.settings import Settings

_WATCH_S = 0.1
MOST_DEATHS, WITHIN_S = 3, 300.0
"""A part that dies more often than that within that time is not started again."""
PAUSE_S = 3.0
"""Before a second try, and so much more before each further one."""


class Report(NamedTuple):
    """One line of progress."""

    name: str
    title: str
    event: str
    """starting, ready, stopped, killed (it did not stop in time) or died."""
    seconds: float = 0.0
    """Since its own start; waiting for what it needs does not count."""
    detail: str = ""


def _silent(report: Report) -> None:
    pass


class Stack:
    def __init__(
        self,
        data: Path | str = running.DEFAULT_DATA,
        *,
        ports: Ports | None = None,
        parts: Iterable[str] | None = None,
        workers: int = 1,
        brokers: int = 1,
        settings: Settings | None = None,
        secured: Secured | None = None,
        report: Callable[[Report], None] = _silent,
    ) -> None:
        """`parts`: these and what they need; None: all. `brokers`: of Kafka, which then keeps as many replicas.
        `settings`: those that are not about addresses. `secured`: a Kafka that knows its users."""
        self.site = Site.at(data)
        self.ports = ports or Ports()
        self._wanted = None if parts is None else tuple(parts)
        self._workers, self._brokers = workers, brokers
        self._base = settings or Settings(replication=brokers)
        self._report, self._secured = report, secured
        self._context: Context | None = None
        self._parts: list[Part] = []
        self._children: dict[str, Child] = {}
        self._lock: TextIO | None = None
        self._ready: dict[str, asyncio.Event] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def data(self) -> Path:
        return self.site.data

    @property
    def context(self) -> Context:
        if self._context is None:
            raise NotFound("the stack was not started")
        return self._context

    @property
    def settings(self) -> Settings:
        """Addresses and keys, as a client of this stack needs them; in a Kafka that knows its users, as an operator."""
        return self.context.of("operator")

    @property
    def workspace(self) -> str:
        return self.context.keys.workspace

    @property
    def children(self) -> dict[str, Child]:
        return self._children

    def part(self, name: str) -> Child:
        """A part that is a process. Raises NotFound."""
        try:
            return self._children[name]
        except KeyError:
            raise NotFound(f"no process {name!r} in this stack; there are: {', '.join(self._children)}") from None

    def memory(self) -> dict[str, int]:
        """Bytes of each process that runs."""
        return {name: child.memory_bytes for name, child in self._children.items() if child.alive}

    async def start(self) -> None:
        """Start all parts; ends when all are ready. What was started is stopped again if anything fails.

        Raises Refused (the folder is in use), Invalid (ports, programs, settings), Died, Unavailable.
        """
        self.site.make_folders()
        self._lock = folder.lock(self.site)
        try:
            folder.end(folder.leftovers(self.data))
            self._prepare()
            await self._bring_up()
            running.announce(self.data, self.settings)
        except BaseExceptionGroup as group:
            await self.stop()
            raise _first(group) from None
        except BaseException:
            await self.stop()
            raise

    def _prepare(self) -> None:
        self._context = Context(self.site, self.ports, self._base, keys.load(self.data), self._brokers, self._secured)
        self._parts = parts.selected(parts.parts(self._context, self._workers), self._wanted)
        servers = [part for part in self._parts if isinstance(part, Server)]
        check_free({use: port for server in servers for use, port in server.ports.items()})
        self._children = {server.name: Child(server, self.site) for server in servers}
        self._ready = {part.name: asyncio.Event() for part in self._parts}

    async def _bring_up(self) -> None:
        async with asyncio.TaskGroup() as watching:
            watch = watching.create_task(self.watch())
            async with asyncio.TaskGroup() as starting:
                for part in self._parts:
                    starting.create_task(self._start_part(part))
            watch.cancel()

    async def _start_part(self, part: Part) -> None:
        for need in part.needs:
            await self._ready[need].wait()
        began = time.monotonic()
        self._report(Report(part.name, part.title, "starting"))
        if isinstance(part, Step):
            detail = await part.run()
        else:
            await self._children[part.name].start()
            detail = part.detail
        self._ready[part.name].set()
        self._report(Report(part.name, part.title, "ready", time.monotonic() - began, detail))

    async def watch(self) -> None:
        """Never ends by itself. Raises Died when a part ends that nobody stopped."""
        while True:
            self.check()
            await asyncio.sleep(_WATCH_S)

    async def keep(self) -> None:
        """Never ends by itself. A part that ends and that nobody stopped is started again, as long as it does not die
        MOST_DEATHS times within WITHIN_S: then raises Died."""
        deaths: defaultdict[str, list[float]] = defaultdict(list)
        while True:
            for child in self._children.values():
                try:
                    child.check()
                except Died as died:
                    await self._revive(child, died, deaths[child.name])
            await asyncio.sleep(_WATCH_S)

    async def _revive(self, child: Child, died: Died, deaths: list[float]) -> None:
        while True:
            now = time.monotonic()
            deaths[:] = [at for at in deaths if at > now - WITHIN_S] + [now]
            if len(deaths) >= MOST_DEATHS:
                raise Died(child.name, f"died {len(deaths)} times in {WITHIN_S:g} s; it {died.how}", child.log)
            self._report(Report(child.name, child.server.title, "died", now - child.started_at, died.how))
            await asyncio.sleep(PAUSE_S * (len(deaths) - 1))  # what it had may not be free yet, as PostgreSQL's memory
            try:
                await child.start()
            except Died as again:
                died = again
            else:
                self._report(Report(child.name, child.server.title, "ready", time.monotonic() - now, "started again"))
                return

    def check(self) -> None:
        """Raises Died if a part has ended that nobody stopped."""
        for child in self._children.values():
            child.check()

    async def stop(self) -> None:
        """Stop all that runs, what needs others first. Never fails; the folder is free afterwards."""
        depth = parts.depths(self._parts)
        for level in sorted({depth[name] for name in self._children}, reverse=True):
            await asyncio.gather(*(self._stop_part(self._children[n]) for n in self._children if depth[n] == level))
        if self._lock:  # else the folder is somebody else's
            running.withdraw(self.data)
            self._lock.close()
            self._lock = None

    async def _stop_part(self, child: Child) -> None:
        if not child.alive:
            return
        began = time.monotonic()
        politely = await child.stop()
        event = "stopped" if politely else "killed"
        self._report(Report(child.name, child.server.title, event, time.monotonic() - began))

    async def kill(self) -> None:
        """kill -9 for everything, at once."""
        await asyncio.gather(*(child.kill() for child in self._children.values()))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that came first: the others are its consequences."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
