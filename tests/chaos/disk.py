"""PostgreSQL on a small disk, and what fills it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from laudstream.local.stack import Stack

ROOM_MB = 256
"""On top of what the database has already: what a schedule's load writes fits."""
_BLOCK = bytes(1 << 20)


class Ballast:
    """A file that takes what room there is on the disk of a folder, as long as it is entered."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)

    def fill(self) -> None:
        """To the last page."""
        with self._path.open("ab", buffering=0) as file:
            for block in (_BLOCK, _BLOCK[:4096]):
                try:
                    while file.write(block):
                        pass
                except OSError:  # that is the aim
                    continue


@asynccontextmanager
async def small_database(stack: Stack) -> AsyncIterator[str]:
    """PostgreSQL's data lie on a disk with little room while it is entered; it is stopped and started for that, before
    and after. Yields why not, where nothing can be mounted: only root may."""
    child = stack.part("postgres")
    folder = child.server.folder
    assert folder is not None
    await child.stop()
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >> 20
    said = _move(folder, used + ROOM_MB)
    try:
        await child.start()
        yield said
    finally:
        await child.kill()
        if not said:
            _move_back(folder)
        await child.start()


def _move(folder: Path, size_mb: int) -> str:
    aside = folder.with_name(f"{folder.name}.large")
    folder.rename(aside)
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, aside.owner(), aside.group())
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", folder], capture_output=True)
    if made.returncode:
        folder.rmdir()
        aside.rename(folder)
        return made.stderr.decode().strip() or "mount failed"
    _copy(aside, folder)
    shutil.rmtree(aside)
    return ""


def _move_back(folder: Path) -> None:
    aside = folder.with_name(f"{folder.name}.large")
    aside.mkdir(mode=0o700)
    _copy(folder, aside)
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()
    aside.rename(folder)


def _copy(source: Path, target: Path) -> None:
    """With owners and modes, of the folder itself too."""
    subprocess.run(["cp", "-a", f"{source}/.", target], check=True)
