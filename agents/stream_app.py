"""A Faust worker of batch streams: what the projector and the senders have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from prometheus_client.core import Metric

from agents import metrics
from agents.lanes.hub import GroupSource
from agents.lanes.transport import Crash, LaneApp
from agents.streams import BatchHandler, BatchHub
from laudstream.postgres import connect
from laudstream.postgres.pool import BY_INDEX, Pool
from laudstream.settings import Settings


class StreamApp(LaneApp):
    """Subclasses name their topics and make their handlers once PostgreSQL answers."""

    kind = ""
    fetch_max_wait_ms = 20
    """Longer than a lane's: nobody's timer waits for it, and an idle worker costs less."""

    def __init__(self, settings: Settings, topics: Iterable[str]) -> None:
        self.stream_topics = tuple(topics)
        self._handlers: dict[str, BatchHandler] = {}
        self.pool: Pool | None = None
        settings = msgspec.structs.replace(settings, fetch_max_wait_ms=self.fetch_max_wait_ms)
        super().__init__(settings, f"laudstream-{self.kind}", self.stream_topics, self._make_hub)

    def _make_hub(self, source: GroupSource, crash: Crash) -> BatchHub:
        return BatchHub(self.settings, source, crash, self.stream_topics, lambda topic: self._handlers[topic])

    @abstractmethod
    async def make_handlers(self, pool: Pool) -> Sequence[BatchHandler]:
        """Handlers of all topics, not started; PostgreSQL answers."""

    async def on_first_start(self) -> None:
        await super().on_first_start()
        application = f"laudstream-{self.kind}"
        self.pool = await connect(self.settings.worker_dsn, application=application, planner=BY_INDEX)
        for handler in await self.make_handlers(self.pool):
            await handler.start()
            self._handlers.update(dict.fromkeys(handler.topics, handler))

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        for handler in set(self._handlers.values()):
            await handler.stop()
        if self.pool is not None:
            await self.pool.close()

    def status(self) -> dict[str, Any]:
        """Records applied per partition, for the ops server."""
        hub = self.hub
        assert isinstance(hub, BatchHub)
        applied = {f"{tp.topic}/{tp.partition}": reader.applied for tp, reader in sorted(hub.readers.items())}
        return {"kind": self.kind, "applied": applied}

    def measures(self) -> Iterator[Metric]:
        hub = self.hub
        assert isinstance(hub, BatchHub)
        yield from metrics.of_streams({tp: reader.applied for tp, reader in sorted(hub.readers.items())})
