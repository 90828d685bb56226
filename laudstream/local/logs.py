"""Looks into the topics from outside: where lanes stand, how far behind they are, what a topic holds.

Reads committed records only, joins no group and commits nothing. Where a lane stands is what its last head says (A1).
Kafka marks a committed transaction in one partition after the other: who has seen a lane's head waits for the same
transaction elsewhere. So the end of a topic is the end of what is written, and what is open there is waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from laudstream import kafka_client, topics
from laudstream.errors import Unavailable
from laudstream.records.head import HEAD_KEY, Head, decode_head
from laudstream.settings import Settings

PATIENCE_S = 15.0
_FIRST_LOOK, _FURTHER = 32, 8
"""Records from the end in which a head is looked for first; so many times more at each further look."""


class Logs:
    """A reader of the customer-keyed topics of one Kafka. Raises Unavailable where Kafka does not answer,
    Refused where it lets us not in."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._count = settings.partitions
        self._consumer = AIOKafkaConsumer(
            **kafka_client.arguments(settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_partition_fetch_bytes=1 << 18,
            fetch_max_wait_ms=50,
        )
        self._edge = AIOKafkaConsumer(**kafka_client.arguments(settings), enable_auto_commit=False)
        """Sees what is written and not committed yet: for the ends only."""

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            await self._edge.start()
        except KafkaError as error:
            await self._stop()
            raise await kafka_client.no_way_in(self._settings, error) from None
        except asyncio.CancelledError:  # Ctrl-C while Kafka is still looked for
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await kafka_client.stop(self._consumer)
        await kafka_client.stop(self._edge)

    async def ends(self, topic: str) -> dict[int, int]:
        """Offset behind the last record of each partition, whether it is committed yet or not."""
        found = await self._edge.end_offsets(self._places(topic))
        return {place.partition: offset for place, offset in found.items()}

    async def range(self, topic: str, partition: int) -> tuple[int, int]:
        """Offsets of the first record of one partition and behind its last one."""
        place = TopicPartition(topic, partition)
        begins = await self._edge.beginning_offsets([place])
        return begins[place], (await self._edge.end_offsets([place]))[place]

    async def heads(self) -> dict[int, Head]:
        """The last committed head of each lane that has one."""
        places = self._places(topics.STATE)
        ends = await self._consumer.end_offsets(places)
        begins = await self._consumer.beginning_offsets(places)
        found: dict[int, Head] = {}
        look, missing = _FIRST_LOOK, places
        while missing:
            starts = {place: max(begins[place], ends[place] - look) for place in missing}
            async for record in self._between(starts, ends):
                if record.key == HEAD_KEY and record.value is not None:
                    found[record.partition] = decode_head(record.value)
            missing = [
                place for place, start in starts.items() if place.partition not in found and start > begins[place]
            ]
            look *= _FURTHER
        return found

    async def lag(self, topic: str) -> int:
        """Records of an input topic that lanes have not handled yet; exact for topics written without transactions."""
        ends = await self.ends(topic)
        heads = await self.heads()
        return sum(max(0, end - _position(heads, partition, topic)) for partition, end in ends.items())

    async def handled(self, topic: str, places: dict[int, int]) -> bool:
        """Whether lanes have handled an input topic up to these offsets."""
        heads = await self.heads()
        return all(_position(heads, partition, topic) >= offset for partition, offset in places.items())

    async def records(self, names: Iterable[str]) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
        """Every record that is or gets committed of what these topics hold now, in the order of each partition."""
        places = [place for topic in names for place in self._places(topic)]
        begins = await self._consumer.beginning_offsets(places)
        async for record in self._between(begins, await self._edge.end_offsets(places)):
            yield record

    async def span(
        self, topic: str, partition: int, start: int, end: int | None = None
    ) -> list[ConsumerRecord[bytes, bytes]]:
        """Committed records of one partition from `start` to before `end`, or to its end now; what has expired is not
        among them."""
        place = TopicPartition(topic, partition)
        begin = max(start, (await self._consumer.beginning_offsets([place]))[place])
        last = (await self._edge.end_offsets([place]))[place]
        return [
            record async for record in self._between({place: begin}, {place: last if end is None else min(end, last)})
        ]

    @property
    def reading(self) -> bool:
        """Whether `records` knows its ends and has begun to read."""
        return bool(self._consumer.assignment())

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for partition in range(self._count)]

    async def _between(
        self, starts: dict[TopicPartition, int], ends: dict[TopicPartition, int]
    ) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
        """Records from `starts` to `ends`. What the consumer has fetched beyond is dropped."""
        open_places = [place for place, start in starts.items() if start < ends[place]]
        if not open_places:
            return
        self._consumer.assign(open_places)
        for place in open_places:
            self._consumer.seek(place, starts[place])
        deadline = time.monotonic() + PATIENCE_S
        while open_places:
            for place, records in (await self._consumer.getmany(*open_places, timeout_ms=200)).items():
                deadline = time.monotonic() + PATIENCE_S
                for record in records:
                    if record.offset < ends[place]:
                        yield record
            for place in list(open_places):
                if await self._consumer.position(place) >= ends[place]:
                    open_places.remove(place)
                    self._consumer.pause(place)
            if time.monotonic() > deadline:
                raise Unavailable(f"Kafka at {self._settings.kafka} gives no records of {open_places[0].topic}")
        self._consumer.unsubscribe()


def _position(heads: dict[int, Head], partition: int, topic: str) -> int:
    head = heads.get(partition)
    return head.positions.get(topic, 0) if head else 0
