"""Checkpoints of a lane's store: what a replay begins from when the first rounds are out of the journal (A13).

They lie beside the stores, `checkpoints/lane-<partition>/<seq>`, and cost hardly any space while the store still has
the same files. A copy of the folder elsewhere is as good.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tables.rocks import RocksMemory
from tables.store import LaneStore

KEPT = 3


def folder_of(data: Path, partition: int) -> Path:
    return data / "checkpoints" / f"lane-{partition}"


def make(store: LaneStore, data: Path) -> Path:
    """Keeps the store as it is now; of the older checkpoints the last ones stay."""
    folder = folder_of(data, store.meta.origin.partition)
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{store.head.seq:015d}"
    if not made.exists():
        half = made.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        store.checkpoint(half)
        half.rename(made)
    for old in sorted(folder.iterdir())[:-KEPT]:
        shutil.rmtree(old)
    return made


def last_made(store: LaneStore, data: Path) -> int:
    """When the newest checkpoint of this lane was made, ms; there is none: when the store was."""
    folder = folder_of(data, store.meta.origin.partition)
    newest = max((path.stat().st_mtime_ns for path in folder.iterdir()), default=0) if folder.is_dir() else 0
    return max(newest, (store.path / "IDENTITY").stat().st_mtime_ns) // 1_000_000


def before(data: Path, partition: int, seq: int) -> Path | None:
    """The newest checkpoint from which round `seq` can be run; None: there is none."""
    folder = folder_of(data, partition)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    fitting = [path for path in found if path.name.isdigit() and int(path.name) < seq]
    return fitting[-1] if fitting else None


@contextmanager
def scratch(checkpoint: Path) -> Iterator[LaneStore]:
    """A copy of the checkpoint that may be written, and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="laudstream-replay-") as folder:
        copy = Path(folder) / "store"
        shutil.copytree(checkpoint, copy)
        store = LaneStore(copy, RocksMemory(64, 32), None, now=0, max_age_ms=0)
        try:
            yield store
        finally:
            store.close()
