"""Sweeps: a lane looks at every customer of a workspace, a slice a round, because a definition changed (A10).

A journey was stopped or resumed, so its runs must end or go on; or it was published with an audience or dates, so
whoever is there may enter, or is armed for what comes; or a segment changed, so everyone is in it or not; or a
migration moves runs to another version; or an experiment has a winner, so whoever waits for it goes on; or a signal
came, so whoever listens may enter; or the zone of the workspace changed, so what goes by it is computed again. What a
customer still has to do is in its own state and in the catalogue; the sweep only touches everyone. So an input that
comes first does it first, and a row that comes late does it then. The cursor is part of the lane's state.

A sweep may also count: who is where in a journey, or of whom a condition holds; each customer once, when the sweep
reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from laudstream.journey.catalog import Catalog
from laudstream.journey.census import CENSUS, Count
from laudstream.journey.control import COUNT, LEVEL, MIGRATION, WINNER, Control
from laudstream.journey.presence import Cell
from laudstream.journey.quotas import holds
from laudstream.journey.signals import SIGNAL


class Sweep(msgspec.Struct, frozen=True, array_like=True):
    seq: int
    """Control record that asked for it."""
    workspace: str
    cursor: bytes = b""
    """Customer key handled last."""
    trims: bool = False
    """Looks at kept events instead of customers: what is too old or too much goes (A7)."""
    counts: str = ""
    """Journey whose people it counts; empty: it counts nothing."""
    cells: tuple[Cell, ...] = ()
    """What it has counted so far."""
    census: str = ""
    """Of whose condition it counts the customers; empty: of none."""
    count: Count = Count()
    """What it has counted so far."""

    @property
    def prefix(self) -> bytes:
        return self.workspace.encode() + b":"

    @property
    def counting(self) -> bool:
        """Whether it counts, and nothing else."""
        return bool(self.counts or self.census)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Sweep, ...]).decode


def encode_sweeps(sweeps: tuple[Sweep, ...]) -> bytes | None:
    """What a sweep has no use for is left out: its bytes are those of the releases before."""
    return _encode([_row(sweep) for sweep in sweeps]) if sweeps else None


def _row(sweep: Sweep) -> tuple[Any, ...]:
    fields = astuple(sweep)
    return fields if sweep.census else fields[:6] if sweep.counts else fields[:4]


def decode_sweeps(value: bytes | None) -> tuple[Sweep, ...]:
    return _decode(value) if value else ()


def start_sweeps(sweeps: tuple[Sweep, ...], before: Catalog, after: Catalog, control: Control) -> tuple[Sweep, ...]:
    """Add what this control record asks for. A sweep under way begins anew: it looks at everything at once."""
    if control.kind == COUNT:
        return (*sweeps, Sweep(control.seq, control.workspace, counts=control.id))
    if control.kind == CENSUS:
        return (*sweeps, Sweep(control.seq, control.workspace, census=control.id))
    if control.kind == LEVEL:
        return sweeps
    space = before.spaces.get(control.workspace)
    judges = after.spaces[control.workspace].judged != (space.judged if space else 0)
    judges |= after.spaces[control.workspace].rezoned_at != (space.rezoned_at if space else 0)
    judges |= control.kind == WINNER and holds(after.spaces[control.workspace], control.id)
    if control.kind == SIGNAL:
        return _signalled(sweeps, after, control)
    migrates = control.kind == MIGRATION
    if control.kind != "journey" and not judges and not migrates:
        return sweeps
    journey = space.journeys.get(control.id) if space and control.kind == "journey" else None
    was = journey.status.status if journey else None
    ends = control.status in ("stopped", "deleted") and was is not None
    resumes = was == "paused" and control.status != "paused"
    now = after.spaces[control.workspace].journeys.get(control.id)
    asks = control.kind == "journey" and now is not None and now.status.audience[0] == control.seq
    if not ends and not resumes and not asks and not judges and not migrates:
        return sweeps
    others = tuple(sweep for sweep in sweeps if sweep.workspace != control.workspace or sweep.counting)
    return (*others, Sweep(control.seq, control.workspace))


def _signalled(sweeps: tuple[Sweep, ...], after: Catalog, control: Control) -> tuple[Sweep, ...]:
    """A sweep for a signal waits for the one under way, so that many signals end. One that has not begun does both."""
    mine = [
        sweep for sweep in sweeps if sweep.workspace == control.workspace and not sweep.trims and not sweep.counting
    ]
    heard = control.id in after.spaces[control.workspace].listeners
    if not heard or any(not sweep.cursor for sweep in mine):
        return sweeps
    return (*sweeps, Sweep(control.seq, control.workspace))


def by_turns(sweep: Sweep, others: Sequence[Sweep]) -> tuple[Sweep, ...]:
    """In which order they go on after a slice of `sweep`. A census and the rest take turns; of the rest the first one
    goes on to its end."""
    if sweep.census:
        return (*others, sweep)
    return (*(each for each in others if each.census), sweep, *(each for each in others if not each.census))
