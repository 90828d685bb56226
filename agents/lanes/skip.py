"""The way on for a lane whose position is not in its topic any more (A3): a round of nothing that moves it.

What is skipped was never handled, and is not to be had: it expired before a lane came to it, or went with a topic that
was deleted and made anew. So an operator has to ask for it, while no worker runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from msgspec.structs import replace

from agents.lanes.producer import TxnProducer
from agents.lanes.transaction import GroupOffsets
from agents.lanes.wire import TP, Member
from agents.lanes.wire_state import Cluster
from agents.lanes.writer import Out
from laudstream import kafka_admin, kafka_client, topics
from laudstream.errors import NotFound, Refused
from laudstream.local.logs import Logs
from laudstream.records import head as heads
from laudstream.records import levels
from laudstream.records.head import HEAD_KEY, Head, Journal
from laudstream.settings import Settings


class Span(NamedTuple):
    """Where a topic's log of one partition begins and ends now."""

    begin: int
    end: int


class Move(NamedTuple):
    topic: str
    before: int
    after: int
    why: str


def moves(head: Head, ids: Mapping[str, str], spans: Mapping[str, Span]) -> list[Move]:
    """What must be skipped so that the lane can go on: nothing where every position is in its log."""
    found = []
    for topic, span in spans.items():
        at = head.positions.get(topic, 0)
        if head.topic_ids.get(topic, ids[topic]) != ids[topic]:
            found.append(Move(topic, at, span.begin, "the topic was made anew"))
        elif at < span.begin:
            found.append(Move(topic, at, span.begin, f"{span.begin - at} records expired or were deleted"))
        elif at > span.end:
            found.append(Move(topic, at, span.end, f"Kafka lost {at - span.end} records that were handled"))
    return found


def after(head: Head, ids: Mapping[str, str], moved: list[Move]) -> tuple[Head, Journal]:
    """The lane's next round, which takes nothing and moves it."""
    ends = {move.topic: move.after for move in moved}
    known = {topic: ids[topic] for topic in topics.LANE_INPUTS}
    new = replace(head, seq=head.seq + 1, positions={**head.positions, **ends}, topic_ids=known)
    nothing = Out(0)
    journal = Journal(
        new.seq, head.lane_time, head.clock, ends, core_level=head.core_level, epoch=head.epoch,
        out_digest=nothing.out_digest(), state_digest=nothing.state_digest(), state_format=head.state_format,
    )  # fmt: skip
    return new, journal


async def skip(settings: Settings, cluster: Cluster, lane: int) -> list[Move]:
    """Move the lane to where it can go on; says what it skipped, nothing if it can go on as it is.

    Raises NotFound: there is no such lane, or it has done nothing yet. Refused: workers run. Broken: a newer release
    wrote it. Unavailable, KafkaError.
    """
    if await kafka_admin.owners(settings, settings.app_id, topics.EVENTS):
        raise Refused("journey workers run, or ended a moment ago: stop them all, and try again in a few seconds")
    async with Logs(settings) as logs:
        head = (await logs.heads()).get(lane)
        if head is None:
            raise NotFound(f"lane {lane} has not done a round yet: there is nothing to skip")
        levels.check(lane, levels.of(head))
        spans = {topic: Span(*await logs.range(topic, lane)) for topic in topics.LANE_INPUTS}
    moved = moves(head, cluster.ids, spans)
    if moved:
        await _commit(settings, lane, *after(head, cluster.ids, moved))
    return moved


async def _commit(settings: Settings, lane: int, head: Head, journal: Journal) -> None:
    client = AIOKafkaClient(**kafka_client.arguments(settings))
    await client.bootstrap()
    try:
        producer = TxnProducer(client, f"{settings.app_id}-skip", timeout_ms=settings.txn_timeout_ms, outsider=True)
        await producer.start()
        offsets: dict[TP, tuple[int, str]] = {(topic, lane): (at, "") for topic, at in journal.ends.items()}
        offsets[topics.EVENTS, lane] = head.positions.get(topics.EVENTS, 0), str(head.seq)  # the fence (A1)
        nobody = Member(settings.app_id, -1, "", None)
        await producer.commit(
            {
                (topics.STATE, lane): (head.clock, [(HEAD_KEY, heads.encode(head))]),
                (topics.JOURNAL, lane): (head.clock, [(b"%d" % head.seq, heads.encode(journal))]),
            },
            GroupOffsets(nobody, offsets),
        )
    finally:
        await client.close()
