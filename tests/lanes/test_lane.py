"""A lane whose rounds are refused: nothing of them is lost, and nothing is handled twice (A1, A2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agents.lanes import lane as lanes
from agents.lanes.feed import CaughtUp
from agents.lanes.ports import Round
from agents.lanes.transaction import Aborted, OutOfGroup, TxnError, Unreachable
from laudstream import topics
from laudstream.errors import Broken
from laudstream.records import codec
from laudstream.records.head import HEAD_KEY, Head, decode_head
from tests.lanes.kit import LaneKit, waiting
from tests.lanes.test_clock import HOUR, Machine, Port, fed, opened, running, stepped

WHO = [f"c{n}" for n in range(7)]


class Refusing(Port):
    """Refuses rounds for as long as there are errors; `came`: all that it was asked for."""

    def __init__(self, machine: Machine, errors: list[TxnError]) -> None:
        super().__init__(machine)
        self.errors, self.came = errors, list[Round]()
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, round_: Round) -> Mapping[str, int]:
        self.came.append(round_)
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return await super().commit(round_)


class Set:
    """A lane with events in hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: TxnError) -> None:
        monkeypatch.setattr(lanes, "AWAY_S", 0)
        self.machine, self.caught_up, self.kit = Machine(), CaughtUp(), LaneKit()
        self.port = Refusing(self.machine, [*errors])
        self.kit.publish(waiting("PT20S"), int(self.machine.true))
        self._patch = monkeypatch

    async def open(self, folder: Path) -> lanes.Lane:
        lane = await opened(folder, self._patch, self.machine, self.port, self.kit, self.caught_up)
        for who in WHO:
            self.kit.event(who, "purchase", int(self.machine.true))
        fed(lane, self.kit, self.caught_up, self.machine)
        return lane

    @property
    def entered(self) -> list[str]:
        """Who has, in the order of what was committed."""
        found = [codec.decision(v) for r in self.port.rounds for _, v, *_ in r.writes.get(topics.DECISIONS, ())]
        return [decision.customer for decision in found if decision.kind == "entered"]

    @property
    def heads(self) -> list[Head]:
        return [decode_head(v) for r in self.port.rounds for k, v, *_ in r.writes[topics.STATE] if k == HEAD_KEY]


@pytest.mark.parametrize(
    "errors",
    [(Unreachable("away"),) * 3, (Aborted("no"),), (Aborted("no"),) * 5, (Aborted("no"), Unreachable("away")) * 2],
)
async def test_a_refused_round_is_done_again_with_the_same_inputs_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: tuple[TxnError, ...]
) -> None:
    test = Set(monkeypatch, *errors)
    lane = await test.open(tmp_path)
    async with running(lane):
        await stepped(lane, test.machine, test.caught_up, 5)
    assert test.entered == WHO
    assert test.heads[-1].positions[topics.EVENTS] == len(WHO)
    assert [head.seq for head in test.heads] == [*range(1, len(test.heads) + 1)]


async def test_a_round_that_fails_twice_comes_back_at_a_tenth_of_its_size_and_grows_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = Set(monkeypatch, *[Aborted("too large")] * 5)
    lane = await test.open(tmp_path)
    async with running(lane):
        await stepped(lane, test.machine, test.caught_up, 5)
    sizes = [sum(round_.moved.values()) for round_ in test.port.came]
    assert sizes[:2] == [len(WHO) + 1] * 2
    assert test.port.came[5].moved == {topics.CONTROL: 1}
    assert lane._size == lane._settings.round_records


async def test_a_lane_that_commits_nothing_closes_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = Set(monkeypatch, *[Aborted("no")] * (lanes.MAX_ABORTS + 1))
    lane = await test.open(tmp_path)
    with pytest.raises(Broken, match="aborts"):
        await lane.run()
    assert test.port.rounds == []
    await lane.close()


async def test_one_that_commits_now_and_then_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = Set(monkeypatch, *[Aborted("no")] * lanes.MAX_ABORTS)
    lane = await test.open(tmp_path)
    async with running(lane):
        await stepped(lane, test.machine, test.caught_up, 3)
        test.kit.event("late", "purchase", int(test.machine.true))
        test.port.errors = [Aborted("no")] * lanes.MAX_ABORTS
        fed(lane, test.kit, test.caught_up, test.machine)
        await stepped(lane, test.machine, test.caught_up, 5)
    assert test.entered[-1] == "late"


@pytest.mark.parametrize("error", [Unreachable("away"), Aborted("no")])
async def test_what_is_paused_while_a_round_is_refused_has_nothing_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: TxnError
) -> None:
    """It is fetched again, from where the lane stands: with what was put back it would be handled twice."""
    test = Set(monkeypatch, error)
    test.port.gate.clear()
    lane = await test.open(tmp_path)
    task = asyncio.create_task(lane.run())
    await stepped(lane, test.machine, test.caught_up, 1)
    assert len(test.port.came) == 1
    lane.pause()
    test.port.gate.set()
    await task
    assert lane.in_hand == 0
    assert lane.seeks() == dict.fromkeys(lane.tps, 0)
    await lane.close()


async def test_what_has_another_owner_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = Set(monkeypatch, OutOfGroup("gone"))
    lane = await test.open(tmp_path)
    with pytest.raises(OutOfGroup):
        await lane.run()
    assert test.port.rounds == []
    await lane.close()


async def test_a_position_that_the_log_does_not_have_closes_it_and_names_it_a3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = Set(monkeypatch)
    lane = await test.open(tmp_path)
    lane.lost(lane.tps[-1], 7)
    with pytest.raises(Broken, match=r"position 7 .* laudstream.events.*lanes skip 0"):
        await lane.run()
    assert lane.in_hand == 0
    await lane.close()


async def test_a_rounds_clock_never_goes_back_a4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever had the lane before may have known the brokers' time better."""
    test = Set(monkeypatch)
    lane = await test.open(tmp_path)
    clocks: Any = iter([int(HOUR) * 1000])
    lane._clock = lambda: int(test.machine.true) + next(clocks, 0)
    async with running(lane):
        await stepped(lane, test.machine, test.caught_up, 1)
        test.kit.event("late", "purchase", int(test.machine.true))
        fed(lane, test.kit, test.caught_up, test.machine)
        await stepped(lane, test.machine, test.caught_up, 1)
    first, second = [head.clock for head in test.heads][:2]
    assert first <= second
    assert first > test.machine.true
