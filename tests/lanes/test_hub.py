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
from laudstream import topics
from laudstream.errors import Broken
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
