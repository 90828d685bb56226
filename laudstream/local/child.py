"""A server as a child process: started, watched, stopped, killed, frozen.

A child is started through setpriv(1), which asks the kernel to end it when we die (PR_SET_PDEATHSIG), and, where we
are root, becomes another user first. It leads a session of its own, so that Ctrl-C reaches only us and we stop things
in their order. Nothing here belongs to an event loop: a child may be started in one loop and stopped in another.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from laudstream.errors import Broken, LaudstreamError, Unavailable
from laudstream.local import proc
from laudstream.local.site import Site, program

FOLDER = "<folder>"
_POLL_S = 0.02
TAIL_LINES = 15


class Died(LaudstreamError):
    """A part ended that should run; the message holds the last lines of its log."""

    def __init__(self, name: str, how: str, log: Path) -> None:
        super().__init__(f"{name} {how}; last lines of {log}:\n{tail(log)}")
        self.name, self.how = name, how


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is a process, as data."""

    name: str
    title: str
    needs: tuple[str, ...] = ()
    """Parts that must be ready before."""
    command: tuple[str, ...]
    env: Mapping[str, str] = {}
    """On top of our own environment, without our own settings."""
    folder: Path | None = None
    """Handed over as an open file: FOLDER in the command becomes a path to it that needs no right to walk there."""
    user: str = ""
    """Runs as this user; empty: as we do."""
    ports: Mapping[str, int] = {}
    prepare: Callable[[], Awaitable[None]] | None = None
    """Before each start."""
    ready: Callable[[], Awaitable[bool]]
    detail: str = ""
    stop_signal: int = signal.SIGTERM
    death_signal: str = "KILL"
    """What it gets if we die ourselves."""
    stop_s: float = 10.0
    start_s: float = 90.0


class Child:
    def __init__(self, server: Server, site: Site) -> None:
        self.server = server
        self.site = site
        self._popen: subprocess.Popen[bytes] | None = None
        self._expected_end = False
        self.started_at = 0.0

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def log(self) -> Path:
        return self.site.log(self.name)

    @property
    def pid(self) -> int:
        """0 if it does not run."""
        return self._popen.pid if self._popen and self.alive else 0

    @property
    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Of its last run; None: it runs, or never did."""
        return self._popen.poll() if self._popen else None

    @property
    def memory_bytes(self) -> int:
        """Of it and its children."""
        return sum(map(proc.memory_bytes, (self.pid, *proc.children(self.pid)))) if self.pid else 0

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises Died or Unavailable (not ready in time)."""
        if self.alive:
            raise Broken(f"{self.name} runs already")
        if self.server.prepare:
            await self.server.prepare()
        self._spawn()
        try:
            async with asyncio.timeout(self.server.start_s):
                while not await self.server.ready():
                    self.check()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            how = f"is not ready after {self.server.start_s:g} s"
            raise Unavailable(f"{self.name} {how}; last lines of {self.log}:\n{tail(self.log)}") from None

    def _spawn(self) -> None:
        server = self.server
        _keep_last(self.log)
        with self.log.open("wb") as log, _held(server.folder) as held:
            self._popen = subprocess.Popen(
                held.command(server.user, server.death_signal, server.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/" if server.folder else self.site.data,
                env=environment(server.env),
                start_new_session=True,
                pass_fds=held.files,
            )
        self._expected_end, self.started_at = False, time.monotonic()
        who = proc.identity(self._popen.pid)
        self.site.pid_file(self.name).write_text(f"{who.pid} {who.started}" if who else "")

    def check(self) -> None:
        """Raises Died if it ended by itself."""
        if self._popen is None or self._expected_end or self.alive:
            return
        code = self._popen.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        raise Died(self.name, f"{how} after {time.monotonic() - self.started_at:.1f} s", self.log)

    async def stop(self) -> bool:
        """Ask it to end; kill it after `stop_s`. False if it had to be killed."""
        self._signal(self.server.stop_signal)
        self._signal(signal.SIGCONT)  # it may be frozen
        if await self._gone(self.server.stop_s):
            return True
        await self.kill()
        return False

    async def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)
        await self._gone(30.0)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        """SIGSTOP: it lives but does nothing, until `thaw`."""
        self._signal(signal.SIGSTOP, ends=False)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT, ends=False)

    def _signal(self, number: int, *, ends: bool = True) -> None:
        if self._popen is None or not self.alive:
            return
        self._expected_end = self._expected_end or ends
        self._popen.send_signal(number)

    async def _gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        self.site.pid_file(self.name).unlink(missing_ok=True)
        return True


async def run(
    command: Sequence[str], *, site: Site, name: str, folder: Path | None = None, user: str = "", stdin: str = ""
) -> str:
    """Run a program to its end; returns what it said, which is kept as the log `name`. Raises Died if it fails."""
    log = site.log(name)
    with log.open("wb") as out, _held(folder) as held:
        process = await asyncio.create_subprocess_exec(
            *held.command(user, "KILL", command),
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
            cwd="/" if folder else site.data,
            env=environment({}),
            start_new_session=True,
            pass_fds=held.files,
        )
        try:
            await process.communicate(stdin.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode:
        raise Died(name, f"ended with exit code {process.returncode}", log)
    return log.read_text(errors="replace")


class _Held(NamedTuple):
    """Files that a child gets open."""

    files: tuple[int, ...] = ()

    def command(self, user: str, death_signal: str, command: Sequence[str]) -> list[str]:
        become = ["--reuid", user, "--regid", user, "--init-groups"] if user else []
        words = [f"/proc/self/fd/{self.files[0]}" if word == FOLDER else word for word in command]
        return [str(program("setpriv", "util-linux")), "--pdeathsig", death_signal, *become, "--", *words]


@contextmanager
def _held(folder: Path | None) -> Iterator[_Held]:
    if folder is None:
        yield _Held()
        return
    file = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield _Held((file,))
    finally:
        os.close(file)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a child gets: ours without LAUDSTREAM_…, then `extra`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LAUDSTREAM_")}
    return {**ours, **extra}


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 64_000))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join("  " + line for line in text.rstrip().splitlines()[-lines:]) or "  (it said nothing)"


def _keep_last(log: Path) -> None:
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
