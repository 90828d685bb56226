"""Everything private of aiokafka and Faust that the lanes touch, in one place.

Written against aiokafka 0.14.0 and faust-streaming 0.15.3, both pinned. `tests/lanes/test_surface.py` compares
the sources of what is named in PRIVATE with their digests and fails when a release changes one of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Any

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import TopicPartition

from agents.lanes import wire_state
from agents.lanes.wire import TP, Code, Member

PRIVATE = (
    "aiokafka.client:AIOKafkaClient._wait_on_metadata",
    "aiokafka.client:AIOKafkaClient._get_conn",
    "aiokafka.client:AIOKafkaClient.send",
    "aiokafka.client:AIOKafkaClient.coordinator_lookup",
    "aiokafka.conn:AIOKafkaConnection.send",
    "aiokafka.protocol.fetch:FetchRequest",
    "aiokafka.protocol.api:Request.prepare",
    "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records",
    "aiokafka.consumer.fetcher:PartitionRecords._consumer_record",
    "aiokafka.consumer.subscription_state:SubscriptionState.fetch_context",
    "aiokafka.consumer.subscription_state:SubscriptionState.is_assigned",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._on_join_complete",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.close",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._maybe_leave_group",
    "faust.app.base:App._new_transport",
    "faust.transport.consumer:Consumer._set_active_tps",
    "faust.transport.consumer:Consumer.on_partitions_assigned",
    "faust.transport.consumer:Consumer.on_partitions_revoked",
    "faust.transport.consumer:Consumer.resume_partitions",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._ensure_consumer",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_partitions_assigned",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.seek_to_committed",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.verify_event_path",
    "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread",
)

JOIN_S = 1.0
"""A join that is under way gets so long to end when a worker stops."""
LEAVE_S = 3.0

log = structlog.get_logger(__name__)


async def wait_on_metadata(client: AIOKafkaClient, topic: str) -> None:
    """Until the client knows the partitions of a topic."""
    await client._wait_on_metadata(topic)


def connection(client: AIOKafkaClient, node: int, group: Any) -> Any:
    """The connection that requests to this broker go through now; None: there is none. Compare with `is`."""
    found = client._conns.get((node, group))
    return found if found is not None and found.connected() else None


def read_committed(consumer: AIOKafkaConsumer, *, min_bytes: int, max_wait_ms: int) -> None:
    """Before start: Faust makes read-uncommitted consumers with a fetch wait of 1.5 s."""
    consumer._isolation_level = "read_committed"
    consumer._fetch_min_bytes = min_bytes
    consumer._fetch_max_wait_ms = max_wait_ms


def member_of(consumer: AIOKafkaConsumer, group: str, instance_id: str | None) -> Member:
    """Who this consumer is in the assignment that is being delivered. Call it in the coordinator's own loop:
    later a heartbeat may have reset it to "no member", and a transaction of "no member" is not checked."""
    at = consumer._coordinator
    return Member(group, at.generation, at.member_id, instance_id)


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Before stop, in the consumer's thread: out of the group, whatever it is doing. aiokafka waits for a join that is
    under way, and that waits for everybody else: one that is frozen holds up all who want to end.

    The broker answers the requests of a connection in their order, so the leaving does not go where the joining waits.
    """
    at = consumer._coordinator
    if not isinstance(at, GroupCoordinator) or at._closing.done():
        return
    at._closing.set_result(None)
    coordination = at._coordination_task
    await asyncio.wait([coordination], timeout=JOIN_S)
    if not coordination.done():
        coordination.cancel()
        await asyncio.wait([coordination])
    await at._stop_heartbeat_task()
    await at._stop_commit_offsets_refresh_task()
    if at._group_instance_id is None and at.member_id and at.coordinator_id is not None:
        try:
            async with asyncio.timeout(LEAVE_S):
                await consumer._client.send(at.coordinator_id, LeaveGroupRequest(at.group_id, at.member_id))
        except (KafkaError, TimeoutError) as error:  # the group finds out by itself, later
            log.warning("group_not_left", group=at.group_id, error=repr(error))
    at.reset_generation()


class Input(msgspec.Struct, gc=False):
    """A record of an input topic or of the changelog: what lanes read of aiokafka's ConsumerRecord
    (agents.lanes.record, agents.lanes.restore)."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def lean_records(topics: Iterable[str]) -> None:
    """From now on consumers of this process give records of these topics as Input: a ConsumerRecord, a frozen
    dataclass of eleven fields, costs as much as decoding an event."""
    whole, lean = PartitionRecords._consumer_record, frozenset(topics)

    @wraps(whole)
    def made(self: PartitionRecords, tp: TopicPartition, record: Any) -> Any:
        if tp.topic in lean:
            return Input(tp.topic, record.offset, record.timestamp, record.key, record.value)
        return whole(self, tp, record)

    PartitionRecords._consumer_record = made


def never_reset(consumer: AIOKafkaConsumer) -> None:
    """A position outside the log is an error that names it, never a silent jump (A3)."""
    consumer._fetcher._default_reset_strategy = _NO_RESET


_NO_RESET = 0  # aiokafka.consumer.fetcher.OffsetResetStrategy.NONE


class FromLeader(FetchRequest):
    """A fetch that only the leader answers.

    From version 11 on every replica does, and says no word of not being the leader: after a change of leaders a
    consumer would stay where it was until its view of the cluster is five minutes old. What such a replica lacks is
    not what the log lacks (A4).
    """

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        oldest, newest = versions[self.API_KEY]
        return super().prepare({**versions, self.API_KEY: (oldest, min(newest, _LEADER_ONLY))})


_LEADER_ONLY = 10


def _from_leader(request: FetchRequest) -> FetchRequest:
    return FromLeader(
        request._max_wait_ms, request._min_bytes, request._max_bytes, request._isolation_level, request.topics
    )


PACE_S = 0.0001
"""Between two fetches of a broker lies this, times the partitions that the first one named: a fetch costs both sides by
the partition, whatever it brings, and one that is answered at every record would be half of a broker's load."""


