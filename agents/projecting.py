"""The projector worker: decisions, deliveries and writes into PostgreSQL; the control agent."""

from __future__ import annotations

from collections.abc import Sequence

from agents.control import ControlAgent
from agents.projector import handlers
from agents.stream_app import StreamApp
from agents.streams import BatchHandler
from laudstream import topics
from laudstream.postgres.pool import Pool
from laudstream.settings import Settings, load


class ProjectorApp(StreamApp):
    kind = "projector"
    fetch_max_wait_ms = 100

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, (topics.DECISIONS, topics.DELIVERIES, topics.WRITES, topics.DEAD_LETTERS))

    async def make_handlers(self, pool: Pool) -> Sequence[BatchHandler]:
        await self.add_runtime_dependency(ControlAgent(self.settings, pool))
        return handlers(self.settings, pool)


def __getattr__(name: str) -> ProjectorApp:
    """`faust -A agents.projecting worker` asks for `app`."""
    if name != "app":
        raise AttributeError(name)
    return ProjectorApp(load())
