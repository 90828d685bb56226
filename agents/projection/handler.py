"""A batch handler whose position and rows are one transaction (A23).

What cannot be decoded becomes a row of `dead_letters`, and the batch goes on. So does what PostgreSQL refuses
because of its content: batches are halved until the record is found. Everything else that goes wrong is raised,
and the stream tries again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import orjson
import structlog

from agents.projection.rows import LetterRow
from agents.streams import Batch, PositionMoved, Step
from laudstream.errors import Invalid, Undecodable
from laudstream.ids import split_key
from laudstream.postgres import queries

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from laudstream.postgres.pool import Pool
    from laudstream.postgres.tenancy import Connection

log = structlog.get_logger(__name__)

SQL = queries("projection")

MAX_ERROR = 1000  # characters

CONTENT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    UnicodeError,
)
"""PostgreSQL, or the way to it, refuses a value. Trying again would be refused again."""


class Projection(ABC):
    """Subclasses make rows of a batch and write them."""

    topics: tuple[str, ...]

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @abstractmethod
    def read(self, batch: Batch, letters: list[LetterRow]) -> Any:
        """Rows of the batch; records that cannot be read are added to `letters`. Pure."""

    @abstractmethod
    async def write(self, connection: Connection, read: Sequence[tuple[int, Any]]) -> None:
        """Write what `read` gave for the batches of some partitions, inside their transaction."""

    async def pass_over(self, connection: Connection, record: ConsumerRecord[Any, Any]) -> str:
        """Further care for a record that PostgreSQL refuses, with its dead letter. Returns what it is."""
        return "it"

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def position(self, topic: str, partition: int) -> int | None:
        """Stored next offset; None: from the beginning."""
        async with self._pool.acquire() as connection:
            found: int | None = await connection.fetchval(SQL["position"], topic, partition)
        return found

    async def apply(self, steps: Sequence[Step]) -> None:
        """One transaction, or more where a record has to be singled out. Raises PositionMoved."""
        letters: list[LetterRow] = []
        read = [(batch.partition, self.read(batch, letters)) for batch, _ in steps]
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await _move(connection, steps)
                await self.write(connection, read)
                await _bury(connection, letters)
        except CONTENT as error:
            if len(steps) > 1:
                raise  # it is some other step's, perhaps: the stream tries each for itself
            await self._single_out(*steps[0], error)

    async def _single_out(self, batch: Batch, expected: int | None, error: Exception) -> None:
        if len(batch.records) > 1:
            half = len(batch.records) // 2
            middle = batch.records[half].offset
            await self.apply([Step(batch._replace(records=batch.records[:half], next_offset=middle), expected)])
            await self.apply([Step(batch._replace(records=batch.records[half:]), middle)])
            return
        record = batch.records[0]
        async with self._pool.acquire() as connection, connection.transaction():
            await _move(connection, [Step(batch, expected)])
            what = await self.pass_over(connection, record)
            await _bury(connection, [dead(record, f"PostgreSQL refuses {what}: {error}")])


async def _move(connection: Connection, steps: Sequence[Step]) -> None:
    first = [(b.topic, b.partition, b.next_offset) for b, expected in steps if expected is None]
    later = [(b.topic, b.partition, b.next_offset, expected) for b, expected in steps if expected is not None]
    for query, rows in (("start", first), ("move", later)):
        if rows and len(await connection.fetch(SQL[query], *columns(rows))) < len(rows):
            places = (f"{batch.topic}/{batch.partition} is not at {expected}" for batch, expected in steps)
            raise PositionMoved(f"{' or '.join(places)} any more")


async def merge(connection: Connection, query: str, rows: Collection[tuple[Any, ...]]) -> None:
    """Run a query over all rows at once: each column is one array."""
    if rows:
        await connection.execute(SQL[query], *columns(rows))


def columns(rows: Collection[tuple[Any, ...]]) -> list[list[Any]]:
    return list(map(list, zip(*rows, strict=True)))


async def _bury(connection: Connection, letters: list[LetterRow]) -> None:
    """One that is there already stays as it is."""
    await merge(connection, "dead_letters", letters)


def readable(record: ConsumerRecord[Any, Any]) -> bytes:
    """The record's JSON without U+0000, which PostgreSQL cannot keep. Raises Undecodable."""
    value: bytes | None = record.value
    if value is None:
        raise Undecodable("record without a value")
    if b"\\u0000" not in value:
        return value
    try:
        return msgspec.json.encode(_without_nul(orjson.loads(value)))
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise Undecodable(str(error)) from None


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "")
        case list():
            return [_without_nul(item) for item in value]
        case dict():
            return {name.replace("\0", ""): _without_nul(item) for name, item in value.items()}
    return value


def dead(record: ConsumerRecord[Any, Any], error: str) -> LetterRow:
    """The dead letter of a record, logged."""
    log.error("record_unreadable", topic=record.topic, partition=record.partition, offset=record.offset, error=error)
    return LetterRow(record.topic, record.partition, record.offset, workspace_of(record.key), plain(error))


def workspace_of(key: bytes | None) -> str | None:
    """The workspace of a Kafka key, if it has one."""
    try:
        return split_key(key)[0] if key else None
    except Invalid:
        return None


def plain(text: str) -> str:
    """As PostgreSQL can keep it, at most MAX_ERROR characters."""
    return text.replace("\0", "")[:MAX_ERROR]
