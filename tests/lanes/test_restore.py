"""A store is brought up to the end of its changelog, or not used (A3)."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from agents.lanes import restore as restoring
from agents.lanes.stats import LaneStats
from laudstream.errors import Broken
from laudstream.records.head import HEAD_KEY, Head, encode
from laudstream.settings import Settings
from tables.layout import CORE
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore

Pair = tuple[bytes, bytes | None]
ORIGIN = Origin("cluster", 0, 8, 3, "abc")
ANN, BOB = b"workspace0:ann" + CORE, b"workspace0:bob" + CORE
DAY = 86_400_000
KEPT = 7 * DAY
"""Deletions stay in the changelog at least for so long."""


def core(name: bytes) -> bytes:
    return b"\1" + bytes(8) + name


class Changelog:
    """Records by offset; `begin` is where the log begins now."""

    def __init__(self, records: dict[int, Pair], begin: int = 0, end: int | None = None) -> None:
        self.records, self.begin = records, begin
        self.end = max(records, default=-1) + 1 if end is None else end
        self.at = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assign(self, tps: list[TopicPartition]) -> None: ...

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.begin)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.end)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.at = offset

    async def getmany(self, tp: TopicPartition, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        found = [(at, pair) for at, pair in sorted(self.records.items()) if at >= self.at][:max_records]
        self.at = found[-1][0] + 1 if len(found) == max_records else self.end
        return {tp: [SimpleNamespace(key=k, value=v) for _, (k, v) in found]}

    async def position(self, tp: TopicPartition) -> int:
        return self.at


@pytest.fixture(scope="module")
def memory() -> RocksMemory:
    return RocksMemory(8, 8)


class Lane:
    """A store and its changelog."""

    def __init__(self, folder: Path, memory: RocksMemory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._memory, self._patch = folder, memory, monkeypatch
        self.stats = LaneStats()

    async def opened(self, changelog: Changelog, now: int, wanted: int | None = None) -> LaneStore:
        self._patch.setattr(restoring, "_consumer", lambda *_: changelog)
        store = LaneStore(self.folder / "lane", self._memory, ORIGIN, now=now, max_age_ms=KEPT // 2)
        try:
            await restoring.restore(store, Settings(), 3, wanted, now, self.stats)
        except BaseException:
            store.close()
            raise
        return store


@pytest.fixture
def lane(tmp_path: Path, memory: RocksMemory, monkeypatch: pytest.MonkeyPatch) -> Lane:
    return Lane(tmp_path, memory, monkeypatch)


BEFORE = {0: (ANN, core(b"ann")), 1: (BOB, core(b"bob")), 2: (HEAD_KEY, encode(Head(1)))}
DELETED = {3: (ANN, None), 4: (HEAD_KEY, encode(Head(2)))}
COMPACTED = {1: (BOB, core(b"bob")), 4: (HEAD_KEY, encode(Head(2)))}
"""The same log once compaction has removed the customer, and after KEPT the deletion too."""


@pytest.mark.parametrize(("days", "log"), [(1, {**BEFORE, **DELETED}), (8, COMPACTED)])
async def test_a_deleted_customer_does_not_come_back_with_an_old_copy_of_the_store(
    lane: Lane, days: int, log: dict[int, Pair]
) -> None:
    (await lane.opened(Changelog(BEFORE), now=DAY)).close()
    shutil.copytree(lane.folder / "lane", lane.folder / "copy")
    (await lane.opened(Changelog({**BEFORE, **DELETED}), now=DAY + 1000)).close()
    shutil.rmtree(lane.folder / "lane")
    (lane.folder / "copy").rename(lane.folder / "lane")
    store = await lane.opened(Changelog(log), now=DAY + days * DAY, wanted=2)
    assert store.get_many([ANN, BOB]) == [None, core(b"bob")]
    assert (store.head.seq, store.fresh) == (2, days > 3)
    store.close()


async def test_a_store_whose_building_was_broken_off_again_and_again_is_not_made_younger_by_it(lane: Lane) -> None:
    """Each try would otherwise give it half of KEPT more."""
    (await lane.opened(Changelog(BEFORE), now=DAY)).close()
    for days in (2, 4, 6):
        store = LaneStore(lane.folder / "lane", lane._memory, ORIGIN, now=DAY + days * DAY, max_age_ms=KEPT // 2)
        fresh = store.fresh
        store.restore([(BOB, core(b"bob"))], 3)  # and the worker is killed
        store.close()
        if fresh:
            break
    assert fresh
    assert days == 4


async def test_a_changelog_that_lost_its_beginning_closes_the_lane_and_says_why(lane: Lane) -> None:
    with pytest.raises(Broken, match=r"laudstream\.state begins at 2, so records of customers were deleted"):
        await lane.opened(Changelog(BEFORE, begin=2), now=DAY)


async def test_a_store_that_was_in_step_before_the_changelog_lost_its_beginning_goes_on(lane: Lane) -> None:
    (await lane.opened(Changelog(BEFORE), now=DAY)).close()
    store = await lane.opened(Changelog({**BEFORE, **DELETED}, begin=2), now=DAY + 1)
    assert store.get_many([ANN, BOB]) == [None, core(b"bob")]
    store.close()


async def test_a_store_ahead_of_its_changelog_is_built_anew_where_nobody_knows_the_last_round(lane: Lane) -> None:
    (await lane.opened(Changelog({**BEFORE, **DELETED}), now=DAY)).close()
    with capture_logs() as said:
        store = await lane.opened(Changelog(BEFORE), now=DAY + 1)
    assert [line["event"] for line in said] == ["store_ahead"]
    assert (store.head.seq, store.meta.position) == (1, 3)
    assert store.get_many([ANN, BOB]) == [core(b"ann"), core(b"bob")]
    store.close()


def long_log(count: int) -> dict[int, Pair]:
    """Cores of 1,000 customers, of whom every seventh is deleted at last, and a head now and then."""
    log: dict[int, Pair] = {}
    for at in range(count):
        key = b"workspace0:c%d" % (at % 1000) + CORE
        gone = at >= count - 1000 and at % 7 == 0
        log[at] = (key, None if gone else b"\1" + (at + 1).to_bytes(8, "big") + b"x%d" % at)
    log[count] = (HEAD_KEY, encode(Head(9)))
    return log


async def test_a_long_changelog_is_restored_to_the_same_as_a_short_one(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written in another way where it is longer than MUCH."""
    log = long_log(20_000)
    keys = sorted({key for key, _ in log.values()})
    found, took_much = [], []
    monkeypatch.setattr(LaneStore, "take_much", _noted(LaneStore.take_much, took_much))
    for much in (1 << 30, 10):
        monkeypatch.setattr(restoring, "MUCH", much)
        store = await lane.opened(Changelog(log), now=DAY, wanted=9)
        found.append((store.get_many(keys), store.due(1 << 40, 10_000_000).hints, store.head.seq, store.meta))
        store.close()
        shutil.rmtree(lane.folder / "lane")
    assert found[0] == found[1]
    assert len(took_much) == 1
    last = dict(log[at] for at in sorted(log))
    assert found[1][0] == [last[key] for key in keys]


