"""A stock `@app.agent` in a LaneApp, beside partitions that go to a hub: prints what the agent reads.

python -m tests.integration.stock_agent KAFKA TOPIC FOLDER GROUP
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import faust
from aiokafka.structs import TopicPartition

from agents.lanes.hub import GroupSource
from agents.lanes.transport import Crash, LaneApp
from laudstream import topics
from laudstream.settings import Settings


class Lanes:
    """A hub that is given its partitions and leaves them alone."""

    topics = frozenset({topics.EVENTS})

    def __init__(self) -> None:
        self.given: set[TopicPartition] = set()

    async def assign(self, tps: Iterable[TopicPartition]) -> None:
        self.given = {tp for tp in tps if tp.topic in self.topics}
        print(f"hub {len(self.given)}", flush=True)

    async def revoke(self) -> None:
        self.given = set()

    async def stop(self) -> None:
        self.given = set()

    def ready(self) -> bool:
        return bool(self.given)


def _hub(source: GroupSource, crash: Crash) -> Lanes:
    return Lanes()


def run(kafka: str, topic: str, folder: str, group: str) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app: Any = LaneApp(Settings(kafka=kafka, data_dir=folder), group, Lanes.topics, _hub)

    @app.agent(app.topic(topic, value_type=bytes, value_serializer="raw"))
    async def read(stream: Any) -> None:
        async for value in stream:
            print(f"agent {value.decode()}", flush=True)

    faust.Worker(app, loop=loop, override_logging=False, quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    run(*sys.argv[1:])
