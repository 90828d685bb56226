"""The projector: brings decisions, deliveries, writes and dead letters into PostgreSQL (A19, A22, A23)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from agents.control import ControlAgent
from agents.projection import changes, fold
from agents.projection.handler import CONTENT, SQL, Projection, columns, dead, merge, plain, readable, workspace_of
from agents.projection.rows import LetterRow, SeenRow
from agents.streams import Batch, BatchHandler
from laudstream import topics
from laudstream.errors import Undecodable
from laudstream.ids import MAX_CUSTOMER_ID
from laudstream.journey.write import CONSENT, MEMBER, Write
from laudstream.records import codec
from laudstream.records.letters import Origin, header, is_mark, origin, settles
from laudstream.settings import Settings

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from laudstream.postgres.pool import Pool
    from laudstream.postgres.tenancy import Connection

__all__ = ["ControlAgent", "DeadLetters", "Decisions", "Deliveries", "Writes", "handlers"]

MAX_NAMES = 200  # characters, of the attributes that a letter names
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def handlers(settings: Settings, pool: Pool) -> list[BatchHandler]:
    """All streams of the projector; the pool's connections must see all workspaces."""
    return [Decisions(pool), Deliveries(pool), Writes(pool), DeadLetters(pool)]


def _read(
    batch: Batch, decode: Callable[[bytes], T], check: Callable[[T], None], letters: list[LetterRow]
) -> Iterator[tuple[T, bytes]]:
    """(decoded, its JSON) of each record; what cannot be read goes to `letters`."""
    for record in batch.records:
        try:
            value = readable(record)
            decoded = decode(value)
            check(decoded)
        except (Undecodable, RecursionError) as error:
            letters.append(dead(record, str(error)))
        else:
            yield decoded, value


def _united(parts: Iterable[Mapping[K, T]], merged: Callable[[T, T], T]) -> list[T]:
    """Rows of all parts; a statement may not meet the same key twice."""
    united: dict[K, T] = {}
    for part in parts:
        for key, row in part.items():
            united[key] = merged(united[key], row) if key in united else row
    return list(united.values())


class Decisions(Projection):
    topics = (topics.DECISIONS,)

    def read(self, batch: Batch, letters: list[LetterRow]) -> fold.Decided:
        found = _read(batch, codec.decision, fold.check_decision, letters)
        return fold.decisions((decision, msgspec.Raw(body)) for decision, body in found)

    async def write(self, connection: Connection, read: Sequence[tuple[int, fold.Decided]]) -> None:
        all_rows = [rows for _, rows in read]
        await merge(connection, "erase", set().union(*(rows.gone for rows in all_rows)))
        await merge(connection, "merge_decisions", [line for rows in all_rows for line in rows.timeline])
        runs = _united((rows.runs for rows in all_rows), fold.merged_run)
        await merge(connection, "merge_runs", runs)
        messages = _united((rows.messages for rows in all_rows), fold.merged_message)
        await merge(connection, "merge_messages", messages)
        segments = _united((rows.segments for rows in all_rows), fold.merged_segment)
        await merge(connection, "merge_segments", segments)
        merged = _united((rows.merged for rows in all_rows), max)
        await merge(connection, "follow_merges", [row[:2] for row in merged])
        await merge(connection, "erase_ownerless", [row for row in merged if row.at >= 0])
        counts = [(at, *counter, amount) for at, rows in read for counter, amount in rows.counts.items()]
        await merge(connection, "count", counts)
        await merge(connection, "merge_presence", [row for rows in all_rows for row in rows.presence.values()])
        await merge(connection, "merge_censuses", [row for rows in all_rows for row in rows.censuses.values()])
        lanes = (dict(zip(rows.lanes, rows.lanes.items(), strict=True)) for rows in all_rows)
        await merge(connection, "lanes_read", _united(lanes, max))


class Deliveries(Projection):
    topics = (topics.DELIVERIES,)

    def read(self, batch: Batch, letters: list[LetterRow]) -> fold.Delivered:
        return fold.deliveries(d for d, _ in _read(batch, codec.delivery, fold.check_delivery, letters))

    async def write(self, connection: Connection, read: Sequence[tuple[int, fold.Delivered]]) -> None:
        await merge(connection, "count_marks", [(at, *mark) for at, rows in read for mark in rows.marks.values()])
        messages = _united((rows.messages for _, rows in read), fold.merged_message)
        lives = [life for _, rows in read for life in rows.lives.values()]
        over = await connection.fetch(SQL["lives_over"], *columns(lives)) if lives else ()
        gone = {(row["workspace_id"], row["send_id"]) for row in over}
        await merge(connection, "merge_messages", [row for row in messages if row[:2] not in gone])


