"""The data folder of a stack: one stack at a time, nothing left over from one that was killed, and its end."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TextIO

from laudstream.errors import Refused
from laudstream.local.proc import Identity
from laudstream.local.site import Site

_OURS = ("keys.json", "run", "config")
"""Each data folder has these: nothing else is ever wiped."""
_LEFTOVER_S = 15.0


def lock(site: Site) -> TextIO:
    """The folder for this process alone, until the file is closed or we die. Raises Refused if another has it."""
    path = site.data / "run" / "lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        pid = holder(site.data)
        raise Refused(f"a stack runs with {site.data} already (process {pid}); `laudstream down` stops it") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def holder(data: Path) -> int:
    """Pid of the process that holds the folder; 0 if none does."""
    try:
        with (data / "run" / "lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
    except (FileNotFoundError, NotADirectoryError):
        pass
    return 0


def leftovers(data: Path) -> dict[str, Identity]:
    """Parts that still run although nobody watches over them. Only for who holds the lock."""
    found = {}
    for path in (data / "run").glob("*.pid"):
        words = path.read_text().split()
        who = Identity(int(words[0]), int(words[1])) if len(words) == 2 else None
        if who and who.alive:
            found[path.stem] = who
        else:
            path.unlink()
    return found


def end(there: dict[str, Identity]) -> None:
    """End leftovers: politely, then not."""
    for name, who in there.items():
        _signal(who, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        _signal(who, signal.SIGCONT)
    deadline = time.monotonic() + _LEFTOVER_S
    while any(who.alive for who in there.values()):
        if time.monotonic() > deadline:
            for who in there.values():
                _signal(who, signal.SIGKILL)
        time.sleep(0.05)


def clean(data: Path) -> list[str]:
    """End what a killed stack left over; names of those parts. Only where no stack runs."""
    if not (data / "run").is_dir() or holder(data):
        return []
    there = leftovers(data)
    end(there)
    return list(there)


def _signal(who: Identity, number: int) -> None:
    try:
        if who.alive:
            os.kill(who.pid, number)
    except ProcessLookupError:
        pass


def stop_holder(data: Path, patience_s: float) -> bool:
    """Ask the stack that runs with the folder to stop, and wait. False if none runs. Raises Refused if it stays."""
    pid = holder(data)
    if not pid:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while holder(data) == pid:
        if time.monotonic() > deadline:
            raise Refused(
                f"process {pid} still runs after {patience_s:g} s; see {data}/logs, or end it by kill -9 {pid}"
            )
        time.sleep(0.05)
    return True


def wipe(data: Path) -> bool:
    """Delete the folder. False if there is none. Raises Refused for a folder that no stack made."""
    if not data.exists():
        return False
    if not all((data / name).exists() for name in _OURS):
        raise Refused(f"{data} is no data folder of laudstream: nothing was deleted")
    shutil.rmtree(data)
    return True
