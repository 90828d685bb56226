"""What readers may believe of the consumer, which lives in another thread (A4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError
from aiokafka.structs import TopicPartition

from agents.lanes.feed import CaughtUp, Feed
from tests.integration.kit import wait_until

TP = TopicPartition("laudstream.events", 5)


def test_a_note_counts_once_all_that_was_given_out_before_it_is_with_the_readers() -> None:
    caught_up = CaughtUp()
    assert caught_up.get(TP) == 0
    caught_up.note(TP, 100)
    assert caught_up.get(TP) == 100
    caught_up.drained = 1  # records are on their way
    caught_up.note(TP, 110)
    caught_up.note(TP, 120)
    assert caught_up.get(TP) == 100
    caught_up.fed = 1
    assert caught_up.get(TP) == 120


def test_a_note_made_behind_the_first_records_says_nothing_until_they_are_here() -> None:
    caught_up = CaughtUp()
    caught_up.drained = 1
    caught_up.note(TP, 100)
    assert caught_up.get(TP) == 0
    caught_up.fed = 1
    assert caught_up.get(TP) == 100
    caught_up.forget(TP)
    assert caught_up.get(TP) == 0


class Consumer:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.caught_up = CaughtUp()
        self.asked: list[dict[TopicPartition, int]] = []
        self.answers = asyncio.Semaphore(0)

    async def seek_and_fetch(
        self, seeks: dict[TopicPartition, int], wanted: Iterable[TopicPartition], timeout: float, limit: int
    ) -> dict[TopicPartition, list[Any]]:
        self.asked.append(seeks)
        await self.answers.acquire()
        found = {tp: ["record"] for tp in wanted}
        self.caught_up.drained += bool(found)
        return found


class Reader:
    accepting = False
    tps = wanted = (TP,)

    def __init__(self) -> None:
        self.records: list[str] = []

    def seeks(self) -> dict[TopicPartition, int]:
        return {TP: 7}

    def feed(self, tp: TopicPartition, records: list[Any]) -> None:
        self.records += records

    def lost(self, tp: TopicPartition, position: int) -> None:
        raise AssertionError(f"{tp} {position}")


async def test_a_reader_takes_part_once_the_consumer_stands_at_its_positions() -> None:
    consumer, reader = Consumer(), Reader()

    async def crash(error: BaseException) -> None:
        raise error

    feed = Feed(consumer, crash, 10)
    feed.start()
    try:
        feed.add(reader)
        await wait_until(lambda: consumer.asked == [{TP: 7}], 5)
        assert not reader.accepting
        consumer.answers.release()
        await wait_until(lambda: reader.accepting, 5)
        assert not reader.records
        consumer.answers.release()
        await wait_until(lambda: reader.records == ["record"], 5)
        assert consumer.caught_up.fed == consumer.caught_up.drained == 1
    finally:
        feed.stop()


async def test_a_reader_that_is_full_of_one_partition_is_still_fetched_for_from_the_others() -> None:
    rows, events = TopicPartition("laudstream.rows", 5), TP

    class Lane(Reader):
        tps = wanted = (rows, events)  # type: ignore[assignment]

        def seeks(self) -> dict[TopicPartition, int]:
            return {rows: 7, events: 7}

        def feed(self, tp: TopicPartition, records: list[Any]) -> None:
            self.records.append(tp.topic)
            self.wanted = tuple(each for each in self.wanted if each != rows)

    async def crash(error: BaseException) -> None:
        raise error

    consumer, lane = Consumer(), Lane()
    feed = Feed(consumer, crash, 10)
    feed.start()
    try:
        feed.add(lane)
        consumer.answers.release()
        await wait_until(lambda: lane.accepting, 5)
        for _ in range(2):
            consumer.answers.release()
        await wait_until(lambda: len(lane.records) == 3, 5)
        assert lane.records == [rows.topic, events.topic, events.topic]
    finally:
        feed.stop()


async def test_a_reader_that_is_removed_and_added_again_waits_for_its_own_seek() -> None:
    consumer, reader = Consumer(), Reader()

    async def crash(error: BaseException) -> None:
        raise error

    feed = Feed(consumer, crash, 10)
    feed.start()
    try:
        feed.add(reader)
        await wait_until(lambda: len(consumer.asked) == 1, 5)
        feed.remove(reader)
        feed.add(reader)
        consumer.answers.release()
        await wait_until(lambda: len(consumer.asked) == 2, 5)
        assert not reader.accepting
        consumer.answers.release()
        await wait_until(lambda: reader.accepting, 5)
    finally:
        feed.stop()


async def test_what_was_fetched_before_a_reader_came_again_is_not_for_it() -> None:
    """It will be fetched once more, from where the reader stands."""
    consumer, reader = Consumer(), Reader()

    async def crash(error: BaseException) -> None:
        raise error

    feed = Feed(consumer, crash, 10)
    feed.start()
    try:
        feed.add(reader)
        consumer.answers.release()
        await wait_until(lambda: reader.accepting and len(consumer.asked) == 2, 5)
        feed.remove(reader)
        feed.add(reader)
        consumer.answers.release()
        await wait_until(lambda: len(consumer.asked) == 3, 5)
        assert reader.records == []
    finally:
        feed.stop()


async def test_a_reader_whose_seek_did_not_come_about_is_moved_again() -> None:
    reader = Reader()

    class Early(Consumer):
        """The assignment is not here yet."""

        async def seek_and_fetch(
            self, seeks: dict[TopicPartition, int], wanted: Iterable[TopicPartition], timeout: float, limit: int
        ) -> dict[TopicPartition, list[Any]]:
            found = await super().seek_and_fetch(seeks, wanted, timeout, limit)
            if len(self.asked) <= 2:
                raise IllegalStateError("not assigned") if len(self.asked) == 1 else NoOffsetForPartitionError("none")
            return found

    async def crash(error: BaseException) -> None:
        raise error

    consumer = Early()
    feed = Feed(consumer, crash, 10)
    feed.start()
    try:
        feed.add(reader)
        for _ in range(3):
            assert not reader.accepting
            consumer.answers.release()
        await wait_until(lambda: reader.accepting, 5)
        assert consumer.asked[:3] == [{TP: 7}] * 3
    finally:
        feed.stop()
