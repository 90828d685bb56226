"""Checkpoints: a replay goes on from one, and gives the same digests as the rounds did (A13)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from agents.lanes.feed import CaughtUp
from agents.lanes.replay import Replay
from laudstream.errors import Broken
from laudstream.records.head import Head, Journal
from tables import checkpoints
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore
from tests.lanes.kit import LaneKit, key, waiting
from tests.lanes.test_clock import Machine, Port, fed, opened, running, stepped

ORIGIN = Origin("cluster", 0, 8, 0, "topic")
MEMORY = RocksMemory(8, 8)


class Disk(LaneKit):
    """The kit on a real store, with the journal of its rounds."""

    def __init__(self, store: LaneStore) -> None:
        self.disk, self.journals = store, []
        super().__init__(SimpleNamespace(get_many=store.get_many, due=store.due, scan=store.scan, write=lambda *_: None,
                                         events=store.events, oldest=store.oldest))  # fmt: skip

    def run(self, taken: list[list[Any]], plan: Any) -> Any:
        result = super().run(taken, plan)
        out, head = result.out, self.lane.head
        self.disk.write(
            out.records, result.hints, result.done, kept=out.kept, head=head, position=head.seq, now=plan.clock
        )
        self.journals.append(
            Journal(head.seq, result.lane_time, plan.clock, {}, result.fired, result.swept,
                    core_level=head.core_level, out_digest=out.out_digest(), state_digest=out.state_digest(),
                    state_format=head.state_format)
        )  # fmt: skip
        return result


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Disk]:
    store = LaneStore(tmp_path / "lane-0", MEMORY, ORIGIN, now=1, max_age_ms=1000)
    yield Disk(store)
    store.close()


def work(lane: Disk, rounds: int) -> None:
    at = lane.lane.head.lane_time + 1000
    for n in range(rounds):
        lane.event(f"c{n % 5}", "purchase", at=at + n * 1000)
        if n % 7 == 0:
            lane.event(f"c{(n + 1) % 5}", "paid", at=at + n * 1000 + 1)
        lane.round(bound=at + n * 1000 + 500)


def test_a_replay_from_a_checkpoint_gives_the_same_digests(lane: Disk, tmp_path: Path) -> None:
    lane.publish(waiting(), at=1000)
    work(lane, 30)
    made = checkpoints.make(lane.disk, tmp_path)
    work(lane, 30)
    assert checkpoints.before(tmp_path, 0, 31) == made
    with checkpoints.scratch(made) as store:
        replay = Replay(0, SimpleNamespace(body=lane.body), 31, store=store)
        for entry, taken in zip(lane.journals[30:], lane.taken[30:], strict=True):
            replay.step(entry, taken)
        assert (replay.result.rounds, replay.result.mismatches, replay.result.first) == (30, 0, "")
        assert replay.result.timers >= 2
    assert lane.disk.head.seq == 60


def test_a_replay_that_begins_from_another_state_differs(lane: Disk, tmp_path: Path) -> None:
    lane.publish(waiting(), at=1000)
    work(lane, 10)
    made = checkpoints.make(lane.disk, tmp_path)
    work(lane, 5)
    with checkpoints.scratch(made) as store:
        store.write([(key("c1") + b"\0c", None)], [], [], head=store.head, position=0, now=1)
        replay = Replay(0, SimpleNamespace(body=lane.body), 11, store=store)
        for entry, taken in zip(lane.journals[10:], lane.taken[10:], strict=True):
            replay.step(entry, taken)
        assert replay.result.mismatches


def test_the_last_three_are_kept_and_the_newest_before_a_round_is_found(lane: Disk, tmp_path: Path) -> None:
    for seq in (3, 8, 20, 21, 400):
        lane.disk.write([], [], [], head=Head(seq), position=seq, now=1)
        checkpoints.make(lane.disk, tmp_path)
    names = [int(path.name) for path in sorted(checkpoints.folder_of(tmp_path, 0).iterdir())]
    assert names == [20, 21, 400]
    found = {seq: checkpoints.before(tmp_path, 0, seq) for seq in (20, 21, 22, 400, 401)}
    assert {seq: int(path.name) if path else 0 for seq, path in found.items()} == {
        20: 0,
        21: 20,
        22: 21,
        400: 21,
        401: 400,
    }
    assert checkpoints.before(tmp_path, 1, 99) is None
    assert checkpoints.last_made(lane.disk, tmp_path) > 0


def test_a_half_made_checkpoint_is_none(lane: Disk, tmp_path: Path) -> None:
    (checkpoints.folder_of(tmp_path, 0) / "000000000000005.half").mkdir(parents=True)
    assert checkpoints.before(tmp_path, 0, 99) is None
    lane.disk.write([], [], [], head=Head(5), position=5, now=1)
    assert checkpoints.before(tmp_path, 0, 99) is None
    made = checkpoints.make(lane.disk, tmp_path)
    assert made.name.endswith("005")
    assert checkpoints.before(tmp_path, 0, 99) == made
    assert msgspec.structs.asdict(lane.disk.meta)["position"] == 5


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="no store of a lane"):
        LaneStore(tmp_path / "nothing", MEMORY, None, now=0, max_age_ms=0)


async def test_a_checkpoint_that_cannot_be_made_is_said_and_tried_again_later_and_the_lane_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lane was closed and opened anew after each round."""
    machine, caught_up, kit = Machine(), CaughtUp(), LaneKit()
    port = Port(machine)
    (tmp_path / "checkpoints").write_text("no folder")
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    lane._checkpointed_at = 0
    with capture_logs() as said:
        async with running(lane):
            for customer in ("ann", "bob"):
                kit.event(customer, "purchase", int(machine.true))
                fed(lane, kit, caught_up, machine)
                await stepped(lane, machine, caught_up, 1)
    assert len(port.rounds) == 2
    assert [line["event"] for line in said if line["log_level"] == "error"] == ["checkpoint_failed"]