async def test_what_is_left_to_restore_is_told_all_the_way(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []

    class Told(Changelog):
        async def getmany(self, tp: TopicPartition, timeout_ms: int, max_records: int) -> Any:
            left.append(lane.stats.restoring)
            return await super().getmany(tp, timeout_ms, max_records)

    (await lane.opened(Told(long_log(20_000)), now=DAY, wanted=9)).close()
    assert left == [20_001, 15_001, 10_001, 5_001, 1]
    assert lane.stats.restoring == 0


async def test_a_long_restore_that_is_broken_off_goes_on_where_it_stopped(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = long_log(20_000)
    monkeypatch.setattr(restoring, "MUCH", 10)
    store = LaneStore(lane.folder / "lane", lane._memory, ORIGIN, now=DAY, max_age_ms=KEPT // 2)
    store.take_much()
    store.restore([log[at] for at in range(12_000)], 12_000)
    store.close()  # before it was told that this is all
    changelog = Changelog(log)
    store = await lane.opened(changelog, now=DAY + 1, wanted=9)
    last = dict(log[at] for at in sorted(log))
    assert store.get_many(list(last)) == list(last.values())
    assert not store.fresh
    store.close()


def _noted(method: Callable[[LaneStore], None], calls: list[LaneStore]) -> Callable[[LaneStore], None]:
    def noted(store: LaneStore) -> None:
        calls.append(store)
        method(store)

    return noted


def test_writes_after_a_long_restore_do_not_wait_for_its_files_to_be_compacted(tmp_path: Path) -> None:
    """A write holds the GIL: while RocksDB lets it wait, nothing of the process runs, its heartbeats neither."""
    store = LaneStore(tmp_path / "lane", RocksMemory(8, 1), ORIGIN, now=DAY, max_age_ms=KEPT // 2)
    store.take_much()
    noise = random.Random(1)
    for at in range(150):
        store.restore([(noise.randbytes(20) + CORE, core(noise.randbytes(2_000))) for _ in range(300)], at + 1)
    assert files(store) > 40  # beyond 20 RocksDB slows writes down by itself, from 36 on it stops them
    store.restored(DAY)
    assert store._db.property_int_value("rocksdb.is-write-stopped") == 0
    assert store._db.property_int_value("rocksdb.actual-delayed-write-rate") == 0
    store.close()


def test_few_records_of_many_lanes_share_the_memory_without_a_file_for_each_step(tmp_path: Path) -> None:
    """What each family of each lane takes beforehand must not use up what all of them may have."""
    memory = RocksMemory(8, 32)
    stores = [LaneStore(tmp_path / f"{n}", memory, ORIGIN, now=DAY, max_age_ms=KEPT // 2) for n in range(24)]
    for at in range(40):
        for store in stores:
            store.restore([(b"workspace0:c%d-%d" % (at, n) + CORE, core(b"x" * 90)) for n in range(50)], at + 1)
    assert [files(store) for store in stores] == [0] * 24
    for store in stores:
        store.close()


def files(store: LaneStore) -> int:
    found: int = store._db.property_int_value("rocksdb.num-files-at-level0")
    return found
