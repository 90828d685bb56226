"""The post office: reads dead letters with what became of them, writes originals again, and remembers it.

The memory is the topic itself: a mark behind the letter, in the same partition (`laudstream.records.letters`), kept
as long as the letter. To write an original again takes two marks, `retrying` before and `retried` after it. Who finds
only the first one (we died in between) looks whether the original was written since, and writes it only if not. So a
retry happens once, as long as two people do not do it at the same time. Topics that lanes read are written
without transactions, like everybody else writes them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from laudstream import kafka_client, topics
from laudstream.errors import NotFound, Refused, Unavailable
from laudstream.local.logs import Logs
from laudstream.records.codec import encode
from laudstream.records.letters import (
    DROPPED,
    MARK,
    MAX_LETTER_BYTES,
    RETRIED,
    RETRYING,
    WAITING,
    Letter,
    Mark,
    is_mark,
    letter,
    mark,
    place_of,
)
from laudstream.settings import Settings

OPEN = (WAITING, RETRYING)
"""States in which somebody still has to decide."""


class Original(NamedTuple):
    """The record as it was."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    whole: bool
    """False: its topic does not hold it any more, and the letter's copy may be cut."""


class Letters:
    """Of one Kafka. Raises Unavailable where it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._logs = Logs(settings)
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        await self._logs.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await kafka_client.stop(self._producer)
        await self._logs.__aexit__(kind, error, trace)

    async def all(self) -> dict[str, Letter]:
        """Every letter that the topic still holds, by id, the oldest first."""
        found: dict[str, Letter] = {}
        marks: dict[str, Mark] = {}
        async for record in self._logs.records([topics.DEAD_LETTERS]):
            if not is_mark(record):
                one = letter(record)
                found[one.id] = one
            elif read := mark(record):
                marks[read[0]] = read[1]
        for id, made in marks.items():
            if id in found:
                found[id].mark = made
        return dict(sorted(found.items(), key=lambda item: (item[1].at, item[1].lane, item[1].offset)))

    async def waiting(self) -> Counter[int]:
        """How many letters of each lane somebody still has to decide about."""
        return Counter(one.lane for one in (await self.all()).values() if one.state in OPEN)

    async def some(self, ids: Iterable[str]) -> list[Letter]:
        """Letters by id. Raises NotFound, naming those that are not there."""
        there = await self.all()
        wanted = list(dict.fromkeys(ids))
        missing = [id for id in wanted if id not in there]
        if missing:
            why = "" if all(map(place_of, missing)) else "; an id is <lane>-<offset>, as `dead-letters list` shows it"
            raise NotFound(f"no dead letter {', '.join(missing)}{why}")
        return [there[id] for id in wanted]

    async def original(self, one: Letter) -> Original:
        """From its topic, while that still has it; else as much as the letter has."""
        copies = await self._logs.span(topics.DEAD_LETTERS, one.lane, one.offset, one.offset + 1)
        if one.origin_known:
            for record in await self._logs.span(one.topic, one.partition, one.record_offset, one.record_offset + 1):
                if all(_is_of(copy, record) for copy in copies):  # else the topic was made anew
                    return Original(record.key, record.value, list(record.headers), whole=True)
        for copy in copies:
            whole = one.origin_known and len(copy.value or b"") < MAX_LETTER_BYTES
            return Original(copy.key, copy.value, [], whole)
        return Original(one.key, None, [], whole=False)

    async def retry(self, one: Letter) -> int | None:
        """Write the original again to its topic and partition; returns its new offset, None if it had been written
        already. Raises Refused: it is not waiting, or there is no whole original."""
        _check(one)
        original = await self.original(one)
        if not original.whole:
            raise Refused(f"{one.id}: the original in {one.topic} is gone, and what the letter has of it is not whole")
        if one.state == RETRYING and await self._written_since(one, original):
            await self._remember(one, Mark(RETRIED, _now()))
            return None
        if one.state == WAITING:
            end = (await self._logs.ends(one.topic))[one.partition]
            await self._remember(one, Mark(RETRYING, _now(), end))
        offset = await self._write(one.topic, one.partition, original.key, original.value, original.headers)
        await self._remember(one, Mark(RETRIED, _now()))
        return offset

    async def drop(self, one: Letter) -> None:
        """Remember that nobody wants it. Raises Refused: it is not waiting."""
        _check(one)
        await self._remember(one, Mark(DROPPED, _now()))

    async def _written_since(self, one: Letter, original: Original) -> bool:
        for record in await self._logs.span(one.topic, one.partition, one.mark.end):
            if (record.key, record.value, list(record.headers)) == original[:3]:
                return True
        return False

    async def _remember(self, one: Letter, made: Mark) -> None:
        origin = f"{one.topic}/{one.partition}/{one.record_offset}"
        headers = [(MARK, made.state.encode()), ("origin", origin.encode())]
        await self._write(topics.DEAD_LETTERS, one.lane, one.id.encode(), encode(made), headers)
        one.mark = made

    async def _write(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> int:
        try:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **kafka_client.arguments(self._settings),
                    acks="all",
                    enable_idempotence=True,
                    max_request_size=10 * topics.MB,
                )
                await producer.start()
                self._producer = producer
            written: Any = await self._producer.send_and_wait(topic, value, key, partition, headers=headers)
        except KafkaError as error:
            raise Unavailable(f"Kafka at {self._settings.kafka} did not take the record: {error}") from None
        offset: int = written.offset
        return offset


def _is_of(copy: Any, record: Any) -> bool:
    """Whether a letter holds the beginning of a record."""
    if copy.key != record.key or copy.value is None or record.value is None:
        return bool(copy.key == record.key and copy.value is record.value)
    return bool(copy.value == record.value[:MAX_LETTER_BYTES])


def _check(one: Letter) -> None:
    if one.state not in OPEN:
        raise Refused(f"{one.id} was {one.state} already")


def _now() -> int:
    return time.time_ns() // 1_000_000
