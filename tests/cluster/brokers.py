"""A cluster of Kafka seen from outside: who leads, who coordinates, whether every replica is in step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError

from laudstream import kafka_admin
from laudstream.errors import Unavailable
from laudstream.kafka_encoding import I32, NO_TAGS, Call
from laudstream.local.kafka import name_of
from laudstream.local.stack import Stack
from tests.integration.kit import wait_until

WHOLE_S = 90.0
LEADER, TRANSACTIONS, GROUP = "leader", "transactions", "group"
"""What a broker may be: leader of lane 0's events, coordinator of a worker's transactions, or of the workers' group."""
_NOTHING_TO_DO = 84  # ELECTION_NOT_NEEDED


class Brokers:
    def __init__(self, stack: Stack) -> None:
        self._stack, self._kafka = stack, stack.settings.kafka

    async def holder(self, role: str) -> str:
        """Name of the part that has this role now; a part has its own name."""
        if role in self._stack.children:
            return role
        if role == LEADER:
            [events] = [row for row in await self._topics() if row["topic"] == "laudstream.events"]
            [first] = [row for row in events["partitions"] if row["partition"] == 0]
            return name_of(first["leader"])
        app = self._stack.settings.app_id
        worker = (self._stack.data / "worker" / "journeys" / "worker-id").read_text()
        kind, key = {
            TRANSACTIONS: (CoordinationType.TRANSACTION, f"{app}-{worker}-0"),
            GROUP: (CoordinationType.GROUP, app),
        }[role]
        async with self._client() as client:
            return name_of(await client.coordinator_lookup(kind, key))

    async def whole(self) -> None:
        """Until every replica of every partition is in step."""

        async def found() -> bool:
            try:
                rows = [row for topic in await self._topics() for row in topic["partitions"]]
            except Unavailable:
                return False
            return all(row["error_code"] == 0 and set(row["isr"]) == set(row["replicas"]) for row in rows)

        await wait_until(found, WHOLE_S, "every replica is in step")

    async def elect(self) -> None:
        """Give every partition back to its preferred leader, while the load goes on."""
        async with self._client() as client:
            code = await client.send(client.get_random_node(), elect_preferred())
        if code not in (0, _NOTHING_TO_DO):
            raise KafkaError(f"ElectLeaders: code {code}")

    async def _topics(self) -> list[dict[str, Any]]:
        async with kafka_admin.admin(self._stack.settings, 5.0) as client:
            return list(await client.describe_topics())

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AIOKafkaClient]:
        client = AIOKafkaClient(bootstrap_servers=self._kafka, request_timeout_ms=10_000)
        try:
            await client.bootstrap()
            yield client
        finally:
            await client.close()


def elect_preferred() -> Call:
    """ElectLeaders v2, for all partitions. Answer: the code for the whole."""

    def read(r: Any) -> int:
        r.i32()
        return int(r.i16())

    return Call(43, 2, b"\0" + b"\0" + I32.pack(30_000) + NO_TAGS, read)
