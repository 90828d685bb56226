"""A worker leaves a lane alone that was written by a release that knows more (A14)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.lanes.feed import CaughtUp
from agents.lanes.lane import Lane
from agents.lanes.stats import LaneStats
from agents.lanes.turns import Turns
from laudstream import topics
from laudstream.errors import Broken
from laudstream.records.head import CORE_LEVEL, STATE_FORMAT, Head, decode_head, encode
from laudstream.settings import Settings
from tables.layout import CORE
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore
from tests.lanes.kit import LaneKit, key, waiting
from tests.lanes.test_clock import Bodies, Machine, Port

SEQ = 7


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, head: Head) -> Lane:
    """A lane, not opened, whose changelog ends with this head."""

    async def restored(store: LaneStore, *_: Any) -> int:
        store.head = head
        return 1

    monkeypatch.setattr("agents.lanes.opening.restore", restored)
    machine = Machine(0)
    return Lane(
        Origin("cluster", 0, 1, 0, "id"), dict.fromkeys(topics.LANE_INPUTS, "id"), Settings(data_dir=str(folder)),
        RocksMemory(8, 8), 1 << 20, LaneStats(), Port(machine), Bodies(LaneKit()), CaughtUp(), machine.clock.now,
        Turns(),
    )  # fmt: skip


async def _seq(_: int) -> int:
    return SEQ


@pytest.mark.parametrize(
    ("level", "format"), [(CORE_LEVEL + 1, STATE_FORMAT), (CORE_LEVEL, STATE_FORMAT + 1)], ids=["level", "format"]
)
async def test_A14_a_lane_of_a_newer_release_stays_closed_and_says_what_to_do(
    level: int, format: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = written(tmp_path, monkeypatch, Head(SEQ, core_level=level, state_format=format))
    with pytest.raises(Broken) as refused:
        await lane.open(_seq)
    assert not lane.is_open
    await lane.close()
    words = f"level {level}, format {format}; this one knows level {CORE_LEVEL}, format {STATE_FORMAT}: start a worker"
    assert words in str(refused.value)


async def test_A14_a_lane_whose_head_says_nothing_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = written(tmp_path, monkeypatch, Head(SEQ))
    await lane.open(_seq)
    assert (lane.seq, lane.head.core_level, lane.head.state_format) == (SEQ, 1, 1)
    await lane.close()


def test_A14_what_a_later_release_adds_to_a_head_is_passed_over() -> None:
    """Within a level, a release may write fields that the one before does not know."""
    whole = {**msgspec.to_builtins(Head(SEQ, lane_time=5)), "of_a_later_release": [1, 2]}
    assert decode_head(msgspec.msgpack.encode(whole)) == Head(SEQ, lane_time=5)
    assert decode_head(encode(Head(SEQ))) == Head(SEQ)


def test_A14_a_customer_of_a_newer_layout_closes_the_lane_and_not_the_worker() -> None:
    """Broken is what closes a lane; anything else would end the worker, and then the next one that gets the lane."""
    kit = LaneKit()
    kit.publish(waiting(), 1_000)
    kit.event("ann", "purchase", 1_001)
    kit.round(1_002)
    ann = key("ann") + CORE
    (core,) = kit.store.get_many([ann])
    assert core is not None
    kit.store.write([(ann, bytes([STATE_FORMAT + 1]) + core[1:])])
    kit.cache.clear()
    kit.event("ann", "paid", 1_003)
    with pytest.raises(Broken, match=rf"workspace1:ann begins with 0{STATE_FORMAT + 1}, .* start a worker"):
        kit.round(1_004)
