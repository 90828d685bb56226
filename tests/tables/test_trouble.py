"""A disk that is full, and files that are not what was written: said, and nothing is made up."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from laudstream.records.head import Head
from tables import disk
from tables.layout import CORE, EVENT
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore
from tables.trouble import StoreCorrupt, StoreFailed

ORIGIN = Origin("cluster", 0, 8, 3, "abc")
CUSTOMERS = 40
SPREAD = 20


@pytest.fixture(scope="module")
def memory() -> RocksMemory:
    return RocksMemory(8, 8)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def open_store(path: Path, memory: RocksMemory) -> LaneStore:
    return LaneStore(path, memory, ORIGIN, now=1000, max_age_ms=1 << 40)


def key(customer: int) -> bytes:
    return b"workspace0:c%02d" % customer + CORE


def write(store: LaneStore, seq: int, chance: random.Random) -> None:
    """A round of 120 KB; each customer's record says which round wrote it last, and one record is new."""
    head = b"\1" + (0).to_bytes(8, "big") + seq.to_bytes(8, "big")
    records = [(key(n), head + chance.randbytes(2000)) for n in range(CUSTOMERS) if (seq + n) % SPREAD]
    records.append((b"workspace1:c%06d" % seq + CORE, head + chance.randbytes(40_000)))
    store.write(records, [(seq, b"a")], [], head=Head(seq), position=seq, now=1000 + 20_000 * seq, size=120_000)


def is_whole(store: LaneStore) -> bool:
    """Whether it holds exactly the rounds up to its head."""
    found = store.get_many([key(n) for n in range(CUSTOMERS)])
    last = store.head.seq
    wanted = [max(s for s in (last, last - 1) if (s + n) % SPREAD) for n in range(CUSTOMERS)]
    return store.meta.position == last and [int.from_bytes((v or b"")[9:17], "big") for v in found] == wanted


def test_a_full_disk_is_said_and_with_room_again_the_store_is_whole_as_of_some_round(
    small_disk: Path, memory: RocksMemory
) -> None:
    chance = random.Random(1)
    ballast, path = small_disk / "ballast", small_disk / "lane"
    store = open_store(path, memory)
    for seq in range(1, 20):
        write(store, seq, chance)
    store.close()
    store = open_store(path, memory)  # so much is on the disk
    ballast.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - (2 << 20)))
    seq = 20

    def write_on() -> None:
        nonlocal seq
        while seq < 2000:
            write(store, seq, chance)
            seq += 1

    with pytest.raises(StoreFailed, match=f"store {path}: .*No space left on device"):
        write_on()
    with pytest.raises(StoreFailed, match="No space left"):
        store.close()
    ballast.unlink()
    store = open_store(path, memory)
    assert 0 < store.head.seq < seq
    assert not store.fresh
    assert is_whole(store)
    for again in range(store.head.seq + 1, store.head.seq + 5):
        write(store, again, chance)
    store.close()


class Stalled:
    """A database whose writes stall; it can be written again after `looks` questions, unless the disk is full."""

    def __init__(self, looks: int, errors: int = 0) -> None:
        self.looks, self.errors, self.written = looks, errors, list[Any]()

    def write(self, batch: Any, _: Any) -> None:
        if self.looks:
            raise Exception("Result incomplete: Write stall")  # as rocksdict does
        self.written.append(batch)

    def property_int_value(self, name: str) -> int:
        if name == "rocksdb.background-errors":
            return self.errors
        if self.looks and not self.errors:
            self.looks -= 1
        return int(self.looks > 0)


def test_a_write_that_would_wait_is_made_anew_when_it_can_be_written(tmp_path: Path, memory: RocksMemory) -> None:
    store, made = open_store(tmp_path / "lane", memory), count()
    rocks, stalled = store._db, Stalled(looks=5)
    store._db = stalled
    store._put(lambda: next(made))
    assert stalled.written == [1]  # the first batch was used up
    store._db = rocks
    store.close()


def test_a_write_that_waits_for_a_disk_that_has_failed_is_given_up(
    tmp_path: Path, memory: RocksMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "BROKEN_S", 0.02)
    store = open_store(tmp_path / "lane", memory)
    rocks, store._db = store._db, Stalled(looks=1, errors=1)
    with pytest.raises(StoreFailed, match="nothing could be written for 0 s: the disk is broken or too slow"):
        store._put(lambda: None)
    store._db = rocks
    store.close()


def test_writes_that_come_faster_than_files_can_be_written_are_all_there(
    tmp_path: Path, memory: RocksMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ample = memory.options

    def scarce(bulk: bool = False, *, states: bool = False) -> Any:
        options = ample(bulk, states=states)
        options.set_write_buffer_size(64 << 10)
        options.set_max_write_buffer_number(2)
        return options

    monkeypatch.setattr(memory, "options", scarce)
    store, tries = open_store(tmp_path / "lane", memory), list[int]()
    monkeypatch.setattr(store, "_number", lambda name: tries.append(1) or LaneStore._number(store, name))
    value = random.Random(1).randbytes(20_000)
    for n in range(300):
        kept = [(EVENT + (10 * n + m).to_bytes(8, "big"), value) for m in range(10)]
        store.write([], [], [], kept=kept, head=Head(n), position=n, now=1000)
    assert tries, "no write had to wait: this proves nothing"
    assert all(store.events([EVENT + n.to_bytes(8, "big") for n in range(3_000)]))
    store.close()


def test_a_disk_without_room_for_a_store_is_said(small_disk: Path, memory: RocksMemory) -> None:
    (small_disk / "ballast").write_bytes(b"x" * shutil.disk_usage(small_disk).free)
    with pytest.raises(StoreFailed, match="No space left on device"):
        open_store(small_disk / "lanes" / "lane", memory)


def _tables(path: Path) -> list[Path]:
    return sorted(path.glob("*.sst"), key=lambda file: file.stat().st_size)


def _spoil(path: Path) -> None:
    file = _tables(path)[-1]
    data = bytearray(file.read_bytes())
    data[100 : len(data) // 2] = os.urandom(len(data) // 2 - 100)
    file.write_bytes(data)


def _garble(path: Path) -> None:
    next(path.glob("MANIFEST*")).write_bytes(b"garbage")


def _empty(path: Path) -> None:
    (path / "CURRENT").write_bytes(b"")


def _lose(path: Path) -> None:
    _tables(path)[-1].unlink()


@pytest.mark.parametrize("damage", [_spoil, _garble, _empty, _lose])
def test_a_corrupt_store_is_wiped_and_built_anew(
    tmp_path: Path, memory: RocksMemory, damage: Callable[[Path], None]
) -> None:
    path, chance = tmp_path / "lane", random.Random(2)
    store = open_store(path, memory)
    for seq in range(1, 9):
        write(store, seq, chance)
    store.close()
    damage(path)
    try:  # it shows at the opening, or when the damaged part is read
        store = open_store(path, memory)
        assert "Corruption" in store.rebuilt or store.get_many([key(n) for n in range(CUSTOMERS)])
    except StoreCorrupt:
        pass
    else:
        if not store.rebuilt:
            with pytest.raises(StoreCorrupt, match=f"store {path}: Corruption"):
                store.scan(b"workspace0:", b"", 1000)
        store.close()
    store = open_store(path, memory)
    assert (store.fresh, store.head.seq, store.meta.position) == (True, 0, 0)
    assert store.get_many([key(1)]) == [None]
    store.close()
