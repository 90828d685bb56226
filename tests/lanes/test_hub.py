"""A worker that is given lanes while Kafka is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from agents.lanes.clock import BrokerClock
from agents.lanes.feed import CaughtUp
from agents.lanes.hub import LaneHub
from agents.lanes.wire import Member
from agents.lanes.wire_state import Cluster
from agents.lanes.worker_id import worker_id
from laudstream import topics
from laudstream.errors import Broken
from laudstream.records import head as heads
from laudstream.records import levels
from laudstream.records.levels import Levels
from laudstream.settings import Settings
from tests.integration.kit import wait_until

NOBODY = "127.0.0.1:1"
ONE = [TopicPartition(topic, 0) for topic in topics.LANE_INPUTS]


class Group:
    """The group's consumer, which has nothing to give."""

    member = Member("group", 1, "member", None)

    def __init__(self) -> None:
        self.caught_up = CaughtUp()

    async def seek_and_fetch(
        self, seeks: dict[TopicPartition, int], wanted: Iterable[TopicPartition], timeout: float, limit: int
    ) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(timeout)
        return {}


class Bodies:
    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        raise KeyError(id)

    async def wait(self, key: str) -> None:
        raise AssertionError(key)


def _hub(folder: Path, crashed: list[BaseException]) -> LaneHub:
    async def crash(error: BaseException) -> None:
        crashed.append(error)

    settings = Settings(kafka=NOBODY, data_dir=str(folder))
    return LaneHub(settings, Group(), crash, Bodies(), lambda: Cluster("cluster", {}, {}), BrokerClock())


async def test_it_tries_again_and_again_to_open_them(tmp_path: Path) -> None:
    crashed: list[BaseException] = []
    hub = _hub(tmp_path, crashed)
    with capture_logs() as said:
        await hub.assign(ONE)
        try:
            await wait_until(lambda: sum(line["event"] == "lane_reopens" for line in said) >= 2, 20, "two tries")
            assert not hub.ready()
            assert hub.assigned == {0}
        finally:
            await hub.stop()
    assert not crashed


async def test_topics_of_a_lane_that_come_without_each_other_are_refused(tmp_path: Path) -> None:
    hub = _hub(tmp_path, [])
    with pytest.raises(Broken, match=r"partitions \[0\]"):
        await hub.assign(ONE[1:])


async def test_a_lane_that_a_newer_release_must_go_on_with_is_closed_and_said_and_the_others_go_on_a14(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed: list[BaseException] = []
    hub, began = _hub(tmp_path, crashed), list[int]()

    async def run(partition: int) -> None:
        began.append(partition)
        if partition == 0:
            levels.check(0, Levels(heads.CORE_LEVEL + 1, 1))
        await asyncio.Event().wait()

    monkeypatch.setattr(hub, "_run", run)
    with capture_logs() as said:
        await hub.assign([*ONE, *(TopicPartition(topic, 1) for topic in topics.LANE_INPUTS)])
        try:
            await wait_until(lambda: 0 in hub.troubles and len(began) == 2, 5, "one is closed")
            assert hub._tasks.keys() == {1}
            assert "written by a newer release" in hub.troubles[0]
            assert [line["lane"] for line in said if line["event"] == "lane_closed"] == [0]
            assert not hub.ready()
            assert {lane: sight.is_open for lane, sight in hub.sights().items()} == {0: False, 1: False}
            await hub.revoke()
            await hub.assign([TopicPartition(topic, 1) for topic in topics.LANE_INPUTS])
            assert hub.troubles == {}, "the lane is another worker's now"
        finally:
            await hub.stop()
    assert not crashed


async def test_a_worker_id_that_a_full_disk_left_empty_is_made_anew_and_kept(tmp_path: Path) -> None:
    """All workers with an empty one would fence each other."""
    (tmp_path / "worker-id").write_text("")
    made = worker_id(Settings(data_dir=str(tmp_path)))
    assert len(made) == 12
    assert worker_id(Settings(data_dir=str(tmp_path))) == made


async def test_lanes_that_the_group_gives_to_a_worker_that_stops_are_left_alone(tmp_path: Path) -> None:
    crashed: list[BaseException] = []
    hub = _hub(tmp_path, crashed)
    await hub.stop()
    await hub.assign(ONE)
    assert (hub.assigned, hub._tasks, hub._feed._task, crashed) == (frozenset(), {}, None, [])


async def test_so_are_those_whose_assignment_was_under_way_when_it_stopped(tmp_path: Path) -> None:
    hub, dropped = _hub(tmp_path, []), asyncio.Event()

    class Slow:
        tps = tuple(ONE)
        accepting = True

        async def close(self) -> None:
            await dropped.wait()

    hub.lanes[1] = Slow()  # type: ignore[assignment]
    assigning = asyncio.create_task(hub.assign(ONE))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(hub.stop())
    await asyncio.sleep(0)
    dropped.set()
    await asyncio.gather(assigning, stopping)
    assert (hub.assigned, hub._tasks, hub._feed._task) == (frozenset(), {}, None)
