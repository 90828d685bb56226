"""What a new owner asks before it opens a lane: is anybody else's transaction on it still open, and which was
the last committed round (A3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError

from agents.lanes import wire, wire_state
from agents.lanes.producer import TxnProducer
from agents.lanes.wire import TP, Code
from laudstream import topics
from laudstream.settings import Settings

log = structlog.get_logger(__name__)


class Takeover:
    def __init__(
        self,
        settings: Settings,
        client: AIOKafkaClient,
        own_ids: frozenset[str],
        inputs: Sequence[str],
        lock_topic: str,
    ) -> None:
        self._settings, self._client, self._own = settings, client, own_ids
        self._inputs, self._lock_topic = tuple(inputs), lock_topic
        self.fenced = 0

    async def last_seq(self, partition: int) -> int | None:
        """The last committed round of the lane; None: the group does not know (expired, reset, never there).

        Returns when no older transaction can change it any more.
        """
        group = self._settings.app_id
        tps = [(topic, partition) for topic in self._inputs]
        await self._clear(partition)
        while True:
            node = await self._client.coordinator_lookup(CoordinationType.GROUP, group)
            code, found = await self._client.send(node, wire.stable_offsets(group, tps), group="takeover")
            codes = {code, *(row[0] for row in found.values())} - {Code.NONE}
            if not codes:
                _, offset, note = found[self._lock_topic, partition]
                return int(note) if offset >= 0 and note else None
            if codes - {Code.UNSTABLE_OFFSET} - Code.COORDINATOR:
                raise KafkaError(f"OffsetFetch {group}: {', '.join(map(wire.said, sorted(codes - {Code.NONE})))}")
            await asyncio.sleep(0.02)
            await self._clear(partition)

    async def _clear(self, partition: int) -> None:
        """Wait for, and at last fence, other workers' open transactions on this lane.

        The group gave us the lane, so none of them can be committed by right; without this they would block
        readers until the transaction times out.
        """
        changelog: TP = topics.STATE, partition
        began = time.monotonic()
        while holders := await self._holders(changelog):
            if time.monotonic() - began > self._settings.takeover_s:
                for txn_id in holders:
                    log.warning("fencing", lane=partition, txn_id=txn_id)
                    self.fenced += 1
                    await TxnProducer(self._client, txn_id, timeout_ms=self._settings.txn_timeout_ms).start()
                return
            await asyncio.sleep(0.05)

    async def _holders(self, tp: TP) -> list[str]:
        holders = []
        for broker in self._client.cluster.brokers():
            _, ids = await self._client.send(broker.nodeId, wire_state.list_open_transactions(), group="takeover")
            for txn_id in ids:
                if not txn_id.startswith(self._settings.app_id + "-") or txn_id in self._own:
                    continue
                found = await self._client.send(
                    broker.nodeId, wire_state.describe_transaction(txn_id), group="takeover"
                )
                if found.code == Code.NONE and found.state == "Ongoing" and tp in found.tps:
                    holders.append(txn_id)
        return holders
