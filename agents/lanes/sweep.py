"""Sweeps: a lane looks at every customer of a workspace, a slice a round, because a definition changed (A10).

A journey was stopped or resumed, so its runs must end or go on; or it was published with an audience or dates, so
whoever is there may enter, or is armed for what comes; or a segment changed, so everyone is in it or not; or an
experiment has a winner, so whoever waits for it goes on; or a signal came, so whoever listens may enter; or the zone of
the workspace changed, so what goes by it is computed again. What a customer still has to do is in its own state and in
the catalogue; the sweep only touches everyone. So an input that comes first does it first, and a row that comes late
does it then. The cursor is part of the lane's state.
"""

from __future__ import annotations

import msgspec

from laudstream.journey.catalog import WINNER, Catalog
from laudstream.journey.control import Control
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

    @property
    def prefix(self) -> bytes:
        return self.workspace.encode() + b":"


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Sweep, ...]).decode


def encode_sweeps(sweeps: tuple[Sweep, ...]) -> bytes | None:
    return _encode(sweeps) if sweeps else None


def decode_sweeps(value: bytes | None) -> tuple[Sweep, ...]:
    return _decode(value) if value else ()


def start_sweeps(sweeps: tuple[Sweep, ...], before: Catalog, after: Catalog, control: Control) -> tuple[Sweep, ...]:
    """Add what this control record asks for. A sweep under way begins anew: it looks at everything at once."""
    space = before.spaces.get(control.workspace)
    judges = after.spaces[control.workspace].judged != (space.judged if space else 0)
    judges |= after.spaces[control.workspace].rezoned_at != (space.rezoned_at if space else 0)
    judges |= control.kind == WINNER and holds(after.spaces[control.workspace], control.id)
    if control.kind == SIGNAL:
        return _signalled(sweeps, after, control)
    if control.kind != "journey" and not judges:
        return sweeps
    journey = space.journeys.get(control.id) if space and control.kind == "journey" else None
    was = journey.status.status if journey else None
    ends = control.status in ("stopped", "deleted") and was is not None
    resumes = was == "paused" and control.status != "paused"
    now = after.spaces[control.workspace].journeys.get(control.id)
    asks = control.kind == "journey" and now is not None and now.status.audience[0] == control.seq
    if not ends and not resumes and not asks and not judges:
        return sweeps
    others = tuple(sweep for sweep in sweeps if sweep.workspace != control.workspace)
    return (*others, Sweep(control.seq, control.workspace))


def _signalled(sweeps: tuple[Sweep, ...], after: Catalog, control: Control) -> tuple[Sweep, ...]:
    """A sweep for a signal waits for the one under way, so that many signals end. One that has not begun does both."""
    mine = [sweep for sweep in sweeps if sweep.workspace == control.workspace and not sweep.trims]
    heard = control.id in after.spaces[control.workspace].listeners
    if not heard or any(not sweep.cursor for sweep in mine):
        return sweeps
    return (*sweeps, Sweep(control.seq, control.workspace))
