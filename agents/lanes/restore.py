"""Bring a lane's store up to the end of its changelog partition, judged by position: the last offsets may be
markers or aborted records (A3)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.lanes.stats import LaneStats
from laudstream import kafka_client, topics
from laudstream.errors import Broken
from laudstream.settings import Settings
from tables.store import LaneStore

log = structlog.get_logger(__name__)

MUCH = 500_000
"""A longer stretch of the changelog, in offsets, is written without being sorted first: that spares a microsecond a
record, and costs that the store is opened anew at both ends."""

STEP = 5_000
"""Records at a time: other lanes of the worker run between."""

PATIENCE_S = 15.0
"""How long the marker of a round that the group knows may take to come into sight."""


async def restore(
    store: LaneStore, settings: Settings, partition: int, wanted: int | None, now: int, stats: LaneStats
) -> int:
    """Read the changelog from the stored position to its end; returns the records applied.

    `wanted` is the round that the group knows as the last one: its marker may not be here yet.
    None: nobody knows, so the end must be a real one, with no transaction open before it.
    Raises Broken where the changelog does not begin with its first record: customers are missing there.
    """
    if wanted is not None and store.head.seq == wanted and not store.fresh:
        return 0
    tp = TopicPartition(topics.STATE, partition)
    consumer = _consumer(settings, "read_committed")
    await consumer.start()
    applied = 0
    try:
        consumer.assign([tp])
        begin = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        if wanted is None:
            end = await _high_watermark(settings, tp)
            if store.meta.position > end:
                log.warning("store_ahead", lane=partition, position=store.meta.position, end=end)
                store.reset()
        if store.meta.position < begin:
            raise Broken(
                f"lane {partition}: {topics.STATE} begins at {begin}, so records of customers were deleted from it; "
                "it may be compacted and nothing else (cleanup.policy). Start a worker whose store was in step, or go "
                "back to a backup"
            )
        position = store.meta.position
        stats.restoring = max(0, end - position)
        if end - position > MUCH:
            store.take_much()
        if position < end or wanted:
            consumer.seek(tp, position)
        patience = time.monotonic() + PATIENCE_S
        while position < end or (store.head.seq < (wanted or 0) and time.monotonic() < patience):
            batch = await consumer.getmany(tp, timeout_ms=200, max_records=STEP)
            position = await consumer.position(tp)
            stats.restoring = max(0, end - position)
            applied += store.restore([(r.key, r.value) for r in batch.get(tp, ())], position)
            await asyncio.sleep(0)  # other lanes run
        store.restored(now)
        return applied
    finally:
        stats.restoring = 0
        await kafka_client.stop(consumer)


def _consumer(settings: Settings, isolation: str) -> Any:
    return AIOKafkaConsumer(
        **kafka_client.arguments(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        max_partition_fetch_bytes=4 << 20,
        check_crcs=False,
    )


async def _high_watermark(settings: Settings, tp: TopicPartition) -> int:
    consumer = _consumer(settings, "read_uncommitted")
    await consumer.start()
    try:
        consumer.assign([tp])
        end: int = (await consumer.end_offsets([tp]))[tp]
        return end
    finally:
        await kafka_client.stop(consumer)
