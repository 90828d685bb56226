"""A RocksDB on a disk: its four column families, opened, wiped, opened anew for much to come, and closed.

It has no write-ahead log: the changelog is one. Handles are Any, since rocksdict has no types.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import rocksdict as rocks

from laudstream.records.head import HEAD_KEY
from tables.origin import Meta
from tables.rocks import RocksMemory
from tables.trouble import StoreCorrupt, StoreFailed, told, trouble

META = b"meta"
"""The only key of the family `meta`."""
STALL = "Write stall"
PAUSE_S = 0.002
BROKEN_S, SLOW_S = 1.0, 30.0
"""A write waits so long where RocksDB has met errors in the background, and where it has not."""
ROOM_BYTES = 32 << 20
"""RocksDB goes on by itself only with more than that."""


class Disk:
    """Raises StoreFailed where the disk cannot be read or written."""

    meta: Meta

    def __init__(self, path: Path, memory: RocksMemory) -> None:
        self.path, self._memory, self.corrupt = path, memory, False
        self.rebuilt = ""
        """Why what was there was wiped."""

    _db: Any = None
    _timers: Any = None
    _metas: Any = None
    _history: Any = None
    _timers_cf: Any = None
    _metas_cf: Any = None
    _history_cf: Any = None

    _bulk = False

    @told
    def _begin(self) -> Meta | None:
        """Opens what is there; what is corrupt is wiped. None: there is nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open()
            self._db.get(HEAD_KEY)
            return self._read_meta()
        except Exception as error:
            found = trouble(self.path, error)
            if not isinstance(found, StoreCorrupt):
                raise
            self.rebuilt = str(found)
        self._let_go()
        shutil.rmtree(self.path)
        self._open()
        return None

    def _open(self) -> None:
        options, bulk = self._memory.options, self._bulk
        families = {name: options(bulk, states=name == "default") for name in ("default", "timers", "history", "meta")}
        self._db = rocks.Rdict(str(self.path), options(bulk), column_families=families)
        self._timers = self._db.get_column_family("timers")
        self._metas = self._db.get_column_family("meta")
        self._history = self._db.get_column_family("history")
        self._timers_cf = self._db.get_column_family_handle("timers")
        self._metas_cf = self._db.get_column_family_handle("meta")
        self._history_cf = self._db.get_column_family_handle("history")
        self._unlogged = rocks.WriteOptions()
        self._unlogged.disable_wal = self._unlogged.no_slowdown = True

    def _read_meta(self) -> Meta | None:
        raw = self._metas.get(META)
        try:
            return msgspec.msgpack.decode(raw, type=Meta) if raw else None
        except msgspec.DecodeError:
            return None

    def _finished(self, batch: Any) -> Any:
        """The batch, and with it how far the store is."""
        batch.put(META, msgspec.msgpack.encode(self.meta), self._metas_cf)
        return batch

    def _put(self, made: Callable[[], Any]) -> None:
        """Writes the batch that `made` gives. A write that waits for memtables to go to the disk would wait inside
        RocksDB with the GIL in hand, so the process with its heartbeats too; and where the disk is full it would wait
        until somebody makes room. So it waits here, and not for ever. A batch that was refused is used up."""
        began = time.monotonic()
        while True:
            try:
                self._db.write(made(), self._unlogged)
                return
            except Exception as error:
                if STALL not in str(error):
                    raise
            while self._number("is-write-stopped") or self._number("actual-delayed-write-rate"):
                waited = time.monotonic() - began
                if waited > (BROKEN_S if self._number("background-errors") else SLOW_S):
                    full = shutil.disk_usage(self.path).free < ROOM_BYTES
                    why = "No space left on device" if full else "the disk is broken or too slow"
                    raise StoreFailed(f"store {self.path}: nothing could be written for {waited:.0f} s: {why}")
                time.sleep(PAUSE_S)

    def _number(self, name: str) -> int:
        return int(self._db.property_int_value(f"rocksdb.{name}") or 0)

    def _wipe(self) -> None:
        self._close()
        shutil.rmtree(self.path)
        self._open()

    def _reopen(self, *, bulk: bool) -> None:
        """`bulk`: until it is opened again it is only written."""
        self._close()
        self._bulk = bulk
        self._open()

    @told
    def _close(self) -> None:
        # A living handle keeps the LOCK, and after an error a traceback may keep this object alive.
        self._timers_cf = self._metas_cf = self._history_cf = None
        self._timers.close()
        self._history.close()
        self._metas.close()
        self._db.close()

    def _let_go(self) -> None:
        """RocksDB closes a store that cannot be written only when nobody holds it any more."""
        self._timers_cf = self._metas_cf = self._history_cf = None
        self._timers = self._metas = self._history = self._db = None
