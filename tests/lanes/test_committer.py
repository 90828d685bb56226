"""What a transaction of several lanes holds (A1), and whose it may be (A2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from agents.lanes.clock import BrokerClock
from agents.lanes.committer import Committer
from agents.lanes.outgoing import head_after, outgoing
from agents.lanes.ports import Round
from agents.lanes.round import Plan
from agents.lanes.transaction import Aborted, GroupOffsets, OutcomeUnknown, OutOfGroup, TxnError, Writes
from agents.lanes.wire import TP, Member
from laudstream import topics
from laudstream.ids import partition_of
from laudstream.journey.handoff import Release
from laudstream.records.head import HEAD_KEY, decode_head, decode_journal
from laudstream.settings import Settings
from tests.lanes.kit import WORKSPACE, at_work, key

ME, BEFORE = Member("g", 2, "me", None), Member("g", 1, "me", None)


class Producer:
    txn_id = "t"

    def __init__(self, errors: dict[frozenset[int], TxnError]) -> None:
        """`errors`: what becomes of a transaction of these lanes."""
        self.errors, self.asked = errors, list[tuple[dict[TP, Any], GroupOffsets]]()
        self.started = 0

    async def start(self) -> None:
        self.started += 1

    async def settle(self) -> None: ...

    async def commit(self, writes: Writes, group: GroupOffsets | None = None) -> dict[TP, int]:
        if group is None:  # asks for the time
            return {}
        self.asked.append((dict(writes), group))
        error = self.errors.get(frozenset(p for topic, p in writes if topic == topics.STATE))
        if error is not None:
            raise error
        return {tp: 100 + len(pairs) for tp, (_, pairs) in writes.items()}


class Kit:
    def __init__(self, errors: dict[frozenset[int], TxnError] | None = None) -> None:
        client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
        self.committer = Committer(Settings(committers=1), client, "w", topics.EVENTS, tuple, BrokerClock())
        self.producer = Producer(errors or {})
        self.committer._producers = [self.producer]  # type: ignore[list-item]
        self.committer.member = ME

    async def commit(self, *rounds: Round) -> list[Any]:
        return await asyncio.gather(*map(self.committer.commit, rounds), return_exceptions=True)


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = Kit()
    await made.committer.start()
    yield made
    await made.committer.stop()


def a_round(lane: int, seq: int, handoffs: dict[int, list[Any]] | None = None) -> Round:
    positions = {**dict.fromkeys(topics.LANE_INPUTS, 3), topics.ROWS: 9}
    writes = {topics.STATE: [(b"k", b"v"), (HEAD_KEY, b"h")], topics.JOURNAL: [(b"1", b"j")], topics.WRITES: []}
    return Round(lane, seq, 1, positions, {topics.ROWS: 9}, writes, handoffs or {})


async def test_rounds_of_one_tick_are_one_transaction_with_the_offsets_and_the_lock_of_each(kit: Kit) -> None:
    found = await kit.commit(a_round(0, 7, {2: [(b"a", b"1")]}), a_round(1, 9, {2: [(b"b", b"2")], 0: [(b"c", b"3")]}))
    assert found == [{topics.STATE: 102, topics.JOURNAL: 101}] * 2
    ((writes, group),) = kit.producer.asked
    assert group == GroupOffsets(ME, {
        (topics.ROWS, 0): (9, ""), (topics.EVENTS, 0): (3, "7"),
        (topics.ROWS, 1): (9, ""), (topics.EVENTS, 1): (3, "9"),
    })  # fmt: skip
    assert writes[topics.HANDOFFS, 2][1] == [(b"a", b"1"), (b"b", b"2")]
    assert writes[topics.HANDOFFS, 0][1] == [(b"c", b"3")]
    assert (topics.WRITES, 0) not in writes
    assert writes[topics.STATE, 1][1][-1] == (HEAD_KEY, b"h")


async def test_a_round_that_was_begun_under_an_older_assignment_is_not_committed(kit: Kit) -> None:
    waiting = asyncio.create_task(kit.committer.commit(a_round(0, 1)))
    kit.committer.member = BEFORE
    await asyncio.sleep(0)
    kit.committer.member = ME
    with pytest.raises(OutOfGroup):
        await waiting
    kit.committer.member = None
    with pytest.raises(OutOfGroup):
        await kit.committer.commit(a_round(0, 1))
    assert kit.producer.asked == []


async def test_after_an_abort_each_lane_commits_for_itself_and_a_bad_one_hurts_nobody_else() -> None:
    bad = Aborted("too large")
    kit = Kit({frozenset((0, 1, 2)): bad, frozenset((1,)): bad})
    await kit.committer.start()
    found = await kit.commit(*(a_round(lane, 1) for lane in range(3)))
    await kit.committer.stop()
    assert [type(each) for each in found] == [dict, Aborted, dict]
    assert kit.committer.aborts == 1
    assert kit.producer.started == 1


async def test_of_an_unknown_outcome_all_are_told_and_the_producer_begins_anew() -> None:
    kit = Kit({frozenset((0, 1)): OutcomeUnknown("no answer")})
    await kit.committer.start()
    found = await kit.commit(a_round(0, 1), a_round(1, 1))
    assert [type(each) for each in found] == [OutcomeUnknown] * 2
    assert await kit.commit(a_round(2, 1)) == [{topics.STATE: 102, topics.JOURNAL: 101}]
    await kit.committer.stop()
    assert kit.producer.started == 2


def test_what_goes_out_of_a_round_is_its_head_its_journal_and_each_handoff_to_the_lane_of_its_key() -> None:
    lane = at_work()
    lane.event("ann", "purchase", at=2000)
    lane.put(topics.EVENTS, 2001, b"no key", b"{}")
    before = lane.lane.head
    result = lane.round(bound=2002)
    for journey in ("a", "b", "c"):
        result.out.handoff(f"{WORKSPACE}:!quota/{journey}", Release(WORKSPACE, journey, "run"))
    result.out.finish(result.control_seq)
    result.parked.append(("ann", "run"))
    moved = {topics.EVENTS: 2}
    ids = dict.fromkeys(topics.LANE_INPUTS, "id")
    head = head_after(before, lane_plan(2002), result, moved, ids)
    out = outgoing(5, 8, head, lane_plan(2002), result, moved)
    assert (out.partition, out.seq, out.positions[topics.EVENTS]) == (5, before.seq + 1, 2)
    state = dict(out.writes[topics.STATE])
    assert decode_head(state[HEAD_KEY]) == head
    assert key("ann") + b"\0c" in state
    ((_, journal),) = out.writes[topics.JOURNAL]
    told = decode_journal(journal)
    assert (told.seq, told.ends, told.parked) == (head.seq, moved, [("ann", "run")])
    assert told.skipped == [(topics.EVENTS, 1)]
    assert topics.HANDOFFS not in out.writes
    assert {p: [k for k, _ in pairs] for p, pairs in out.handoffs.items()} == by_lane("a", "b", "c")
    assert len(out.writes[topics.DEAD_LETTERS]) == 1


def lane_plan(bound: int) -> Plan:

    return Plan([], bound, bound, 0, 0, 0)


def by_lane(*journeys: str) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for journey in journeys:
        where = f"{WORKSPACE}:!quota/{journey}".encode()
        found.setdefault(partition_of(where, 8), []).append(where)
    return found
