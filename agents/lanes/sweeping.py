"""A slice of the sweep under way, as a part of a round (A10)."""

from __future__ import annotations

from msgspec.structs import replace

from agents.lanes.crowd import Crowd
from agents.lanes.sweep import Sweep
from laudstream.ids import derive
from laudstream.journey.decision import Decision
from laudstream.journey.inputs import TouchInput
from laudstream.journey.presence import counted
from tables.view import View

Sweeps = tuple[Sweep, ...]


class Sweeping:
    """`partition`: of the lane; `now`: its time, ms."""

    def __init__(self, partition: int, crowd: Crowd, view: View, now: int) -> None:
        self._partition, self._crowd, self._view, self._now = partition, crowd, view, now

    def step(self, sweeps: Sweeps, most: int) -> tuple[Sweeps, int]:
        """The next slice of the first sweep that may go on; what is left to sweep, and how many it looked at: at most
        `most` customers, in the order of their keys. One that trims goes on for any number above 0."""
        sweep = next((each for each in sweeps if self._may(each)), None)
        if sweep is None or (sweep.trims and not most):
            return sweeps, 0
        rest = [each for each in sweeps if each is not sweep]
        return self._trim(sweep, rest) if sweep.trims else self._touch(sweep, rest, most)

    def _may(self, sweep: Sweep) -> bool:
        """A migration holds from its place in the log: nobody is swept before lane time is there (R48)."""
        space = None if sweep.trims else self._crowd.catalog.spaces.get(sweep.workspace)
        return space is None or space.migrated_at <= self._now

    def _touch(self, sweep: Sweep, rest: list[Sweep], most: int) -> tuple[Sweeps, int]:
        crowd = self._crowd
        found = self._view.scan(sweep.prefix, sweep.cursor, most + 1)
        more = len(found) > most
        del found[most:]
        crowd.load(found)
        for key in found:
            crowd.advance(key, TouchInput(sweep.seq), self._now)
            if sweep.counts:
                sweep = replace(sweep, cells=counted(sweep.cells, crowd.now[key], sweep.counts))
        if more:
            rest.insert(0, replace(sweep, cursor=found[-1]) if found else sweep)
        elif sweep.counts:
            self._tell(sweep)
        return tuple(rest), len(found)

    def _tell(self, sweep: Sweep) -> None:
        """All customers of the lane are counted."""
        partition, crowd = self._partition, self._crowd
        crowd.out.effect(b"", Decision(
            derive("counted", sweep.seq, partition), "counted", sweep.workspace, "", self._now, crowd.moment.clock,
            journey=sweep.counts, data={"seq": sweep.seq, "partition": partition, "cells": sweep.cells},
        ))  # fmt: skip

    def _trim(self, sweep: Sweep, rest: list[Sweep]) -> tuple[Sweeps, int]:
        """What is too old goes from the history."""
        crowd = self._crowd
        if crowd.history.trim(self._now - crowd.catalog.horizon_ms):
            rest.append(sweep)  # others first: this one has time
        return tuple(rest), 1
