"""Requests of one transactional producer: to the leaders of partitions and to its coordinators, asked again for as long
as Kafka is on its way (a broker starts, a leader moves), and never longer than the deadline."""

from __future__ import annotations

import time
from asyncio import sleep
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from agents.lanes import surface
from agents.lanes.wire import TP, Code
from laudstream.kafka_encoding import Call

log = structlog.get_logger(__name__)

AGAIN_S = 0.1
"""Pause before a server that is away is asked again."""


class Brokers:
    def __init__(self, client: AIOKafkaClient, txn_id: str, backoff_s: float) -> None:
        self._client, self._txn_id, self._backoff = client, txn_id, backoff_s
        self._coordinators: dict[CoordinationType, int] = {}
        self._group = ("txn", txn_id)  # connections of our own: a broker serves one request at a time on each
        self._connections: dict[int, Any] = {}
        self._broken = self._said = False
        self.waits = 0  # CONCURRENT_TRANSACTIONS answers

    @property
    def was_lost(self) -> bool:
        """Whether a broker that we used has hung up, or was away, since `forgive`."""
        current = surface.connection
        return self._broken or any(
            current(self._client, node, self._group) is not used for node, used in self._connections.items()
        )

    def forgive(self) -> None:
        """What was lost is seen to."""
        self._broken = False
        self._connections = {
            node: used
            for node in self._connections
            if (used := surface.connection(self._client, node, self._group)) is not None
        }

    async def send(self, node: int, call: Call) -> Any:
        """Raises KafkaError or TimeoutError; the request may then have been carried out."""
        try:
            answer = await self._client.send(node, call, group=self._group)
        except (KafkaError, TimeoutError):
            self._broken = True
            raise
        used = surface.connection(self._client, node, self._group)
        if self._connections.setdefault(node, used) is not used:
            self._broken, self._connections[node] = True, used
        return answer

    async def ask_coordinator(
        self, kind: CoordinationType, key: str, call: Call, code_of: Callable[[Any], int], deadline: float
    ) -> Any:
        """The call must be safe to repeat. `deadline`: of `time.monotonic`; TimeoutError after it."""
        while True:
            node = self._coordinators.get(kind)
            if node is None and (node := await self._find(kind, key)) is None:
                await self.wait(deadline, AGAIN_S)
                continue
            try:
                answer = await self.send(node, call)
            except (KafkaError, TimeoutError) as error:
                self._say("coordinator_away", key, error)
                self._coordinators.pop(kind, None)
                await self.wait(deadline, AGAIN_S)
                continue
            code = code_of(answer)
            self._said = False
            if code == Code.CONCURRENT:
                self.waits += 1
                await self.wait(deadline)
            elif code in Code.COORDINATOR:
                self._coordinators.pop(kind, None)
                await self.wait(deadline, AGAIN_S)
            else:
                return answer

    def _say(self, what: str, key: str, error: Exception) -> None:
        """Once an outage, not ten times a second."""
        if not self._said:
            log.warning(what, key=key, error=repr(error))
        self._said = True

    async def _find(self, kind: CoordinationType, key: str) -> int | None:
        try:
            node: int = await self._client.coordinator_lookup(kind, key)
            self._coordinators[kind] = node
            return node
        except (KafkaError, TimeoutError) as error:
            self._say("coordinator_unknown", key, error)
            await self._client.force_metadata_update()
            return None

    async def by_leader(self, tps: Iterable[TP], deadline: float) -> dict[int, list[TP]]:
        """Waits until every partition has a leader."""
        while True:
            found: dict[int, list[TP]] = {}
            homeless = None
            for tp in tps:
                node = self._client.cluster.leader_for_partition(TopicPartition(*tp))
                if node is None or node < 0:
                    homeless = tp
                    break
                found.setdefault(node, []).append(tp)
            if homeless is None:
                return found
            if self._client.cluster.partitions_for_topic(homeless[0]) is None:
                await surface.wait_on_metadata(self._client, homeless[0])
            else:
                self._broken = True
                await self.refresh(deadline, f"no leader for {homeless}")

    async def refresh(self, deadline: float, why: str) -> None:
        """Learn the leaders anew, after a pause."""
        await self.wait(deadline, AGAIN_S, why)
        await self._client.force_metadata_update()

    async def wait(self, deadline: float, seconds: float | None = None, why: str = "the transaction") -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{why}: took too long")
        await sleep(self._backoff if seconds is None else seconds)
