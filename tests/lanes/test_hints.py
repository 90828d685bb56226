"""Timers on the real store, where they are hints, fire as they do in memory, where they are exact (A8)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tables.store import LaneStore
from tests.lanes.kit import LaneKit, waiting
from tests.lanes.test_checkpoints import MEMORY, ORIGIN, Disk

SECOND = 1000
STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["purchase", "paid"])), max_size=3),
        st.sampled_from([1, 5 * SECOND, 15 * SECOND, 25 * SECOND, 60 * SECOND]),
        st.integers(1, 4),
        st.booleans(),
    ),
    min_size=3,
    max_size=25,
)


def open_store(folder: str) -> LaneStore:
    return LaneStore(Path(folder) / "lane-0", MEMORY, ORIGIN, now=1, max_age_ms=1 << 40)


@given(STEPS)
@hypothesis_settings(max_examples=60, deadline=None)
def test_a8_hints_fire_what_exact_timers_do(steps: list[tuple[list[tuple[str, str]], int, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk, exact, now = Disk(open_store(folder)), LaneKit(), 2 * SECOND
        for kit in (disk, exact):
            kit.publish(waiting("PT20S"), at=SECOND)
            kit.round(now)
        for events, pause, most, flushed in steps:
            for kit in (disk, exact):
                for customer, name in events:
                    kit.event(customer, name, at=now)
                kit.round(now + 1, timers=most)
                while kit.round(now + pause, timers=most).done:  # what is due fires now, a few a round
                    pass
            now += pause
            if flushed:
                disk.disk.flush()
                disk.cache.clear()
            assert disk.ends() == exact.ends()
        now += 100 * SECOND
        for kit in (disk, exact):
            while kit.round(now).done:
                pass
        assert disk.ends() == exact.ends()
        assert not disk.store.due(1 << 50, 1).hints, "none is left that says nothing"
        disk.disk.close()


def test_a8_a_hint_whose_timer_was_renewed_moves_on_with_it(tmp_path: Path) -> None:
    disk = Disk(open_store(str(tmp_path)))
    disk.publish(waiting("PT20S"), at=1000)
    disk.event("a", "purchase", at=3000)
    assert disk.round(3001).hints == [(23_000, b"workspace1:a")]
    disk.event("a", "paid", at=9000)
    disk.event("a", "purchase", at=9001)
    assert disk.round(9002).hints == [], "the earlier one will do"
    moved = disk.round(24_000)
    assert (moved.done, moved.hints) == ([(23_000, b"workspace1:a")], [(29_001, b"workspace1:a")])
    disk.round(60_000)
    assert disk.ends() == [("a", "paid", 9000), ("a", "late", 29_001)]
    disk.disk.close()
