"""The store on disk and its twin in memory answer alike, and a store knows whose state it holds."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from laudstream.records.head import Head
from tables.layout import CORE, event_key, wake_at_of
from tables.memory import MemoryStore
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LATE_BYTES, LATE_MS, LaneStore

ORIGIN = Origin("cluster", 0, 8, 3, "abc")
CUSTOMERS = [b"workspace%d:c%02d" % (w, c) for w in range(2) for c in range(6)]
FAR = 10_000


def core(wake_at: int, body: bytes = b"") -> bytes:
    return b"\1" + wake_at.to_bytes(8, "big") + body


@pytest.fixture(scope="module")
def memory() -> RocksMemory:
    return RocksMemory(8, 8)


def open_store(path: Path, memory: RocksMemory, origin: Origin = ORIGIN, now: int = 1000) -> LaneStore:
    return LaneStore(path, memory, origin, now=now, max_age_ms=5000)


class Twins(RuleBasedStateMachine):
    """Random rounds on both stores: writes, deletions, timers armed, moved, fired, and restarts of the real one."""

    memory = RocksMemory(8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.disk = open_store(self.folder / "lane", self.memory)
        self.twin = MemoryStore()
        self.wakes: dict[bytes, int] = {}
        self.seq = self.events = 0

    def teardown(self) -> None:
        self.disk.close()
        shutil.rmtree(self.folder)

    def live(self, before: int) -> list[tuple[int, bytes]]:
        """Timers that the hints lead to: a hint may stand earlier than its customer's timer, never later."""
        looked_at = {(self.wakes.get(customer, 0), at, customer) for at, customer in self.disk.due(before, 1000).hints}
        return sorted({(wake_at, customer) for wake_at, at, customer in looked_at if at <= wake_at < before})

    @rule(customer=st.sampled_from(CUSTOMERS), wake_at=st.integers(0, 50), gone=st.booleans())
    def change(self, customer: bytes, wake_at: int, gone: bool) -> None:
        """As a round does: a hint is written only if none earlier exists."""
        before = self.wakes.get(customer, 0)
        value = None if gone else core(wake_at)
        after = 0 if gone else wake_at
        hints = [(after, customer)] if after and not 0 < before <= after else []
        self.write([(customer + CORE, value)], hints, [])
        self.wakes[customer] = after

    @rule(before=st.integers(1, 60))
    def fire(self, before: int) -> None:
        """Take all hints due; live ones fire, stale ones move on to where their customer's timer is now."""
        due = self.disk.due(before, 1000)
        records, hints = [], []
        for at, customer in due.hints:
            wake_at = self.wakes.get(customer, 0)
            if wake_at == at:
                self.wakes[customer] = 0
                records.append((customer + CORE, core(0)))
            elif wake_at:
                hints.append((wake_at, customer))
        self.write(records, hints, due.hints)

    @rule()
    def restart(self) -> None:
        self.disk.close()
        self.disk = open_store(self.folder / "lane", self.memory)
        assert self.disk.fresh == (self.seq == 0)
        assert self.disk.head.seq == self.seq

    @rule()
    def flush(self) -> None:
        self.disk.flush()

    def write(self, records: list, hints: list, done: list, kept: list = ()) -> None:
        self.seq += 1
        head = Head(self.seq)
        self.disk.write(records, hints, done, kept=kept, head=head, position=self.seq, now=1000)
        self.twin.write([*records, *kept], hints, done)

    @invariant()
    def same_values(self) -> None:
        keys = [customer + CORE for customer in CUSTOMERS]
        assert self.disk.get_many(keys) == self.twin.get_many(keys)

    @rule(at=st.integers(0, 60))
    def happen(self, at: int) -> None:
        """An event is kept; numbers grow."""
        self.events += 1
        self.write([], [], [], [(event_key(self.events), core(at))])

    @rule(many=st.integers(1, 3))
    def trim(self, many: int) -> None:
        self.write([], [], [], [(key, None) for key, _ in self.twin.oldest(many)])

    @invariant()
    def same_events(self) -> None:
        keys = [event_key(number + 1) for number in range(self.events)]
        assert self.disk.events(keys) == self.twin.events(keys)
        for limit in (1, 3, 100):
            assert self.disk.oldest(limit) == self.twin.oldest(limit)

    @invariant()
    def same_timers(self) -> None:
        for before in (1, 20, FAR):
            assert self.live(before) == self.twin.due(before, 1000).hints

    @invariant()
    def same_scan(self) -> None:
        for prefix in (b"workspace0:", b"workspace1:"):
            for after, limit in ((b"", 3), (prefix + b"c02", 2)):
                assert self.disk.scan(prefix, after, limit) == self.twin.scan(prefix, after, limit)


TestTwins = Twins.TestCase
TestTwins.settings = hypothesis_settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_due_stops_at_the_limit_and_names_the_horizon(tmp_path: Path, memory: RocksMemory) -> None:
    store = open_store(tmp_path / "s", memory)
    hints = [(due, b"workspace0:c%d" % due) for due in (5, 6, 7, 90)]
    store.write([], hints, [], head=Head(1), position=1, now=1000)
    assert store.due(50, 2).hints == hints[:2]
    assert store.due(50, 2).horizon == hints[1]
    assert store.due(50, 9).horizon == (50, b"")
    store.close()


