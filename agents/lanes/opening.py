"""What a lane looks at before it goes on: its store, brought to the last committed round, and its head (A3)."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from agents.lanes.restore import restore
from agents.lanes.stats import LaneStats
from laudstream.errors import Broken
from laudstream.records import levels
from laudstream.settings import Settings
from tables.store import LaneStore

log = structlog.get_logger(__name__)


async def bring_up(
    store: LaneStore, settings: Settings, wanted: int | None, now: int, topic_ids: Mapping[str, str], stats: LaneStats
) -> int:
    """Restores the store to the round `wanted`, the last one that the group knows; returns the records applied. `now`:
    the brokers' time, ms; `topic_ids`: those of the input topics.

    Raises Broken where there is no going on from what is found.
    """
    partition = store.meta.origin.partition
    if store.rebuilt:
        log.warning("store_rebuilt", lane=partition, why=store.rebuilt)
    restored = await restore(store, settings, partition, wanted, now, stats)
    if wanted is not None and store.head.seq != wanted and store.meta.position:
        log.warning("store_disagrees", lane=partition, seq=store.head.seq, wanted=wanted)
        store.reset()
        restored += await restore(store, settings, partition, wanted, now, stats)
    head = store.head
    if wanted is not None and head.seq != wanted:
        raise Broken(f"lane {partition}: the changelog ends with round {head.seq}, the group says {wanted}")
    levels.check(partition, levels.of(head))
    for topic, topic_id in head.topic_ids.items():
        if topic_ids.get(topic, topic_id) != topic_id:
            raise Broken(
                f"lane {partition}: {topic} was made anew since round {head.seq}: its positions mean nothing there; "
                f"{way_on(partition)}"
            )
    return restored


def way_on(partition: int) -> str:
    """Where inputs are lost."""
    return f"to go on without what was lost, stop all journey workers and run `laudstream lanes skip {partition}`"
