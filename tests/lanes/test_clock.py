"""Clocks that are wrong, and clocks that are set while a worker runs: no timer early, none held up (A4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agents.lanes.clock import BrokerClock
from agents.lanes.committer import Committer
from agents.lanes.feed import CaughtUp
from agents.lanes.lane import Lane
from agents.lanes.ports import Round
from agents.lanes.stats import LaneStats
from agents.lanes.surface import Input
from agents.lanes.turns import Turns
from laudstream import topics
from laudstream.records import codec
from laudstream.settings import Settings
from tables.layout import CLOCK_KEY
from tables.origin import Origin
from tables.rocks import RocksMemory
from tests.lanes.kit import LaneKit, waiting

HOUR = 3600.0
START = 1_800_000_000.0


class Machine:
    """A host whose wall clock may be set, and whose counter goes on with the world; brokers have the right time."""

    def __init__(self, off: float = 0.0) -> None:
        self.elapsed, self.off = 0.0, off
        self.clock = BrokerClock(lambda: 5000 + self.elapsed, lambda: START + self.elapsed + self.off)

    @property
    def true(self) -> float:
        """The brokers' time, ms."""
        return (START + self.elapsed) * 1000

    def write(self, there: float = 0.001, back: float = 0.001) -> None:
        """A broker is written to: so many seconds on the way there, and back."""
        sent = self.clock.counter()
        self.elapsed += there
        at = int(self.true)
        self.elapsed += back
        self.clock.stamped(at, sent)


@pytest.mark.parametrize("off", [-HOUR, 0.0, HOUR])
def test_the_brokers_time_counts_from_the_first_answer_on(off: float) -> None:
    machine = Machine(off)
    assert machine.clock.doubtful()
    machine.write()
    assert not machine.clock.doubtful()
    machine.elapsed += 10
    assert machine.true - 3 <= machine.clock.now() <= machine.true


def test_a_wall_clock_that_is_set_back_and_forth_changes_nothing_but_a_broker_is_asked() -> None:
    machine = Machine()
    machine.write()
    for off in (-HOUR, 0.0, HOUR, 0.0):
        machine.off = off
        machine.elapsed += 1
        assert machine.true - 3 <= machine.clock.now() <= machine.true
        assert machine.clock.doubtful()
        machine.write()
        assert not machine.clock.doubtful()


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.floats(0, 5), st.floats(0, 100), st.sampled_from([-HOUR, 0.0, 1.0, HOUR])),
        min_size=1,
        max_size=30,
    )
)
def test_it_is_never_ahead_of_the_brokers_and_behind_at_most_by_the_last_answers_way_back(
    steps: list[tuple[float, float, float, float]],
) -> None:
    machine = Machine(HOUR)
    for there, back, pause, off in steps:
        machine.write(there, back)
        behind = machine.true - machine.clock.now()
        assert -1 <= behind <= back * 1000 + 2
        machine.elapsed += pause
        machine.off = off
        assert machine.clock.now() <= machine.true + 1


class Port:
    """Commits everything; a write takes a millisecond there and one back."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.rounds = machine, list[Round]()
        self.offset = 0

    async def start(self) -> None:
        self.machine.write()

    async def commit(self, round_: Round) -> Mapping[str, int]:
        self.rounds.append(round_)
        self.machine.write()
        self.offset += 10
        return dict.fromkeys(round_.writes, self.offset)


class Bodies:
    def __init__(self, kit: LaneKit) -> None:
        self.body = kit.body

    async def wait(self, key: str) -> None:
        """They are all here."""


async def stepped(lane: Lane, machine: Machine, caught_up: CaughtUp, seconds: float) -> None:
    """The consumer has fetched and found nothing; the lane has time to look."""
    for _ in range(max(1, int(seconds))):
        machine.elapsed += seconds / max(1, int(seconds))
        for tp in lane.tps:
            caught_up.note(tp, machine.clock.now())
        lane._wake.set()
        for _ in range(20):
            await asyncio.sleep(0)


async def opened(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: Machine,
    port: Port,
    kit: LaneKit,
    caught_up: CaughtUp,
) -> Lane:
    """A lane on an empty disk that may be fed."""

    async def nothing(*_: Any) -> int:
        return 0

    async def nobody(_: int) -> None:
        return None

    monkeypatch.setattr("agents.lanes.opening.restore", nothing)
    ids = dict.fromkeys(topics.LANE_INPUTS, "id")
    lane = Lane(
        Origin("cluster", 0, 1, 0, "id"), ids, Settings(data_dir=str(folder)), RocksMemory(8, 8), 1 << 20, LaneStats(),
        port, Bodies(kit), caught_up, machine.clock.now, Turns(),
    )  # fmt: skip
    await lane.open(nobody)
    lane.resume()
    lane.accepting = True
    return lane


def fed(lane: Lane, kit: LaneKit, caught_up: CaughtUp, machine: Machine) -> None:
    """The lane gets what the logs of the kit hold."""
    for tp in lane.tps:
        caught_up.note(tp, machine.clock.now())
        records = [Input(r.topic, r.offset, r.timestamp, r.key, r.value) for r in kit.logs[tp.topic]]
        if records:
            lane.feed(tp, records)
        kit.logs[tp.topic].clear()


@asynccontextmanager
async def running(lane: Lane) -> AsyncIterator[None]:
    """It takes rounds meanwhile, and is closed afterwards."""
    task = asyncio.create_task(lane.run())
    try:
        yield
    finally:
        lane.pause()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await lane.close()


async def test_a_timer_fires_when_it_is_due_by_the_brokers_whatever_the_hosts_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R30: the clock of the host is an hour ahead, goes back an hour behind, and is right again."""
    machine, caught_up, kit = Machine(HOUR), CaughtUp(), LaneKit()
    port = Port(machine)
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    kit.publish(waiting("PT20S"), int(machine.true))
    kit.event("ann", "purchase", int(machine.true))
    fed(lane, kit, caught_up, machine)
    entered = machine.true
    async with running(lane):
        await stepped(lane, machine, caught_up, 1)
        assert _decided(port)[-1] == "entered"
        for off in (HOUR, -HOUR, HOUR, 0.0, -HOUR):
            machine.off = off
            await stepped(lane, machine, caught_up, 3)
            assert "ended" not in _decided(port), f"early, with a clock that is {off} s off"
        machine.elapsed = (entered / 1000 - START) + 20.5
        await stepped(lane, machine, caught_up, 1)
        assert _decided(port)[-1] == "ended"
    times = [head.lane_time for head in _heads(port)]
    assert times == sorted(times)
    assert max(times) <= machine.true


