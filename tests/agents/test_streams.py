"""What partitions of a topic have in hand goes into one transaction, and each answers for itself (A23)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from agents.streams import MAX_BATCH, Batch, Group, PositionMoved, Step


class Handler:
    """Writes down what it is given; steps of partitions in `bad` fail, and all others with them."""

    topics = ("t",)

    def __init__(self, bad: Sequence[int] = (), error: Exception | None = None) -> None:
        self.bad, self.error = bad, error or PositionMoved("moved")
        self.asked: list[list[int]] = []
        self.applied: list[int] = []
        self.under_way, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def position(self, topic: str, partition: int) -> int | None:
        return None

    async def apply(self, steps: Sequence[Step]) -> None:
        partitions = [step.batch.partition for step in steps]
        self.asked.append(partitions)
        self.under_way.set()
        await self.gate.wait()
        if any(partition in self.bad for partition in partitions):
            raise self.error
        self.applied += partitions


def step(partition: int, records: int = 1) -> Step:
    return Step(Batch("t", partition, [SimpleNamespace(offset=n) for n in range(records)], records), None)


async def outcomes(group: Group, *partitions: int) -> list[str]:
    answers = await asyncio.gather(*(group.apply(step(p)) for p in partitions), return_exceptions=True)
    return [str(answer) for answer in answers]


async def test_what_comes_in_while_a_transaction_runs_is_applied_together_by_the_next() -> None:
    handler = Handler()
    handler.gate.clear()
    group = Group(handler)
    first = asyncio.create_task(group.apply(step(0)))
    await handler.under_way.wait()
    rest = [asyncio.create_task(group.apply(step(p))) for p in (1, 2, 3)]
    await asyncio.sleep(0)
    handler.gate.set()
    await asyncio.gather(first, *rest)
    assert handler.asked == [[0], [1, 2, 3]]


async def test_one_partition_that_has_moved_hinders_no_other() -> None:
    handler = Handler(bad=[2])
    assert await outcomes(Group(handler), 1, 2, 3) == ["None", "moved", "None"]
    assert handler.applied == [1, 3]


async def test_a_server_that_is_away_is_asked_once_for_all() -> None:
    handler = Handler(bad=[1], error=OSError("away"))
    assert await outcomes(Group(handler), 1, 2, 3) == ["away"] * 3
    assert handler.asked == [[1, 2, 3]]


async def test_a_transaction_takes_no_more_steps_once_it_has_a_batch_full_of_records() -> None:
    handler = Handler()
    group = Group(handler)
    await asyncio.gather(*(group.apply(step(p, MAX_BATCH)) for p in (1, 2)), group.apply(step(3)))
    assert handler.asked == [[1], [2], [3]]


async def test_who_is_cut_off_takes_back_what_waits_and_lets_what_runs_come_to_its_end() -> None:
    handler = Handler()
    handler.gate.clear()
    group = Group(handler)
    running = asyncio.create_task(group.apply(step(0)))
    await handler.under_way.wait()
    waiting = asyncio.create_task(group.apply(step(1)))
    await asyncio.sleep(0)
    for task in (running, waiting):
        task.cancel()
    await asyncio.wait([running, waiting])
    handler.gate.set()
    assert group.task is not None
    await group.task
    assert handler.applied == [0]


async def test_a_group_goes_on_after_an_error() -> None:
    handler = Handler(bad=[1])
    group = Group(handler)
    with pytest.raises(PositionMoved):
        await group.apply(step(1))
    await group.apply(step(2))
    assert handler.applied == [2]
