"""The Faust side: a worker whose consumer hands partitions to a Hub.

Faust keeps membership, assignment, rebalance callbacks and stock agents; partitions of the hub's topics never
enter its stock path. Everything is read-committed (stock Faust reads uncommitted).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

import faust
import structlog
from aiokafka.structs import TopicPartition
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from prometheus_client.core import Metric

from agents.lanes import surface
from agents.lanes.clock import BrokerClock
from agents.lanes.feed import CaughtUp
from agents.lanes.hub import GroupSource, Hub
from agents.lanes.telling import Assignor
from agents.lanes.wire import Member
from agents.ops import OpsServer
from laudstream import kafka_client
from laudstream.settings import Settings

log = structlog.get_logger(__name__)

Crash = Callable[[BaseException], Awaitable[None]]
MakeHub = Callable[[GroupSource, Crash], Hub]


class LaneConsumerThread(driver.AIOKafkaConsumerThread):
    """Owns the aiokafka consumer and its event loop; is the hub's Source."""

    member: Member

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.caught_up = CaughtUp()

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        settings = self.app.settings
        surface.read_committed(consumer, min_bytes=settings.fetch_min_bytes, max_wait_ms=settings.fetch_max_wait_ms)
        return consumer

    async def on_thread_stop(self) -> None:
        if self._consumer is not None:
            await surface.leave(self._consumer)
        await super().on_thread_stop()

    async def seek_to_committed(self) -> Any:
        """Stock partitions only; those without a committed offset begin at the log's beginning."""
        stock = [TopicPartition(*tp) for tp in self.assignment() if not self.app.is_hubs(tp)]
        if not stock:
            return {}
        return await self._submit(self._seek_stock(stock))

    async def _seek_stock(self, tps: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        consumer = self._ensure_consumer()
        committed = {tp: await consumer.committed(tp) for tp in tps}
        for tp, offset in committed.items():
            if offset is None:
                await consumer.seek_to_beginning(tp)
            else:
                consumer.seek(tp, offset)
        return committed

    def verify_event_path(self, now: float, tp: TP) -> None:
        if not self.app.is_hubs(tp):  # the hub does not commit through Faust: no livelock alarm
            super().verify_event_path(now, tp)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        consumer, settings = self._ensure_consumer(), self.app.settings
        self.member = surface.member_of(consumer, self.app.conf.id, settings.instance_id or None)
        await super().on_partitions_assigned(assigned, generation_id)

    def end(self, tp: TopicPartition) -> int:
        """Looks at what the consumer's thread noted; a partition that is not ours any more has no end."""
        try:
            return self._ensure_consumer().last_stable_offset(tp) or 0
        except (AssertionError, AttributeError, ConsumerNotStarted):
            return 0

    async def seek_and_fetch(
        self, seeks: dict[TopicPartition, int], wanted: Iterable[TopicPartition], timeout: float, limit: int
    ) -> dict[TopicPartition, list[Any]]:
        return await self._submit(self._seek_and_fetch(seeks, wanted, timeout, limit))

    async def _seek_and_fetch(
        self, seeks: dict[TopicPartition, int], wanted: Iterable[TopicPartition], timeout: float, limit: int
    ) -> dict[TopicPartition, list[Any]]:
        consumer = self._ensure_consumer()
        if not getattr(consumer, "watched", False):
            surface.never_reset(consumer)
            app = self.app
            surface.watch_fetches(consumer, self.caught_up.note, app.clock.now, app.plain_topics)
            consumer.watched = True
        for tp in seeks:
            self.caught_up.forget(tp)
        surface.seek(consumer, seeks)
        found = await surface.fetched(consumer, wanted, timeout, limit)
        if found:
            self.caught_up.drained += 1
        return found

    async def _submit(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run in the consumer's thread, past Faust's two-slot method queue."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.thread_loop))


class LaneConsumer(driver.Consumer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hub: Hub = self.app.make_hub(self._thread, self.app.crash)

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _set_active_tps(self, tps: set[TP]) -> Any:
        return super()._set_active_tps({tp for tp in tps if not self.app.is_hubs(tp)})

    def resume_partitions(self, tps: set[TP]) -> None:
        super().resume_partitions({tp for tp in tps if not self.app.is_hubs(tp)})

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.hub.revoke()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await self.hub.assign({TopicPartition(*tp) for tp in assigned})
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_stop(self) -> None:
        await self.hub.stop()
        await super().on_stop()


class LaneTransport(driver.Transport):
    Consumer = LaneConsumer


def _credentials(settings: Settings) -> Credentials | None:
    """How Kafka is spoken to, in Faust's words."""
    made = kafka_client.arguments(settings)
    if mechanism := made.get("sasl_mechanism"):
        return SASLCredentials(
            username=made["sasl_plain_username"], password=made["sasl_plain_password"], mechanism=mechanism,
            ssl_context=made.get("ssl_context"),
        )  # fmt: skip
    return SSLCredentials(made["ssl_context"]) if "ssl_context" in made else None


class LaneApp(faust.App):
    """A Faust app with a hub beside its agents. `hub_topics` must have equal partition counts."""

    told: Mapping[str, int] = {}
    """What all who look at the group find beside this worker."""
    plain_topics: tuple[str, ...] = ()
    """Those of them that nobody writes to in transactions, where the hub must know that it has read everything."""

    def __init__(
        self, settings: Settings, group: str, hub_topics: Iterable[str], make_hub: MakeHub, **options: Any
    ) -> None:
        self.settings, self.make_hub = settings, make_hub
        self.clock = BrokerClock()
        self._hub_topics = frozenset(hub_topics)
        super().__init__(
            group,
            broker=f"kafka://{settings.kafka}",
            broker_credentials=_credentials(settings),
            datadir=settings.data_dir,
            topic_disable_leader=True,
            topic_allow_declare=False,
            web_enabled=False,
            worker_redirect_stdouts=False,
            stream_recovery_delay=0.0,
            PartitionAssignor=Assignor,
            broker_client_id=settings.instance_id or f"{socket.gethostname()}-{os.getpid()}",
            consumer_group_instance_id=settings.instance_id or None,
            broker_session_timeout=settings.session_timeout_s,
            broker_request_timeout=max(30.0, settings.session_timeout_s),
            broker_heartbeat_interval=settings.heartbeat_s,
            **options,
        )

    def is_hubs(self, tp: Any) -> bool:
        return tp[0] in self._hub_topics

    @property
    def hub(self) -> Hub:
        hub: Hub = self.consumer.hub
        return hub

    def status(self) -> dict[str, Any]:
        """What the ops server shows."""
        return {}

    def measures(self) -> Iterable[Metric]:
        """What it tells Prometheus."""
        return ()

    async def on_started(self) -> None:
        await super().on_started()
        self._ops = OpsServer(self.settings, self.hub.ready, self.status, self.measures)
        await self._ops.start()
        self.add_future(self._say_when_ready())

    async def _say_when_ready(self) -> None:
        """A line in the log once all partitions that the group gave us are open: `up` and people wait for it."""
        while not self.hub.ready():  # noqa: ASYNC110 (the group decides it, in another thread)
            await asyncio.sleep(0.05)
        log.info("worker_ready", group=self.conf.id)

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self._ops.stop()

    async def on_start(self) -> None:
        for name in sorted(self._hub_topics):  # an empty channel: subscription and co-partitioning only
            self.topics.add(self.topic(name, key_type=bytes, value_type=bytes, internal=True).clone(is_iterator=True))
        await super().on_start()

    def _new_transport(self) -> LaneTransport:
        return LaneTransport(self.conf.broker_consumer, self)
