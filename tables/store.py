"""One RocksDB per lane: state records, timer hints and where the changelog was read to.

Rules
- It is a cache of `laudstream.state`: written only after rounds are committed, with their head and position in one
  atomic batch, so it is never ahead of Kafka and never torn.
- It has no write-ahead log: the changelog is one. Committed records wait in memory first, so that a customer who is
  changed by many rounds is written once. After a crash the store is as old as its last write, and is restored from
  there. Timer hints and kept events do not wait: they may be newer than the state, which decides.
- It knows whose state it holds (Origin), and since when it may have missed something. What is another's, too old or
  corrupt is wiped and built anew. A disk that does not write is no reason to go on: StoreFailed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec
import rocksdict as rocks

from laudstream.errors import Broken
from laudstream.records.head import HEAD_KEY, Head, decode_head, encode, new_head
from tables.disk import Disk
from tables.layout import CORE, EVENT, customer_of, hint, hint_of, wake_at_of
from tables.origin import Meta, Origin
from tables.rocks import RocksMemory
from tables.trouble import told
from tables.view import Due, Record, Records

_FOREVER = 1 << 62
_NEVER = bytes(8)

LATE_BYTES = 4 << 20
LATE_MS = 10_000
"""Committed records wait in memory until they are about this many bytes, or this old."""


class LaneStore(Disk):
    def __init__(self, path: Path, memory: RocksMemory, origin: Origin | None, *, now: int, max_age_ms: int) -> None:
        """Open what is there if it is ours, sound and young enough, else start empty. `origin` None: whatever is there.

        Raises StoreFailed, and Broken if nothing is there then.
        """
        super().__init__(path, memory)
        meta = self._begin()
        if origin is None:
            if meta is None:
                self._close()
                raise Broken(f"{path}: no store of a lane")
            origin = meta.origin
            now = meta.written_at
        if meta is not None:
            self.rebuilt = meta.unfit(origin, now, max_age_ms)
        self.fresh = meta is None or bool(self.rebuilt)
        if self.fresh and meta is not None:
            self._wipe()
        self.meta = Meta(origin, written_at=now) if meta is None or self.fresh else meta
        raw = self._db.get(HEAD_KEY)
        self.head = decode_head(raw) if raw else new_head(origin.epoch)

    @told
    def reset(self) -> None:
        """Forget everything: it does not agree with the changelog."""
        self._settle()
        self._bulk = False
        self._wipe()
        self.fresh = True
        self.meta = Meta(self.meta.origin, written_at=self.meta.written_at)
        self.head = new_head(self.meta.origin.epoch)

    def _open(self) -> None:
        super()._open()
        self._late: dict[bytes, bytes | None] = {}  # committed, not in RocksDB yet
        self._came, self._came_bytes, self._late_since, self._dirty = 0, 0, 0, False
        self._low = b""  # no hint lives below: spares the scan of tombstones
        self.next_due = 0  # earliest hint, as far as known
        self._eldest = b""

    # -- reading -----------------------------------------------------------------
    @told
    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        found: list[bytes | None] = self._db.get(list(keys)) if keys else []
        late = self._late
        return [late.get(key, value) for key, value in zip(keys, found, strict=True)] if late else found

    @told
    def due(self, before: int, limit: int) -> Due:
        hints: list[tuple[int, bytes]] = []
        horizon = (before, b"")
        if before > self.next_due:
            self.next_due, lowest = _FOREVER, b""
            for key in self._timers.keys(from_key=self._low):
                lowest = lowest or key
                entry = hint_of(key)
                if entry[0] >= before or len(hints) == limit:
                    self.next_due = entry[0]
                    if entry[0] < before:
                        horizon = hints[-1]
                    break
                hints.append(entry)
            self._low = lowest or self._low
            if hints:
                self.next_due = hints[0][0]
        return Due(hints, horizon)

    @told
    def scan(self, prefix: bytes, after: bytes, limit: int) -> list[bytes]:
        self.flush()
        found: list[bytes] = []
        for key in self._db.keys(from_key=max(prefix, after + CORE + b"\0")):
            if not key.startswith(prefix) or len(found) == limit:
                break
            customer = customer_of(key)
            if customer is not None:
                found.append(customer)
        return found

    @told
    def events(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return self._history.get(list(keys)) if keys else []

    @told
    def oldest(self, limit: int) -> list[Record]:
        found = [(key, wake_at_of(value)) for key, value in islice(self._history.items(from_key=self._eldest), limit)]
        if found:
            self._eldest = found[0][0]  # none lives below: spares the scan of tombstones
        return found

    # -- writing -----------------------------------------------------------------
    @told
    def write(
        self,
        records: Records,
        hints: Sequence[tuple[int, bytes]],
        done: Sequence[tuple[int, bytes]],
        *,
        kept: Records = (),
        head: Head,
        position: int,
        now: int,
        size: int = 0,
    ) -> None:
        """Take over a committed round: the only write path of a running lane. `kept`: kept events, which are written
        once and do not wait; `size`: bytes of the values of the others."""
        self._dirty = True
        self._late.update(records)
        self._came += len(records)
        self._came_bytes += size
        if hints or done or kept:
            self._put(lambda: self._at_once(hints, done, kept))
        self.meta = msgspec.structs.replace(self.meta, position=position, written_at=now)
        self.head = head
        if done:
            self._low = max(self._low, hint(*done[-1]))
            self.next_due = max(self.next_due, done[-1][0])
        if hints:
            first = min(hints)
            self._low = min(self._low, hint(*first))
            self.next_due = min(self.next_due, first[0])
        full = len(self._late) * self._came_bytes > LATE_BYTES * self._came  # by the mean size of those that came
        if full or now - self._late_since > LATE_MS:
            self._late_since = now
            self.flush()

    def _at_once(
        self, hints: Sequence[tuple[int, bytes]], done: Sequence[tuple[int, bytes]], kept: Records
    ) -> rocks.WriteBatch:
        """What does not wait of a round."""
        batch, timers, history = rocks.WriteBatch(raw_mode=True), self._timers_cf, self._history_cf
        for key, value in kept:
            if value is None:
                batch.delete(key, history)
            else:
                batch.put(key, value, history)
        for due_at, customer in done:
            batch.delete(hint(due_at, customer), timers)
        for due_at, customer in hints:
            batch.put(hint(due_at, customer), b"", timers)
        return batch

    @told
    def flush(self) -> None:
        """Write what waits, with the head and the position that it belongs to."""
        if self._dirty:
            self._put(self._waiting)
            self._settle()

    def _waiting(self) -> rocks.WriteBatch:
        batch = rocks.WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in self._late.items():
            if value is None:
                delete(key)
            else:
                put(key, value)
        put(HEAD_KEY, encode(self.head))
        return self._finished(batch)

    def _settle(self) -> None:
        self._late.clear()
        self._came, self._came_bytes, self._dirty = 0, 0, False

    @told
    def restore(self, records: Iterable[tuple[bytes, bytes | None]], position: int) -> int:
        """Apply one fetched stretch of the changelog. Returns how many records it was."""
        self.flush()
        stretch = list(records)
        self.meta = msgspec.structs.replace(self.meta, position=position)
        self._put(lambda: self._stretch(stretch))
        self._low, self._eldest, self.next_due = b"", b"", 0
        return len(stretch)

    def _stretch(self, records: Records) -> rocks.WriteBatch:
        batch = rocks.WriteBatch(raw_mode=True)
        put, delete, timers, history = batch.put, batch.delete, self._timers_cf, self._history_cf
        for key, value in records:
            if value is None:
                delete(key, history if key[:2] == EVENT else None)
            elif key[0]:  # of a customer
                put(key, value)
                if key[-2:] == CORE and value[1:9] != _NEVER:
                    put(value[1:9] + key[:-2], b"", timers)  # its wake_at, as hint() would pack it
            else:
                put(key, value, history if key[:2] == EVENT else None)
                if key == HEAD_KEY:
                    self.head = decode_head(value)
        return self._finished(batch)

    @told
    def restored(self, now: int) -> None:
        """It holds all that the changelog held at `now`."""
        self.meta = msgspec.structs.replace(self.meta, written_at=now)
        self._put(lambda: self._finished(rocks.WriteBatch(raw_mode=True)))
        if self._bulk:
            self._reopen(bulk=False)

    @told
    def take_much(self) -> None:
        """A long stretch of the changelog is to come: until `restored` this store is only written."""
        self.flush()
        self._reopen(bulk=True)

    def file_bytes(self) -> int:
        """What its files take, as far as they are there long enough to be asked."""
        sizes = 0
        for file in self.path.iterdir():
            with suppress(FileNotFoundError):
                sizes += file.stat().st_size
        return sizes

    def forget(self) -> None:
        """Drop what memory knows of timers, after a round that did not happen."""
        self.next_due = 0

    @told
    def checkpoint(self, path: Path) -> None:
        """Keep everything as of now in another folder; files are shared where the disk allows."""
        self.flush()
        rocks.Checkpoint(self._db).create_checkpoint(str(path))

    def close(self) -> None:
        """Raises StoreFailed where the last rounds could not be written: they are restored from the changelog. The
        store is closed all the same; if it is corrupt it is gone."""
        try:
            if not self.corrupt:
                self.flush()
                self._close()
        finally:
            self._let_go()
            if self.corrupt:
                shutil.rmtree(self.path, ignore_errors=True)
