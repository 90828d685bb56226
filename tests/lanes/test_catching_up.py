"""Timers that became due over a downtime leave room for inputs (A12)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.lanes.feed import CaughtUp
from agents.lanes.turns import BUSY_TIMERS
from laudstream import topics
from laudstream.records.head import Journal, decode_journal
from tests.lanes.kit import LaneKit, waiting
from tests.lanes.test_clock import Machine, Port, fed, opened, stepped

WAITING = 3 * BUSY_TIMERS


async def test_where_an_input_waits_a_round_fires_few_timers_and_where_none_does_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, caught_up, kit = Machine(0), CaughtUp(), LaneKit()
    port = Port(machine)
    lane = await opened(tmp_path, monkeypatch, machine, port, kit, caught_up)
    kit.publish(waiting("PT20S"), int(machine.true))
    for n in range(WAITING):
        kit.event(f"c{n}", "purchase", int(machine.true))
    fed(lane, kit, caught_up, machine)
    running = asyncio.create_task(lane.run())
    try:
        await stepped(lane, machine, caught_up, 1)
        assert lane.head.positions[topics.EVENTS] == WAITING
        before = len(port.rounds)
        machine.elapsed += 60
        kit.event("ann", "seen", int(machine.true))
        fed(lane, kit, caught_up, machine)
        await stepped(lane, machine, caught_up, 1)
    finally:
        lane.pause()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await lane.close()
    first, *others = _journal(port)[before:]
    assert topics.EVENTS in first.ends
    assert first.fired == BUSY_TIMERS
    assert [(entry.ends, entry.fired) for entry in others] == [({}, WAITING - BUSY_TIMERS)]


def _journal(port: Port) -> list[Journal]:
    return [decode_journal(value) for made in port.rounds for _, value in made.writes[topics.JOURNAL]]
