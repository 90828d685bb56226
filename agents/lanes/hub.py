"""All lanes of one worker: opens and closes them as the group assigns partitions."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from agents.lanes import wire_state
from agents.lanes.clock import BrokerClock
from agents.lanes.committer import Committer
from agents.lanes.feed import Feed, Source
from agents.lanes.lane import Lane
from agents.lanes.ports import Bodies
from agents.lanes.stats import LaneStats, Sight
from agents.lanes.takeover import Takeover
from agents.lanes.transaction import Fenced, OutOfGroup
from agents.lanes.turns import Turns
from agents.lanes.wire import TP, Member
from agents.lanes.worker_id import worker_id
from laudstream import kafka_client, topics
from laudstream.errors import Broken
from laudstream.settings import Settings
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.trouble import StoreCorrupt, StoreFailed

log = structlog.get_logger(__name__)

LOCK_TOPIC = topics.EVENTS
"""Its committed offset carries the lane's seq: the fence (A1)."""


LAGGING = (topics.EVENTS, topics.ROWS, topics.DELIVERIES)
"""Topics that nobody writes to in transactions: each of their offsets is a record."""

ANSWER_MS = 12_000
"""A broker that is silent for so long is taken to be away: one whose machine died hangs up on nobody. Longer than Kafka
may wait for replicas (10 s)."""


class GroupSource(Source, Protocol):
    member: Member
    """Of the assignment that was delivered last."""

    def end(self, tp: TopicPartition) -> int:
        """Where the log ends for readers of committed records, as the last fetch said; 0: not known."""


class Hub(Protocol):
    """What a Faust worker hands its partitions to."""

    topics: frozenset[str]

    async def assign(self, tps: Iterable[TopicPartition]) -> None:
        """The whole new assignment. Returns at once. A group that was still joined gives us one while we stop: it is
        left alone."""

    async def revoke(self) -> None:
        """End what is under way, within the deadline."""

    async def stop(self) -> None: ...

    def ready(self) -> bool:
        """Everything that the group gave us is open and fed."""


