"""What /proc says about processes, also about those that we did not start.

A process is known by (pid, start time): the kernel gives pids again, but never both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_LISTENING = "0A"
_COMMAND_SHOWN = 100  # characters


class Identity(NamedTuple):
    pid: int
    started: int
    """Clock ticks since boot."""

    @property
    def alive(self) -> bool:
        return started(self.pid) == self.started


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if it is gone (or dead and not yet reaped)."""
    try:
        # the name in parentheses may hold spaces and parentheses itself
        _, _, rest = (_PROC / str(pid) / "stat").read_text().rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = rest.split()
    return None if fields[0] in "ZX" else int(fields[19])


def identity(pid: int) -> Identity | None:
    at = started(pid)
    return None if at is None else Identity(pid, at)


def command(pid: int) -> str:
    """The command line, shortened; empty if it is gone."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    text = b" ".join(words).decode(errors="replace")
    return text if len(text) <= _COMMAND_SHOWN else text[: _COMMAND_SHOWN - 1] + "…"


def memory_bytes(pid: int) -> int:
    """Memory of a process, what it shares with others counted in parts (PSS); 0 if it is gone or not ours to see."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:")), 0)


def children(pid: int) -> list[int]:
    """Processes that `pid` started and that still live."""
    try:
        return [int(child) for child in (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    except OSError:
        return []


def listener(port: int) -> int | None:
    """Pid of the process that listens on a TCP port of this machine; None if nobody does or we may not see who."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for folder in _PROC.iterdir():
        if folder.name.isdecimal() and any(link in sockets for link in _open_files(folder)):
            return int(folder.name)
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _open_files(folder: Path) -> Iterator[str]:
    try:
        for file in (folder / "fd").iterdir():
            try:
                yield str(file.readlink())
            except OSError:  # closed meanwhile
                continue
    except OSError:  # gone, or of another user
        return
