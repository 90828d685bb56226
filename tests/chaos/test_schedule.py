"""What every schedule keeps to, whatever the seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import (
    GUEST,
    JOIN,
    MOST_DOWN,
    SECONDS,
    TARGETS,
    WIPE,
    WORKERS,
    WRITTEN,
    down,
    schedule,
)
from tests.conftest import SETTINGS

SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_the_same_seed_gives_the_same_schedule(seed: int) -> None:
    assert schedule(seed) == schedule(seed)


@given(SEEDS)
def test_never_more_than_two_parts_are_down_and_no_part_twice_at_a_time(seed: int) -> None:
    faults = schedule(seed)
    for number, fault in enumerate(faults):
        assert fault.target not in down(faults[:number], fault.at_s)
        assert len(down(faults, fault.at_s) - {GUEST}) <= MOST_DOWN


@given(SEEDS)
def test_faults_come_in_order_and_everything_is_up_again_at_the_end(seed: int) -> None:
    faults = schedule(seed)
    assert list(faults) == sorted(faults, key=lambda fault: fault.at_s)
    assert all(fault.hold_s >= 0 for fault in faults)
    assert down(faults, SECONDS) == set()


@given(SEEDS)
def test_only_journey_workers_lose_their_disk_and_only_the_guest_joins(seed: int) -> None:
    for fault in schedule(seed):
        assert fault.target in ({GUEST} if fault.kind == JOIN else TARGETS)
        assert fault.kind != WIPE or fault.target in WORKERS


@pytest.mark.parametrize("target", [*TARGETS, GUEST])
def test_every_part_has_its_turn(target: str) -> None:
    assert any(fault.target == target for seed in range(40) for fault in schedule(seed))


def test_some_faults_overlap() -> None:
    assert any(len(down(faults, fault.at_s)) == MOST_DOWN for faults in map(schedule, range(20)) for fault in faults)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_comes_in_order_and_is_over_at_its_end(name: str) -> None:
    written = WRITTEN[name]
    assert list(written.faults) == sorted(written.faults, key=lambda fault: fault.at_s)
    for number, fault in enumerate(written.faults):
        present = down(written.faults[:number], fault.at_s)
        assert fault.target not in present
        assert len(present) < written.most_down
    assert down(written.faults, written.seconds) == set()


def test_who_sleeps_sleeps_longer_than_the_group_waits() -> None:
    sleeps = [fault.hold_s for name in ("asleep", "asleep-in-turn") for fault in WRITTEN[name].faults]
    assert min(sleeps) >= 10 * SETTINGS.session_timeout_s