class LaneHub:
    topics = frozenset(topics.LANE_INPUTS)

    def __init__(
        self,
        settings: Settings,
        source: GroupSource,
        crash: Callable[[BaseException], Awaitable[None]],
        bodies: Bodies,
        cluster: Callable[[], wire_state.Cluster],
        clock: BrokerClock,
    ) -> None:
        self.settings, self._source, self._crash, self._bodies, self._cluster = settings, source, crash, bodies, cluster
        self._clock = clock
        self._memory = RocksMemory(settings.block_cache_mb, settings.memtable_mb)
        self._feed = Feed(source, crash, settings.catchup_records)
        self._turns = Turns()
        self.lanes: dict[int, Lane] = {}
        self.stats: dict[int, LaneStats] = defaultdict(LaneStats)
        self.troubles: dict[int, str] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._assigned: set[int] = set()
        self._stopped = False
        self._member: Member | None = None
        self._connecting = asyncio.Lock()
        self._client: AIOKafkaClient | None = None
        self._committer: Committer | None = None
        self._takeover: Takeover | None = None
        self.rebalances = self.fenced = 0

    # -- membership ------------------------------------------------------------------
    async def assign(self, tps: Iterable[TopicPartition]) -> None:
        found: dict[int, set[str]] = defaultdict(set)
        for tp in tps:
            if tp.topic in self.topics:
                found[tp.partition].add(tp.topic)
        torn = sorted(p for p, names in found.items() if len(names) != len(self.topics))
        if torn:
            raise Broken(f"input topics of partitions {torn} came without each other: are their numbers equal?")
        self.rebalances += 1
        await asyncio.gather(*(self._drop(p) for p in list(self.lanes) if p not in found))
        if self._stopped:
            return
        self._assigned = set(found)
        self.troubles = {p: why for p, why in self.troubles.items() if p in found}
        self._turns.lanes = len(found)
        self._member = self._source.member
        if self._committer is not None:
            self._committer.member = self._member
        self._feed.start()
        for partition in found:
            if partition not in self._tasks:
                self._tasks[partition] = asyncio.create_task(self._own(partition))

    async def revoke(self) -> None:
        """Idle lanes stay open: most come back in the next assignment, and the group fences what does not."""
        self._assigned = set()
        tasks = dict(self._tasks)
        for partition, task in tasks.items():
            lane = self.lanes.get(partition)
            if lane is not None and lane.is_open:
                self._feed.remove(lane)
                lane.pause()  # the running round is the last one
            else:
                task.cancel()  # still opening: a restore goes on later where it stopped
        if tasks:
            _, late = await asyncio.wait(tasks.values(), timeout=self.settings.close_deadline_s)
            for task in late:  # stuck in a round: its transaction is not committed, or not known to be
                task.cancel()
            if late:
                log.warning("lanes_late", lanes=len(late))
                await asyncio.wait(late)
        if self._committer is not None:
            await self._committer.drain(self.settings.close_deadline_s)
            self._committer.member = None  # what is still in flight can only end under its old generation
        self._member = None

    async def stop(self) -> None:
        self._stopped = True
        await self.revoke()
        self._feed.stop()
        await asyncio.gather(*(self._drop(p) for p in list(self.lanes)))
        if self._committer is not None:
            await self._committer.stop()
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> None:
        """Makes the committer, once. Raises what Kafka raises: each lane tries again until it answers."""
        async with self._connecting:
            if self._committer is not None:
                return
            client = AIOKafkaClient(**kafka_client.arguments(self.settings), request_timeout_ms=ANSWER_MS)
            try:
                await client.bootstrap()
                committer = Committer(
                    self.settings, client, worker_id(self.settings), LOCK_TOPIC, self._outputs, self._clock
                )
                await committer.start()
            except BaseException:
                await client.close()
                raise
            self._client, self._committer = client, committer
            self._takeover = Takeover(self.settings, client, committer.ids, topics.LANE_INPUTS, LOCK_TOPIC)
            committer.member = self._member

    def _outputs(self) -> list[TP]:
        counts = self._cluster().counts
        return [(topic, p) for topic in topics.LANE_OUTPUTS for p in range(counts.get(topic, 0))]

    # -- lanes -------------------------------------------------------------------------
    async def _own(self, partition: int) -> None:
        """Keep one lane running until it is revoked."""
        try:
            while partition in self._assigned:
                delay = await self._run_until_error(partition)
                if delay:
                    await self._drop(partition)
                    await asyncio.sleep(delay)
        except asyncio.CancelledError:
            await self._drop(partition)
        except Broken as error:  # this lane only; the others go on (A3)
            self.troubles[partition] = str(error)
            log.error("lane_closed", lane=partition, reason=str(error))
            await self._drop(partition)
        except StoreFailed as error:  # with this process gone the group gives its lanes to workers whose disks write
            log.error("store_failed", lane=partition, reason=str(error), fix=f"make room in {self.settings.data_path}")
            await self._drop(partition)
            await self._crash(error)
        except Exception as error:
            log.exception("lane_failed", lane=partition)
            await self._drop(partition)
            await self._crash(error)
        finally:
            del self._tasks[partition]

    async def _run_until_error(self, partition: int) -> float:
        """Returns how long to wait before the lane is opened anew; 0 after a clean end."""
        try:
            await self._run(partition)
        except (Fenced, OutOfGroup) as error:
            # Somebody else opened this lane. If it is a late zombie we are still the owner;
            # if we are the zombie the group tells us within a heartbeat.
            self.fenced += 1
            log.warning("lane_fenced", lane=partition, error=repr(error))
            return 2 * self.settings.heartbeat_s
        except StoreCorrupt as error:
            log.warning("store_corrupt", lane=partition, error=str(error))
            return 0.5
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("lane_reopens", lane=partition, error=repr(error))
            return 0.5
        return 0.0

    async def _run(self, partition: int) -> None:
        await self._connected()
        assert self._takeover is not None
        lane = self.lanes.get(partition)
        if lane is not None and (await self._takeover.last_seq(partition) or 0) != lane.seq:
            # It was parked over a rebalance, and somebody else has had it in a generation that we slept through.
            log.warning("lane_moved_on", lane=partition)
            await self._drop(partition)
            lane = None
        if lane is None:
            lane = self.lanes[partition] = self._lane(partition)
            await lane.open(self._takeover.last_seq)
            log.info(
                "lane_open",
                lane=partition,
                seq=lane.seq,
                restored=self.stats[partition].restored,
                seconds=round(self.stats[partition].open_s, 3),
            )
        if partition not in self._assigned:
            return
        self.troubles.pop(partition, None)
        lane.resume()
        self._feed.add(lane)
        try:
            await lane.run()
        finally:
            self._feed.remove(lane)

    def _lane(self, partition: int) -> Lane:
        assert self._committer is not None
        settings, cluster = self.settings, self._cluster()
        origin = Origin(
            cluster.id, settings.epoch, cluster.partitions(topics.STATE), partition, cluster.ids[topics.STATE]
        )
        share = (settings.state_cache_mb << 20) // max(1, len(self._assigned))
        return Lane(
            origin, cluster.ids, settings, self._memory, share, self.stats[partition], self._committer, self._bodies,
            self._source.caught_up, self._clock.now, self._turns,
        )  # fmt: skip

    async def _drop(self, partition: int) -> None:
        lane = self.lanes.pop(partition, None)
        if lane is not None:
            self._feed.remove(lane)
            await lane.close()

    # -- watching ----------------------------------------------------------------------
    def sights(self) -> dict[int, Sight]:
        """Each lane that is ours, also one that is closed or being opened."""
        return {p: self._sight(p) for p in sorted(self.lanes.keys() | self._assigned)}

    def _sight(self, partition: int) -> Sight:
        stats, lane = self.stats[partition], self.lanes.get(partition)
        if lane is None or not lane.is_open:
            return Sight(stats, False)
        tps = [tp for tp in lane.tps if tp.topic in LAGGING]
        lag = {tp.topic: max(0, self._source.end(tp) - lane.head.positions.get(tp.topic, 0)) for tp in tps}
        return Sight(stats, True, lane.seq, lane.in_hand, lag, lane.store_bytes)

    @property
    def assigned(self) -> frozenset[int]:
        return frozenset(self._assigned)

    @property
    def transactions(self) -> int:
        return self._committer.transactions if self._committer else 0

    def ready(self) -> bool:
        return bool(self._assigned) and all(
            (lane := self.lanes.get(p)) is not None and lane.accepting for p in self._assigned
        )
