"""The only caller of the consumer: hands fetched records to whoever owns their partition.

Seeks and the fetch that follows are one call in the consumer's thread, so records fetched before a seek can
never arrive after it. A reader is fetched for as far as it has room; so memory is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

log = structlog.get_logger(__name__)


class _Note(NamedTuple):
    at: int
    drained: int
    """Hand-overs that began before it."""
    before: int
    """The instant noted before that, when fewer had begun."""


class CaughtUp:
    """Instants (ms) up to which partitions are known to hold nothing that readers do not have.

    The consumer's thread notes them, readers look at them in another one. What the consumer has given out is not with
    the reader yet: a note counts once every hand-over is over that began before it. There is one at a time.
    """

    def __init__(self) -> None:
        self._notes: dict[TopicPartition, _Note] = {}
        self.drained = 0
        """Hand-overs that the consumer's thread has begun …"""
        self.fed = 0
        """… and the last of them that readers have got."""

    def note(self, tp: TopicPartition, at: int) -> None:
        last = self._notes.get(tp)
        before = 0 if last is None else last.before if last.drained == self.drained else last.at
        self._notes[tp] = _Note(at, self.drained, before)

    def forget(self, tp: TopicPartition) -> None:
        self._notes.pop(tp, None)

    def get(self, tp: TopicPartition) -> int:
        """0: nothing is known."""
        note = self._notes.get(tp)
        if note is None:
            return 0
        return note.at if note.drained <= self.fed else note.before


class Source(Protocol):
    """The group's consumer; it lives in another thread."""

    caught_up: CaughtUp

    async def seek_and_fetch(
        self, seeks: dict[TopicPartition, int], wanted: Iterable[TopicPartition], timeout: float, limit: int
    ) -> dict[TopicPartition, list[Any]]: ...


class Reader(Protocol):
    """Owner of some partitions."""

    accepting: bool
    """True once the consumer was moved to our positions."""

    @property
    def tps(self) -> tuple[TopicPartition, ...]: ...

    @property
    def wanted(self) -> tuple[TopicPartition, ...]:
        """Those of them that it has room for now."""

    def seeks(self) -> dict[TopicPartition, int]: ...

    def feed(self, tp: TopicPartition, records: list[Any]) -> None: ...

    def lost(self, tp: TopicPartition, position: int) -> None:
        """Our position is not in the log any more."""


class Feed:
    def __init__(self, source: Source, crash: Callable[[BaseException], Awaitable[None]], limit: int) -> None:
        self._source, self._crash, self._limit = source, crash, limit
        self._readers: dict[TopicPartition, Reader] = {}
        self._to_seek: list[Reader] = []
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def add(self, reader: Reader) -> None:
        """From now on the reader is fed, from its positions."""
        self._readers.update(dict.fromkeys(reader.tps, reader))
        self._to_seek.append(reader)
        self._work.set()

    def remove(self, reader: Reader) -> None:
        reader.accepting = False
        for tp in reader.tps:
            if self._readers.get(tp) is reader:
                del self._readers[tp]
        if reader in self._to_seek:
            self._to_seek.remove(reader)

    def _is_here(self, reader: Reader) -> bool:
        return self._readers.get(reader.tps[0]) is reader

    def wake(self) -> None:
        """Somebody became hungry."""
        self._work.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._fetch()
            except (IllegalStateError, NoOffsetForPartitionError):
                # The assignment is changing: a partition is not ours any more, or not yet, or was looked at before we
                # could move it to our position, and the group has none for a topic that never held anything.
                await asyncio.sleep(0.05)
            except OffsetOutOfRangeError as error:
                for tp, position in dict(error.args[0]).items():
                    if (reader := self._readers.get(tp)) is not None:
                        reader.lost(tp, position)
            except Exception as error:
                log.exception("feed_failed")
                await self._crash(error)
                return

    async def _fetch(self) -> None:
        sought, self._to_seek = self._to_seek, []
        seeks = {tp: offset for reader in sought for tp, offset in reader.seeks().items()}
        readers = set(self._readers.values())
        wanted = [tps for reader in readers if reader.accepting and (tps := reader.wanted)]
        if not wanted and not seeks:
            self._work.clear()
            try:
                await asyncio.wait_for(self._work.wait(), 0.05)
            except TimeoutError:
                pass
            return
        hungry = sum(map(len, wanted)) == len(self._readers)  # all of them, for all: nobody becomes so meanwhile
        timeout, limit = 0.1 if hungry else 0.005, self._limit * max(1, len(wanted))
        try:
            found = await self._source.seek_and_fetch(seeks, chain.from_iterable(wanted), timeout, limit)
        except BaseException:  # where the consumer stands is not known: they are moved again
            again = [reader for reader in sought if self._is_here(reader) and reader not in self._to_seek]
            self._to_seek = [*again, *self._to_seek]
            raise
        for reader in sought:  # only now: what the consumer knows of a partition is as of our position
            reader.accepting = self._is_here(reader) and reader not in self._to_seek
        for tp, records in found.items():
            owner = self._readers.get(tp)
            if owner is not None and owner.accepting:
                owner.feed(tp, records)
        self._source.caught_up.fed = self._source.caught_up.drained  # no other hand-over has begun: we ask for them