async def test_what_is_in_hand_tells_the_time_where_the_answer_to_a_write_was_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4: a round's clock is never behind its lane time, or the journal tells of a timer that fired early."""
    machine, caught_up, kit = Machine(), CaughtUp(), LaneKit()
    port = Port(machine)
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    kit.publish(waiting("PT20S"), int(machine.true))
    kit.event("ann", "purchase", int(machine.true))
    fed(lane, kit, caught_up, machine)
    async with running(lane):
        await stepped(lane, machine, caught_up, 1)
        machine.clock._mark = None
        machine.write(back=3)  # the only answer so far came after 3 s, so the estimate is behind by as much
        machine.elapsed += 18
        for tp in lane.tps:  # of every topic one record is in hand that was appended after the timer was due
            kit.logs[tp.topic].clear()
        kit.event("bob", "purchase", int(machine.true))
        late = kit.logs[topics.EVENTS].pop()
        for tp in lane.tps:
            lane.feed(tp, [Input(tp.topic, late.offset, late.timestamp, b"none", b"spoilt")])
        await stepped(lane, machine, caught_up, 1)
        assert _decided(port)[-1] == "ended"
    assert [head for head in _heads(port) if head.clock < head.lane_time] == []


def _decided(port: Port) -> list[str]:
    return [codec.decision(v).kind for r in port.rounds for _, v, *_ in r.writes.get(topics.DECISIONS, ())]


def _heads(port: Port) -> list[Any]:
    from laudstream.records.head import HEAD_KEY, decode_head

    return [decode_head(v) for r in port.rounds for k, v, *_ in r.writes[topics.STATE] if k == HEAD_KEY]


def test_lane_time_never_goes_back_where_the_bound_does() -> None:
    """A4: whoever owned the lane before may have had another clock."""
    kit = LaneKit()
    kit.publish(waiting("PT20S"), 1000)
    kit.event("ann", "purchase", 1000)
    kit.round(10_000)
    assert kit.round(5000).lane_time == 10_000
    assert kit.ends() == []
    kit.event("bob", "purchase", 6000)
    assert kit.round(6000).lane_time == 10_000
    kit.round(30_001, clock=40_000)
    assert sorted(kit.ends()) == [("ann", "late", 21_000), ("bob", "late", 30_000)]


class Producer:
    def __init__(self, machine: Machine) -> None:
        self.machine, self.written = machine, list[Any]()

    async def commit(self, writes: Any) -> None:
        self.written.append(writes)
        self.machine.write()


async def test_the_brokers_are_asked_when_there_is_doubt_and_seldom_and_a_wrong_clock_is_said() -> None:
    machine = Machine()
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    committer = Committer(Settings(), client, "w", topics.EVENTS, tuple, machine.clock)
    producer = Producer(machine)
    with capture_logs() as said:
        for _ in range(3):
            await committer._ask_time(producer)  # type: ignore[arg-type]
    assert said == []
    assert [list(writes) for writes in producer.written] == [[(topics.STATE, 0)]]
    [(_, [(key, value)])] = producer.written[0].values()
    assert (key, value) == (CLOCK_KEY, None)
    machine.off = HOUR
    await committer._ask_time(producer)  # type: ignore[arg-type]
    assert len(producer.written) == 1
    committer._next_ask = 0.0
    with capture_logs() as said:
        await committer._ask_time(producer)  # type: ignore[arg-type]
    assert len(producer.written) == 2
    assert [(line["event"], line["seconds"]) for line in said] == [("host_clock_is_off", HOUR)]
    assert not machine.clock.doubtful()
