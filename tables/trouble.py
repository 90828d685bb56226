"""What can be wrong with a store on disk. A store is a cache of its changelog, so nothing is lost with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from traceback import clear_frames
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from laudstream.errors import LaudstreamError


class StoreFailed(LaudstreamError):
    """The disk cannot be written or read: it is full, or gone, or not ours."""


class StoreCorrupt(StoreFailed):
    """What is on the disk is not what was written: it is wiped when the store is closed, and built anew."""


class OnDisk(Protocol):
    path: Path
    corrupt: bool


Store = TypeVar("Store", bound=OnDisk)
P = ParamSpec("P")
R = TypeVar("R")


def trouble(path: Path, error: Exception) -> StoreFailed | None:
    """What an error of RocksDB (which has only one kind) or of a file is; None: another error."""
    if isinstance(error, StoreFailed):
        return error
    if isinstance(error, OSError):
        return StoreFailed(f"store {path}: {error}")
    if type(error) is not Exception:
        return None
    kind = StoreCorrupt if "Corruption" in str(error) else StoreFailed
    return kind(f"store {path}: {error}")


def told(method: Callable[Concatenate[Store, P], R]) -> Callable[Concatenate[Store, P], R]:
    """A method of a store whose errors say what is wrong; the store remembers that it is corrupt."""

    @wraps(method)
    def careful(self: Store, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            found = trouble(self.path, error)
            if found is None:
                raise
            clear_frames(error.__traceback__)  # its variables would keep handles of RocksDB, and so its lock
            self.corrupt = self.corrupt or isinstance(found, StoreCorrupt)
            raise found from None

    return careful
