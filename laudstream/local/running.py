"""`local.json`: how `laudstream …` commands find the stack that runs here."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from laudstream.local import proc
from laudstream.local.keys import write_private
from laudstream.local.proc import Identity
from laudstream.settings import Settings

DEFAULT_DATA = ".data"
_FILE = "local.json"


class _Running(msgspec.Struct):
    pid: int
    started: int
    settings: Settings


def announce(data: Path, settings: Settings) -> None:
    """Write that this process runs a stack with `settings`."""
    who = proc.identity(os.getpid())
    running = _Running(os.getpid(), who.started if who else 0, settings)
    write_private(data / _FILE, msgspec.json.format(msgspec.json.encode(running)) + b"\n")


def withdraw(data: Path) -> None:
    (data / _FILE).unlink(missing_ok=True)


def settings_of_running(data: Path | str = DEFAULT_DATA) -> Settings | None:
    """Addresses and keys of the stack that runs with this data folder; None if none does."""
    try:
        running = msgspec.json.decode((Path(data) / _FILE).read_bytes(), type=_Running)
    except (OSError, msgspec.DecodeError):
        return None
    return running.settings if Identity(running.pid, running.started).alive else None
