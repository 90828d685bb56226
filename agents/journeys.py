"""The journey worker: lanes on Faust. `laudstream worker journeys`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from prometheus_client.core import Metric

from agents import metrics
from agents.definitions import Definitions
from agents.lanes import surface, wire_state
from agents.lanes.hub import GroupSource, LaneHub
from agents.lanes.transport import Crash, LaneApp
from laudstream import kafka_client, topics
from laudstream.errors import Broken, LaudstreamError, Refused
from laudstream.records import levels
from laudstream.settings import Settings, load

log = structlog.get_logger(__name__)

LOOK_S = 10.0
"""Once in so long a worker looks whether its topics are still the same."""
NEEDED = (*topics.LANE_INPUTS, topics.STATE, topics.JOURNAL, topics.DECISIONS, topics.WRITES, topics.DEFINITIONS,
          topics.DEAD_LETTERS)  # fmt: skip


async def look_up(settings: Settings) -> wire_state.Cluster:
    """Ids and partition counts of the topics that lanes use. Raises Unavailable, Refused, Broken."""
    client = AIOKafkaClient(**kafka_client.arguments(settings))
    try:
        try:
            await client.bootstrap()
        except Exception as error:
            raise await kafka_client.no_way_in(settings, error) from None
        node = client.get_random_node()
        cluster, found, hidden = await client.send(node, wire_state.topic_ids({*NEEDED, *topics.LANE_OUTPUTS}))
    finally:
        await client.close()
    if unseen := sorted(hidden.intersection(NEEDED)):
        raise Refused(f"Kafka: we may not see {', '.join(unseen)}: see `laudstream topics rights`")
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise Broken(f"topics are missing: {', '.join(missing)}; run `laudstream topics apply`")
    counts = {name: count for name, (_, count) in found.items()}
    keyed = {counts[name] for name in NEEDED if name != topics.DEFINITIONS}
    if len(keyed) != 1:
        raise Broken(f"customer-keyed topics differ in their partitions: {counts}")
    return wire_state.Cluster(cluster, {name: topic_id for name, (topic_id, _) in found.items()}, counts)


class JourneyApp(LaneApp):
    """Looks up the cluster and reads the definitions before it joins the group."""

    plain_topics = (topics.ROWS, topics.DELIVERIES, topics.EVENTS)

    def __init__(self, settings: Settings) -> None:
        self.definitions = Definitions(settings)
        self._cluster: wire_state.Cluster | None = None
        self.told = levels.newest()._asdict()
        super().__init__(settings, settings.app_id, topics.LANE_INPUTS, self._make_hub)

    def _make_hub(self, source: GroupSource, crash: Crash) -> LaneHub:
        return LaneHub(self.settings, source, crash, self.definitions, self.cluster, self.clock)

    def cluster(self) -> wire_state.Cluster:
        """As it was when the worker started."""
        if self._cluster is None:
            raise Broken("the cluster was asked for before it was looked up")
        return self._cluster

    async def on_first_start(self) -> None:
        await super().on_first_start()
        self._cluster = await look_up(self.settings)
        await self.definitions.start()

    async def on_start(self) -> None:
        surface.lean_records((*topics.LANE_INPUTS, topics.STATE))  # for the whole process: only in one that is a worker
        await super().on_start()

    async def on_started(self) -> None:
        await super().on_started()
        self.add_future(self._watch_topics())

    async def _watch_topics(self) -> None:
        """Lanes must not go on over topics that were deleted and made anew: the next start sees it (A3)."""
        before = self.cluster()
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                now = await look_up(self.settings)
            except (LaudstreamError, KafkaError):  # brokers come and go; what is gone for good shows elsewhere
                continue
            if anew := sorted(name for name, id in before.ids.items() if now.ids.get(name, id) != id):
                log.error("topics_made_anew", topics=anew)
                await self.crash(Broken(f"made anew while this worker ran: {', '.join(anew)}"))
                return

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self.definitions.stop()

    def status(self) -> dict[str, Any]:
        """Counters of all lanes, for the ops server."""
        hub = self.hub
        assert isinstance(hub, LaneHub)
        return {
            "kind": "journeys",
            "transactions": hub.transactions,
            "fenced": hub.fenced,
            "rebalances": hub.rebalances,
            "troubles": hub.troubles,
            "lanes": {
                p: {**msgspec.structs.asdict(hub.stats[p]), "seq": lane.seq}
                for p, lane in sorted(hub.lanes.items())
                if lane.is_open
            },
        }

    def measures(self) -> Iterator[Metric]:
        hub = self.hub
        assert isinstance(hub, LaneHub)
        yield from metrics.of_worker(hub.transactions, hub.fenced, hub.rebalances)
        yield from metrics.of_lanes(hub.sights())


def __getattr__(name: str) -> JourneyApp:
    """`faust -A agents.journeys worker` asks for `app`; it is made from the environment only then."""
    if name != "app":
        raise AttributeError(name)
    return JourneyApp(load())