def test_a_look_for_due_timers_costs_little_over_many_that_have_fired(tmp_path: Path, memory: RocksMemory) -> None:
    """A8: a lane looks in each round. 200 µs are the bar, 4 µs usual; over the tombstones it would be milliseconds."""
    store = open_store(tmp_path / "s", memory)
    hints = [(due, b"workspace0:c%d" % due) for due in range(1, 30_001)]
    store.write([], [*hints, (90_000, b"workspace0:last")], [], head=Head(1), position=1, now=1000)
    fired = 0
    while found := store.due(50_000, 1_000).hints:
        fired += len(found)
        store.write([], [], found, head=Head(2), position=2, now=1000)
    assert fired == len(hints)
    best: dict[bool, float] = {}
    for known in (True, False):  # where the earliest one is, or after a round that did not happen
        for _ in range(50):
            if not known:
                store.forget()
            began = time.perf_counter()
            assert store.due(50_000, 1_000).hints == []
            best[known] = min(best.get(known, 1.0), time.perf_counter() - began)
    store.close()
    assert max(best.values()) < 200e-6, best


def test_restore_makes_hints_from_wake_at_without_decoding_a_body(tmp_path: Path, memory: RocksMemory) -> None:
    store = open_store(tmp_path / "s", memory)
    value = core(42, b"\xff\xff not msgpack")
    assert store.restore([(b"workspace0:a" + CORE, value), (b"workspace0:b" + CORE, None)], 7) == 2
    assert store.due(100, 10).hints == [(42, b"workspace0:a")]
    assert wake_at_of(value) == 42
    assert store.meta.position == 7
    store.close()


@pytest.mark.parametrize(
    ("other", "now"),
    [
        (Origin("another cluster", 0, 8, 3, "abc"), 1000),
        (Origin("cluster", 1, 8, 3, "abc"), 1000),
        (Origin("cluster", 0, 16, 3, "abc"), 1000),
        (Origin("cluster", 0, 8, 3, "made anew"), 1000),
        (ORIGIN, 1000 + 5001),  # older than half of delete.retention: may have missed tombstones
    ],
)
def test_a_store_of_another_origin_or_too_old_is_wiped(
    tmp_path: Path, memory: RocksMemory, other: Origin, now: int
) -> None:
    store = open_store(tmp_path / "s", memory)
    store.write([(b"workspace0:a" + CORE, core(9))], [(9, b"workspace0:a")], [], head=Head(5), position=5, now=1000)
    store.close()
    store = open_store(tmp_path / "s", memory, other, now)
    assert store.fresh
    assert store.head.seq == 0
    assert store.get_many([b"workspace0:a" + CORE]) == [None]
    assert store.due(100, 10).hints == []
    store.close()


def test_committed_records_wait_in_memory_until_they_are_many_or_old(tmp_path: Path, memory: RocksMemory) -> None:
    store = open_store(tmp_path / "s", memory)
    key, now = b"workspace0:a" + CORE, 1000
    for seq in range(1, 4):
        now += LATE_MS // 2
        store.write([(key, core(seq))], [], [], head=Head(seq), position=10 * seq, now=now)
        assert store.get_many([key]) == [core(seq)]
    shutil.copytree(tmp_path / "s", tmp_path / "killed")  # what a dead process leaves: nothing, or a whole round
    store.write(
        [(key, b"\1" * LATE_BYTES), (key, core(9))], [], [], head=Head(4), position=40, now=now, size=LATE_BYTES + 1
    )
    assert store.get_many([key]) == [core(9)]
    store.close()
    reopened = open_store(tmp_path / "s", memory, now=now)
    assert (reopened.head.seq, reopened.meta.position, reopened.get_many([key])) == (4, 40, [core(9)])
    reopened.close()
    dead = open_store(tmp_path / "killed", memory, now=now)
    assert (dead.head.seq, dead.meta.position, dead.get_many([key])) == (0, 0, [None])
    dead.close()


def test_a_store_that_is_being_built_is_as_old_as_its_beginning(tmp_path: Path, memory: RocksMemory) -> None:
    """A3: what it has read of the changelog may lack deletions that were compacted away meanwhile."""
    store = open_store(tmp_path / "s", memory, now=1000)
    store.restore([(b"workspace0:a" + CORE, core(9))], 5)
    store.close()
    store = open_store(tmp_path / "s", memory, now=4000)
    assert (store.fresh, store.meta.position) == (False, 5)
    store.restore([(b"workspace0:b" + CORE, core(9))], 9)
    store.close()
    shutil.copytree(tmp_path / "s", tmp_path / "built")
    store = open_store(tmp_path / "s", memory, now=6001)
    assert (store.fresh, store.meta.position) == (True, 0)
    assert "may have missed deletions" in store.rebuilt
    store.close()
    built = open_store(tmp_path / "built", memory, now=4000)
    built.restored(4000)
    built.close()
    built = open_store(tmp_path / "built", memory, now=6001)
    assert (built.fresh, built.rebuilt, built.meta.position) == (False, "", 9)
    built.close()


def test_a_store_written_long_after_now_is_not_believed(tmp_path: Path, memory: RocksMemory) -> None:
    """A3: the clock was wrong then or is wrong now, so nobody knows how old it is."""
    store = open_store(tmp_path / "s", memory)
    store.write([], [], [], head=Head(5), position=5, now=9000)
    store.close()
    store = open_store(tmp_path / "s", memory, now=3000)
    assert store.fresh
    store.close()