def watch_fetches(
    consumer: AIOKafkaConsumer,
    note: Callable[[TopicPartition, int], None],
    clock: Callable[[], int],
    plain: Collection[str] = (),
) -> None:
    """Notes for each partition the last instant (ms, by `clock`) up to which its log is known to hold nothing more.

    That is the moment a fetch was SENT which found nothing at or after our position: whatever was appended
    before that moment we have (A4).

    Where there are several replicas a record has its append time before consumers may see it. There the leader is
    asked for the end of its log too, and must say that it ends at our position: for the topics in `plain`, which are
    those that nobody writes to in transactions.
    """
    fetcher = consumer._fetcher
    fetch = fetcher._proc_fetch_request
    asking: dict[int, asyncio.Task[None]] = {}  # one question a broker at a time
    earliest: dict[int, float] = {}  # when a broker may be asked again

    async def timed(assignment: Any, node_id: int, request: Any) -> Any:
        now = time.monotonic()
        if now < earliest.get(node_id, 0.0):
            await asyncio.sleep(earliest[node_id] - now)
        earliest[node_id] = time.monotonic() + PACE_S * sum(len(partitions) for _, partitions in request.topics)
        sent, here = clock(), time.time_ns() // 1_000_000
        woke = await fetch(assignment, node_id, _from_leader(request))
        if not assignment.active:
            return woke
        ask: dict[TP, int] = {}
        for topic, partitions in request.topics:
            for partition, offset, _ in partitions:
                tp = TopicPartition(topic, partition)
                state = assignment.state_value(tp)
                if (
                    state is not None
                    and state.has_valid_position
                    and state.position == offset
                    and state.timestamp is not None
                    and state.timestamp >= here
                    and state.lso is not None
                    and offset >= state.lso
                ):
                    if topic not in plain or _replicas(consumer, tp) == 1:
                        note(tp, sent)
                    else:
                        ask[tp] = offset
        if ask and (node_id not in asking or asking[node_id].done()):
            asking[node_id] = asyncio.create_task(confirm(assignment, node_id, ask, sent))
        return woke

    async def confirm(assignment: Any, node_id: int, positions: dict[TP, int], sent: int) -> None:
        try:
            ends = await consumer._client.send(node_id, wire_state.log_ends(positions), group=_ENDS)
        except (KafkaError, TimeoutError):
            return  # the next fetch asks again
        if not assignment.active:
            return
        if any(code for code, _ in ends.values()):  # no leader any more, say
            consumer._client.force_metadata_update()
        for tp, (code, end) in ends.items():
            state = assignment.state_value(TopicPartition(*tp))
            if (
                code == Code.NONE
                and end == positions[tp]
                and state is not None
                and state.has_valid_position
                and state.position == end
            ):
                note(TopicPartition(*tp), sent)

    fetcher._proc_fetch_request = timed


def _replicas(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int:
    found = consumer._client.cluster._partitions.get(tp.topic, {}).get(tp.partition)
    return 1 if found is None else len(found.replicas)


_ENDS = "ends"
"""Connections of their own: on the consumer's a question would wait behind a fetch that waits for records."""


def seek(consumer: AIOKafkaConsumer, positions: dict[TopicPartition, int]) -> None:
    """Move to these positions. Raises IllegalStateError, and has moved to none, if a partition is not ours (yet)."""
    strange = [tp for tp in positions if not consumer._subscription.is_assigned(tp)]
    if strange:
        raise IllegalStateError(f"not assigned: {strange[:3]}")
    for tp, offset in positions.items():
        consumer.seek(tp, offset)


async def fetched(
    consumer: AIOKafkaConsumer, wanted: Iterable[TopicPartition], timeout: float, limit: int
) -> dict[TopicPartition, list[Any]]:
    """Records of these partitions that are here, or come within `timeout` seconds."""
    wanted = frozenset(wanted)
    if not wanted:  # an empty set would mean "all partitions"
        return {}
    with consumer._subscription.fetch_context():
        records: dict[TopicPartition, list[Any]] = await consumer._fetcher.fetched_records(
            wanted, timeout=timeout, max_records=limit
        )
    return records
