"""A slice of the sweep under way, as a part of a round (A10)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from agents.lanes.census import Census
from agents.lanes.crowd import Crowd
from agents.lanes.sweep import Sweep, by_turns
from laudstream.ids import derive
from laudstream.journey.catalog import BodyOf
from laudstream.journey.census import CENSUS, condition_of
from laudstream.journey.decision import Decision
from laudstream.journey.inputs import TouchInput
from laudstream.journey.presence import counted
from tables.view import View

Sweeps = tuple[Sweep, ...]


class Sweeping:
    """`partition`: of the lane; `now`: its time, ms."""

    def __init__(self, partition: int, crowd: Crowd, view: View, now: int, body_of: BodyOf) -> None:
        self._partition, self._crowd, self._view, self._now = partition, crowd, view, now
        self._body_of = body_of

    def step(self, sweeps: Sweeps, most: int) -> tuple[Sweeps, int]:
        """The next slice of the first sweep that may go on; what is left to sweep, and how many it looked at: at most
        `most` customers, in the order of their keys. One that trims goes on for any number above 0."""
        sweep = next((each for each in sweeps if self._may(each)), None)
        if sweep is None or (sweep.trims and not most):
            return sweeps, 0
        rest = [each for each in sweeps if each is not sweep]
        if sweep.trims:
            return self._trim(sweep, rest)
        found = self._view.scan(sweep.prefix, sweep.cursor, most + 1)
        left, found = len(found) > most, found[:most]
        if left and not found:
            return (sweep, *rest), 0
        self._crowd.load(found)
        sweep, looked_at = self._look(sweep, found)
        if left or looked_at < len(found):
            return by_turns(replace(sweep, cursor=found[looked_at - 1]), rest), looked_at
        if sweep.counting:
            self._tell(sweep)
        return tuple(rest), looked_at

    def _may(self, sweep: Sweep) -> bool:
        """A migration holds from its place in the log: nobody is swept before lane time is there (R48)."""
        space = None if sweep.trims else self._crowd.catalog.spaces.get(sweep.workspace)
        return space is None or space.migrated_at <= self._now

    def _look(self, sweep: Sweep, found: list[bytes]) -> tuple[Sweep, int]:
        """The sweep with what it has counted, and at how many of `found` it has looked."""
        crowd, touch = self._crowd, TouchInput(sweep.seq)
        if sweep.census:
            census = self._census(sweep)
            for number, key in enumerate(found, 1):
                crowd.advance(key, touch, self._now)
                census.ask(key)
                if census.full:
                    return replace(sweep, count=census.count), number
            return replace(sweep, count=census.count), len(found)
        for key in found:
            crowd.advance(key, touch, self._now)
            if sweep.counts:
                sweep = replace(sweep, cells=counted(sweep.cells, crowd.now[key], sweep.counts))
        return sweep, len(found)

    def _census(self, sweep: Sweep) -> Census:
        body = self._body_of(sweep.workspace, CENSUS, sweep.census, 1)
        return Census(sweep, condition_of(body), self._crowd, self._now)

    def _tell(self, sweep: Sweep) -> None:
        """All customers of the lane are counted."""
        partition, crowd = self._partition, self._crowd
        data: dict[str, Any] = {"seq": sweep.seq, "partition": partition, "cells": sweep.cells}
        if sweep.census:
            data = self._census(sweep).told(partition)
        crowd.out.effect(b"", Decision(
            derive("counted", sweep.seq, partition), "counted", sweep.workspace, "", self._now, crowd.moment.clock,
            journey=sweep.counts, data=data,
        ))  # fmt: skip

    def _trim(self, sweep: Sweep, rest: list[Sweep]) -> tuple[Sweeps, int]:
        """What is too old goes from the history."""
        crowd = self._crowd
        if crowd.history.trim(self._now - crowd.catalog.horizon_ms):
            rest.append(sweep)  # others first: this one has time
        return tuple(rest), 1
