"""What holds after each input, whatever the oracle knows of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from laudstream.conditions import Condition
from laudstream.conditions.tally import Happened
from laudstream.journey import standing
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.census import id_of, is_counted
from laudstream.journey.control import Control
from laudstream.journey.customer import ASKING, Customer
from laudstream.journey.filling import filled
from laudstream.journey.inputs import Moment, TouchInput
from laudstream.journey.preview import Question
from laudstream.journey.work import opened
from laudstream.segments import definition as segments
from tests.proof.ledger import Ledger


def stands(state: Customer, ledger: Ledger, catalog: Catalog) -> None:
    """State is what decisions tell, and every run ends, wakes or listens."""
    core = state.core
    at_work = [run for run in core.runs if run.status != ASKING]
    ids, told_of = [run.id for run in at_work], [run.id for run in ledger.active()]
    assert ids == told_of, f"R1 there are {ids}, and decisions tell of {told_of}"
    space = catalog.spaces[state.workspace] if core.runs else None
    for run in at_work:
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


def asked(state: Customer, condition: dict[str, Any], happened: list[Happened], catalog: Catalog, now: int) -> None:
    """A census finds of a customer what the segment says that is published with its condition just then (A10)."""
    space = catalog.spaces[state.workspace]
    if any(tick <= now for tick in state.core.ticks.values()):
        return  # that timer comes after the inputs of this instant
    id = id_of(condition)  # the catalogue keeps what it has compiled by its name
    body = {"id": id, "condition": condition}
    question = Question(segments.parse(body).condition or Condition(lambda scope: False, ()), space)
    scope = question.scope(state, [event for event in happened if event.name in question.events], now)
    published = catalog.apply(Control(1 << 40, state.workspace, "segment", id, 1, "live"), now, lambda *_: body)
    after = published.spaces[state.workspace]
    work = opened(filled(state, after, happened, now), Moment(now, now), after, ("touch", state.id, 1 << 40, 0))
    standing.catch_up(work)
    found, there = question.condition.test(scope) and is_counted(state), id in work.core.segments
    assert found == there, f"A10 a census says {found} of {state.id}, the segment {there}: {condition}"


def in_bulk(state: Customer, catalog: Catalog, seq: int, now: int) -> None:
    """A sweep that looks at a customer anew puts it into the same segments as the inputs did, one by one."""
    if any(tick <= now for tick in state.core.ticks.values()):
        return  # that timer comes after the inputs of this instant
    bare = replace(state, core=replace(state.core, segments={}, ticks={}, judged=0))
    swept = advance(bare, TouchInput(seq), Moment(now, now), catalog).customer
    found, known = set(swept.core.segments), set(state.core.segments)
    assert found == known, f"R35 in bulk {state.id} is in {found}, one by one in {known}"
