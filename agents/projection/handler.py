"""A batch handler whose position and rows are one transaction (A23).

What cannot be decoded becomes a row of `dead_letters`, and the batch goes on. So does what PostgreSQL refuses
because of its content: the batch is halved until the record is found. Everything else that goes wrong is raised,
and the stream tries again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import orjson
import structlog

from agents.projection.rows import Counter, LetterRow
from agents.streams import Batch, PositionMoved
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

_CONTENT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    UnicodeError,
)
"""PostgreSQL, or the way to it, refuses a value. Trying again would be refused again."""


class Projection(ABC):
    """Subclasses say which staging tables they need and write the rows of a batch."""

    topics: tuple[str, ...]
    stages: tuple[str, ...] = ()

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._stage = ";\n".join(SQL[name] for name in self.stages)

    @abstractmethod
    def read(self, batch: Batch, letters: list[LetterRow]) -> Any:
        """Rows of the batch; records that cannot be read are added to `letters`. Pure."""

    @abstractmethod
    async def write(self, connection: Connection, partition: int, rows: Any) -> None:
        """Write what `read` gave, inside the batch's transaction."""

    async def pass_over(self, connection: Connection, record: ConsumerRecord[Any, Any]) -> None:
        """Further care for a record that PostgreSQL refuses, in the transaction of its dead letter."""
        return

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def position(self, topic: str, partition: int) -> int | None:
        """Stored next offset; None: from the beginning."""
        async with self._pool.acquire() as connection:
            found: int | None = await connection.fetchval(SQL["position"], topic, partition)
        return found

    async def apply(self, batch: Batch, expected: int | None) -> None:
        """One transaction, or more where a record has to be singled out. Raises PositionMoved."""
        letters: list[LetterRow] = []
        rows = self.read(batch, letters)
        try:
            async with self._pool.acquire() as connection:
                if self._stage:
                    await connection.execute(self._stage)
                async with connection.transaction():
                    await _move(connection, batch, expected)
                    await self.write(connection, batch.partition, rows)
                    await bury(connection, letters)
        except _CONTENT as error:
            await self._single_out(batch, expected, error)

    async def _single_out(self, batch: Batch, expected: int | None, error: Exception) -> None:
        if len(batch.records) > 1:
            half = len(batch.records) // 2
            middle = batch.records[half].offset
            await self.apply(batch._replace(records=batch.records[:half], next_offset=middle), expected)
            await self.apply(batch._replace(records=batch.records[half:]), middle)
            return
        record = batch.records[0]
        letter = dead(record, f"PostgreSQL refuses it: {error}")
        async with self._pool.acquire() as connection, connection.transaction():
            await _move(connection, batch, expected)
            await self.pass_over(connection, record)
            await bury(connection, [letter])


async def _move(connection: Connection, batch: Batch, expected: int | None) -> None:
    if expected is None:
        moved = await connection.fetchrow(SQL["start"], batch.topic, batch.partition, batch.next_offset)
    else:
        moved = await connection.fetchrow(SQL["move"], batch.topic, batch.partition, batch.next_offset, expected)
    if moved is None:
        raise PositionMoved(f"{batch.topic}/{batch.partition} is not at {expected} any more")


async def stage(connection: Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY rows into `staged_<table>`: it has no row-level security, which COPY would be refused by."""
    await connection.copy_records_to_table(f"staged_{table}", records=rows)


async def count(connection: Connection, partition: int, counts: dict[Counter, int]) -> None:
    """Add to the counters of this partition."""
    columns = zip(*((*key, amount) for key, amount in counts.items()), strict=True)
    if counts:
        await connection.execute(SQL["count"], partition, *map(list, columns))


async def bury(connection: Connection, letters: Sequence[LetterRow]) -> None:
    """Keep dead letters for people to see; one that is there already stays as it is."""
    if letters:
        await connection.execute(SQL["dead_letters"], *map(list, zip(*letters, strict=True)))


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
