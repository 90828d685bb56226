"""What a fetch that found nothing says about a log (A4, R30)."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NodeNotReadyError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from agents.lanes import surface
from agents.lanes.wire import Code
from laudstream import topics
from laudstream.kafka_encoding import I16, I32, I64, NO_TAGS, Call, array, text

TP = TopicPartition(topics.EVENTS, 3)
HANDOFFS = TopicPartition(topics.HANDOFFS, 3)
POSITION, NODE = 40, 2


def _now() -> int:
    return time.time_ns() // 1_000_000


class Leader:
    """A consumer that stands at POSITION and fetches nothing there, and the leader's answers about its log's end."""

    def __init__(self, replicas: int, end: int = POSITION, code: int = Code.NONE) -> None:
        self.end, self.code, self.moves = end, code, False
        self.questions: list[tuple[int, Any]] = []
        self.notes: dict[TopicPartition, int] = {}
        states = {}
        for tp in (TP, HANDOFFS):
            states[tp] = SimpleNamespace(has_valid_position=True, position=POSITION, timestamp=0, lso=POSITION)
        self.states = states
        self.assignment = SimpleNamespace(active=True, state_value=states.get)
        known = {tp.topic: {tp.partition: SimpleNamespace(replicas=range(replicas))} for tp in states}
        fetcher = SimpleNamespace(_proc_fetch_request=self.fetch)
        self.refreshed = 0
        client = SimpleNamespace(
            cluster=SimpleNamespace(_partitions=known), send=self.send, force_metadata_update=self.refresh
        )
        surface.watch_fetches(SimpleNamespace(_fetcher=fetcher, _client=client), self.note, _now, (topics.EVENTS,))
        self.request = FetchRequest(100, 1, 1 << 20, 1, [(tp.topic, [(tp.partition, POSITION, 0)]) for tp in states])
        self.fetcher = fetcher

    def refresh(self) -> None:
        self.refreshed += 1

    async def fetch(self, assignment: Any, node: int, request: Any) -> bool:
        self.asked = request.prepare({1: (4, 17)})
        for state in self.states.values():
            state.timestamp = time.time_ns() // 1_000_000 + 1
        return False

    async def send(self, node: int, call: Call, group: Any = None) -> Any:
        self.questions.append((node, group))
        if self.code < 0:
            raise NodeNotReadyError
        self.states[TP].position += 5 * self.moves
        row = I32.pack(TP.partition) + I16.pack(self.code) + I64.pack(-1) + I64.pack(self.end) + I32.pack(0) + NO_TAGS
        answer = I32.pack(0) + array([text(TP.topic) + array([row]) + NO_TAGS]) + NO_TAGS
        return call._read(surface.wire_state.Reader(answer))

    def note(self, tp: TopicPartition, at: int) -> None:
        self.notes[tp] = at

    async def fetched(self) -> dict[TopicPartition, int]:
        await self.fetcher._proc_fetch_request(self.assignment, NODE, self.request)
        for _ in range(5):
            await asyncio.sleep(0)
        return self.notes


async def test_with_one_replica_whatever_was_appended_before_the_fetch_is_seen_by_it() -> None:
    before = time.time_ns() // 1_000_000
    leader = Leader(replicas=1)
    assert (await leader.fetched()).keys() == {TP, HANDOFFS}
    assert min(leader.notes.values()) >= before
    assert leader.questions == []


async def test_with_several_replicas_the_leader_must_say_that_its_log_ends_where_we_stand_r30() -> None:
    leader = Leader(replicas=3)
    assert (await leader.fetched()).keys() == {TP, HANDOFFS}
    assert leader.questions == [(NODE, surface._ENDS)]


@pytest.mark.parametrize(("end", "code"), [(POSITION + 1, Code.NONE), (POSITION, Code.NOT_LEADER), (POSITION, -1)])
async def test_what_is_written_and_not_replicated_yet_or_not_known_is_no_end_r30(end: int, code: int) -> None:
    """Such a record has its append time already: a timer that fired now would overtake it."""
    assert (await Leader(3, end, code).fetched()).keys() == {HANDOFFS}


async def test_an_answer_counts_only_where_the_consumer_still_stands() -> None:
    leader = Leader(replicas=3)
    leader.moves = True
    assert (await leader.fetched()).keys() == {HANDOFFS}


async def test_records_come_from_the_leader_alone() -> None:
    """From version 11 on, a broker that is the leader no more would answer as if it were (KIP-392)."""
    leader = Leader(replicas=3)
    await leader.fetched()
    assert leader.asked.API_VERSION == 10
    assert leader.request.prepare({1: (4, 17)}).API_VERSION == 11, "the library's own choice"
    assert leader.asked.to_object()["topics"] == leader.request.prepare({1: (4, 10)}).to_object()["topics"]


async def test_who_is_told_that_it_is_no_leader_asks_who_is() -> None:
    leader = Leader(3, code=Code.NOT_LEADER)
    await leader.fetched()
    assert leader.refreshed == 1
    well = Leader(3)
    await well.fetched()
    assert well.refreshed == 0