class Writes(Projection):
    topics = (topics.WRITES,)

    def read(self, batch: Batch, letters: list[LetterRow]) -> changes.Changes:
        refused: list[Write] = []

        def check(write: Write) -> None:
            try:
                changes.check_write(write)
            except Undecodable as error:
                refused.append(write)
                raise Undecodable(f"{_named(write)}: {error}") from None

        found = changes.writes(w for w, _ in _read(batch, codec.write, check, letters))
        found.passed.extend(row for row in map(changes.passed, refused) if row is not None)
        return found

    async def write(self, connection: Connection, read: Sequence[tuple[int, changes.Changes]]) -> None:
        read = await _of_the_living(connection, read)
        await _see(connection, [row for _, rows in read for row in rows.seen])
        await merge(connection, "carry_out_consents", [row for _, rows in read for row in rows.consents])
        await merge(connection, "carry_out_members", [row for _, rows in read for row in rows.members])
        await merge(connection, "carry_out_writes", [row for _, rows in read for row in rows.writes])
        await merge(connection, "pass_over_writes", [row for _, rows in read for row in rows.passed])

    async def pass_over(self, connection: Connection, record: ConsumerRecord[Any, Any]) -> str:
        w = codec.write(readable(record))
        row = changes.passed(w)
        more = ""
        try:
            async with connection.transaction():
                await merge(connection, "pass_over_writes", [] if row is None else [row])
        except CONTENT as error:  # of a row from before the limits: whatever is written to it is refused
            more = f" (as it does all that is written to its row, which its lane waits for: {plain(str(error))[:200]})"
        kind = "" if w.op in (CONSENT, MEMBER) else "customer."
        names = [kind + name for name in (*w.attributes, *w.names)]
        step = await connection.fetchrow(SQL["step_of_write"], w.workspace, w.customer, names, w.at)
        of = f"of step {step['step']} of journey {step['journey_id']}" if step else "of a step not known here"
        return f"{_named(w)} {of}{more}"


def _named(w: Write) -> str:
    names = ", ".join((*w.attributes, *w.names))[:MAX_NAMES]
    return f"write {w.number} ({w.op} {names}) to customer {w.customer[:MAX_CUSTOMER_ID]}"


async def _of_the_living(
    connection: Connection, read: Sequence[tuple[int, changes.Changes]]
) -> Sequence[tuple[int, changes.Changes]]:
    """Without what lanes wrote, knowing no row, for who was deleted, up to where they have carried that out (R54)."""
    forgotten = [(*who, number) for _, rows in read for who, number in rows.forgotten.items()]
    unseen = set().union(*(rows.unseen() for _, rows in read))
    if not forgotten and not unseen:
        return read
    await connection.execute(SQL["with_deletions"])
    await merge(connection, "forgotten", forgotten)
    gone = {tuple(row) for row in await connection.fetch(SQL["erased"], *columns(unseen))} if unseen else set()
    return [(at, rows.without(gone)) for at, rows in read] if gone else read


async def _see(connection: Connection, seen: Sequence[SeenRow]) -> None:
    """Rows of customers who were seen first; none for an alias.

    A merge that was under way while we inserted is found afterwards: it locks the alias's key, so either it waits for
    our row and takes it in, or we waited for it. CDC does not show what is rolled back to the alias's lane.
    """
    again = bool(seen)
    while again:
        savepoint = connection.transaction()
        await savepoint.start()
        made = await connection.fetch(SQL["see_customers"], *columns(seen))
        again = bool(made) and await connection.fetchval(SQL["aliases_among"], *columns([tuple(row) for row in made]))
        await (savepoint.rollback() if again else savepoint.commit())


class DeadLetters(Projection):
    """Keeps where dead letters came from and why, until somebody has retried or dropped them; their content stays in
    Kafka."""

    topics = (topics.DEAD_LETTERS,)

    def read(self, batch: Batch, letters: list[LetterRow]) -> list[Origin]:
        """Origins of letters that wait no more; a mark comes behind its letter, perhaps in the same batch."""
        settled = {origin(record): None for record in batch.records if settles(record)}
        found = (_letter(record) for record in batch.records if not is_mark(record))
        letters += (row for row in found if (row.topic, row.partition, row.record_offset) not in settled)
        return list(settled)

    async def write(self, connection: Connection, read: Sequence[tuple[int, list[Origin]]]) -> None:
        await merge(connection, "settle_dead_letters", [place for _, origins in read for place in origins])


def _letter(record: ConsumerRecord[Any, Any]) -> LetterRow:
    topic, partition, offset = origin(record)
    error = plain(header(record, "error") or "unknown")
    return LetterRow(plain(topic), partition, offset, workspace_of(record.key), error)
