"""What holds after each input, whatever the oracle knows of it."""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import ASKING, Customer
from laudstream.journey.inputs import Moment, TouchInput
from tests.proof.ledger import Ledger


def stands(state: Customer, ledger: Ledger, catalog: Catalog) -> None:
    """State is what decisions tell, and every run ends, wakes or listens."""
    core = state.core
    standing = [run for run in core.runs if run.status != ASKING]
    ids, told_of = [run.id for run in standing], [run.id for run in ledger.active()]
    assert ids == told_of, f"R1 there are {ids}, and decisions tell of {told_of}"
    space = catalog.spaces[state.workspace] if core.runs else None
    for run in standing:
        told = ledger.passages[run.id]
        here, there = (run.version, run.step, run.visit), (told.version, told.step, told.visit)
        assert here == there, f"R1 one place a run: {here}, and decisions tell of {there}"
        assert space is not None
        step = space.journeys[run.journey].versions[run.version].body["steps"][run.step]
        wakes = run.wake_at or run.held is not None or "wait" in step or "'hold'" in repr(step)
        assert wakes, f"R14 {run.id} at {run.step} neither ends nor wakes nor listens"
        assert run.trail == () or run.wake_at, "R51 a run at rest"
    assert dict(state.attributes) == dict(ledger.attributes()), "R53 attributes are the row with what was written"
    assert set(core.segments) == ledger.members, "R19 every change of a segment is recorded"


def in_bulk(state: Customer, catalog: Catalog, seq: int, now: int) -> None:
    """A sweep that looks at a customer anew puts it into the same segments as the inputs did, one by one."""
    if any(tick <= now for tick in state.core.ticks.values()):
        return  # that timer comes after the inputs of this instant
    bare = replace(state, core=replace(state.core, segments={}, ticks={}, judged=0))
    swept = advance(bare, TouchInput(seq), Moment(now, now), catalog).customer
    found, known = set(swept.core.segments), set(state.core.segments)
    assert found == known, f"R35 in bulk {state.id} is in {found}, one by one in {known}"
