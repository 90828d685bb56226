"""A control record raises the numbers of a lane, from its round on and for ever (A14)."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from agents.lanes.feed import CaughtUp
from agents.lanes.replay import Replay
from agents.lanes.skip import after
from laudstream import topics
from laudstream.errors import Broken
from laudstream.journey.control import LEVEL
from laudstream.records import head as heads
from laudstream.records import levels
from laudstream.records.head import HEAD_KEY, Head, decode_head, decode_journal, new_head
from laudstream.records.levels import NAMES, Levels
from tables.store import LaneStore
from tests.lanes.kit import LaneKit, waiting
from tests.lanes.test_checkpoints import MEMORY, ORIGIN, Disk
from tests.lanes.test_clock import Machine, Port, fed, opened, running, stepped
from tests.lanes.test_skip import HEAD, IDS

OLD = Levels(1, 1)
NEW = Levels(2, 3)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """This release knows more, and the lanes of before are there."""
    know(monkeypatch, NEW)
    monkeypatch.setattr("tests.lanes.kit.new_head", Head)


def know(monkeypatch: pytest.MonkeyPatch, numbers: Levels) -> None:
    monkeypatch.setattr(heads, "CORE_LEVEL", numbers.core_level)
    monkeypatch.setattr(heads, "STATE_FORMAT", numbers.state_format)


def order(kit: LaneKit, name: str, number: int, at: int) -> None:
    kit.seq += 1
    body = {"seq": kit.seq, "workspace": "", "kind": LEVEL, "id": name, "version": number, "status": "live"}
    kit.put(topics.CONTROL, at, str(kit.seq).encode(), json.dumps(body).encode())


def order_all(kit: LaneKit, numbers: Levels, at: int) -> None:
    for name, number in zip(NAMES, numbers, strict=True):
        order(kit, name, number, at)


# -- what a head says ----------------------------------------------------------------
def test_a_head_or_a_journal_that_says_nothing_means_the_first_numbers_whatever_a_release_knows(newer: None) -> None:
    silent = msgspec.msgpack.encode({})
    assert levels.of(decode_head(silent)) == OLD
    assert levels.of(decode_journal(msgspec.msgpack.encode({"seq": 1, "lane_time": 1, "clock": 1}))) == OLD
    said = decode_head(heads.encode(Head(7, core_level=2, state_format=2)))
    assert (said.core_level, said.state_format) == (2, 2)


def test_a_lane_that_never_had_a_head_begins_with_the_newest_numbers(newer: None, tmp_path: Path) -> None:
    assert levels.of(new_head()) == NEW
    store = LaneStore(tmp_path / "lane-0", MEMORY, ORIGIN, now=1, max_age_ms=1000)
    assert (levels.of(store.head), store.head.epoch) == (NEW, ORIGIN.epoch)
    store.restore([(HEAD_KEY, heads.encode(Head(3)))], 1)
    assert levels.of(store.head) == OLD
    store.reset()
    assert levels.of(store.head) == NEW
    store.close()


# -- raising ---------------------------------------------------------------------------
def test_a_lane_is_raised_from_the_round_on_that_takes_the_record(newer: None) -> None:
    kit = LaneKit()
    kit.publish(waiting(), 1000)
    kit.event("ann", "purchase", 1001)
    assert levels.of(kit.round(1002)) == OLD
    catalog = kit.lane.catalog
    kit.event("ann", "paid", 1003)
    order(kit, "core_level", 2, 1004)  # later than the event, and before it all the same: control comes first
    assert levels.of(kit.round(1005)) == Levels(2, 1)
    assert kit.ends() == [("ann", "paid", 1003)]
    order(kit, "state_format", 3, 1006)
    assert levels.of(kit.round(1007)) == levels.of(kit.lane.head) == NEW
    assert kit.lane.catalog is catalog
    assert kit.lane.sweeps == ()
    traces = [d.data for d in kit.decisions() if d.kind == "control"]
    assert [(d["seq"], d["kind"], d["id"], d["version"]) for d in traces[1:]] == [
        (2, LEVEL, "core_level", 2),
        (3, LEVEL, "state_format", 3),
    ]


def test_nothing_lowers_a_lane_and_the_same_record_twice_is_one(newer: None) -> None:
    kit = LaneKit()
    order_all(kit, NEW, 1000)
    kit.logs[topics.CONTROL].extend([*kit.logs[topics.CONTROL]])  # the control agent died in between
    kit.round(1001)
    order_all(kit, NEW, 1002)  # somebody asked again
    order_all(kit, OLD, 1003)
    assert levels.of(kit.round(1004)) == NEW
    assert [d.data["seq"] for d in kit.decisions()] == [1, 2, 3, 4, 5, 6]


def test_a_round_beyond_what_the_release_knows_does_not_happen() -> None:
    kit = LaneKit()
    kit.publish(waiting(), 1000)
    kit.round(1001)
    before = kit.lane
    kit.event("ann", "purchase", 1002)
    order(kit, "core_level", heads.CORE_LEVEL + 1, 1003)
    with pytest.raises(
        Broken, match=rf"lane 0 is written by a newer release: level {heads.CORE_LEVEL + 1}, .* this one"
    ):
        kit.round(1004)
    assert kit.lane is before
    assert len(kit.results) == 1
    order(kit, "colour", 2, 1005)
    with pytest.raises(Broken, match=r"raises 'colour', which this release does not know: start a worker of a newer"):
        kit.round(1006)


async def test_a_lane_that_is_raised_too_high_closes_and_goes_on_under_a_newer_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, caught_up, kit = Machine(), CaughtUp(), LaneKit()
    known, high = levels.newest(), Levels(heads.CORE_LEVEL + 1, heads.STATE_FORMAT + 1)
    port = Port(machine)
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    kit.publish(waiting(), int(machine.true))
    fed(lane, kit, caught_up, machine)
    async with running(lane):
        await stepped(lane, machine, caught_up, 1)
    done = len(port.rounds)
    assert done

    order_all(kit, high, int(machine.true))
    kit.event("ann", "purchase", int(machine.true))
    waits = {topic: [*log] for topic, log in kit.logs.items()}
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    fed(lane, kit, caught_up, machine)
    with pytest.raises(
        Broken, match=f"level {high.core_level}, .*; this one knows {known}: start a worker of that release"
    ):
        await lane.run()
    await lane.close()
    assert len(port.rounds) == done

    know(monkeypatch, high)
    for topic, records in waits.items():
        kit.logs[topic].extend(records)
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    assert levels.of(lane.head) == known
    fed(lane, kit, caught_up, machine)
    async with running(lane):
        await stepped(lane, machine, caught_up, 1)
    assert [levels.of(head) for head in _heads(port, done)] == [high]
    assert [levels.of(entry) for entry in _journals(port, done)] == [high]
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    assert levels.of(lane.head) == high  # kept over a restart
    await lane.close()

    know(monkeypatch, known)
    with pytest.raises(Broken, match=f"{high}; this one knows {known}: start a worker of that release"):
        await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)


def _heads(port: Port, start: int) -> list[Head]:
    return [decode_head(v) for r in port.rounds[start:] for k, v, *_ in r.writes[topics.STATE] if k == HEAD_KEY]


def _journals(port: Port, start: int) -> list[Any]:
    return [decode_journal(v) for r in port.rounds[start:] for _, v, *_ in r.writes[topics.JOURNAL]]


def test_a_round_that_moves_a_lane_keeps_its_numbers() -> None:
    before = msgspec.structs.replace(HEAD, core_level=NEW.core_level, state_format=NEW.state_format)
    head, journal = after(before, IDS, [])
    assert levels.of(head) == levels.of(journal) == NEW


# -- replay ----------------------------------------------------------------------------
def _raised(folder: Path) -> Disk:
    """Rounds before, with and after the records that raise."""
    lane = Disk(LaneStore(folder / "lane-0", MEMORY, ORIGIN, now=1, max_age_ms=1000))
    lane.publish(waiting(), 1000)
    for n in range(12):
        at = 2000 + 1000 * n
        if n in (4, 8):
            order(lane, NAMES[n == 8], NEW[n == 8], at)
        lane.event(f"c{n % 5}", ("purchase", "paid")[n % 3 == 1], at)
        lane.round(at + 500)
    return lane


def test_a_replay_gives_each_round_the_numbers_that_it_had(newer: None, tmp_path: Path) -> None:
    lane = _raised(tmp_path)
    had = [levels.of(entry) for entry in lane.journals]
    assert had == [OLD] * 4 + [Levels(2, 1)] * 4 + [NEW] * 4
    replay = Replay(0, SimpleNamespace(body=lane.body))
    made = [replay.step(entry, taken) for entry, taken in zip(lane.journals, lane.taken, strict=True)]
    assert (replay.result.rounds, replay.result.first) == (12, "")
    assert [levels.of(result) for result in made] == had
    lane.disk.close()


def test_a_replay_finds_a_lane_that_did_not_follow_and_leaves_rounds_of_a_newer_release(
    newer: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = _raised(tmp_path)
    replay = Replay(0, SimpleNamespace(body=lane.body))
    for entry, taken in zip(lane.journals, lane.taken, strict=True):
        replay.step(msgspec.structs.replace(entry, core_level=1, state_format=1), taken)
    assert replay.result.first.startswith("round 5: levels: ")
    know(monkeypatch, OLD)
    replay = Replay(0, SimpleNamespace(body=lane.body))
    for entry, taken in zip(lane.journals[:4], lane.taken[:4], strict=True):
        replay.step(entry, taken)
    with pytest.raises(Broken, match="level 2, format 1; this one knows level 1, format 1"):
        replay.step(lane.journals[4], lane.taken[4])
    with pytest.raises(Broken, match="level 1, format 2; this one knows"):  # that no record of its own raised
        replay.step(msgspec.structs.replace(lane.journals[0], state_format=2), lane.taken[0])
    assert replay.result.rounds == 4
    lane.disk.close()
