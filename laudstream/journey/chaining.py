"""What follows of an input: it is put into tallies and segments, segments let customers in, and what runs did
themselves comes round to all at its end, link by link (R21, R35, R52)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from laudstream.customers.event import Event
from laudstream.journey import rezoning, sends, standing
from laudstream.journey.customer import DEFERRED, Customer, Run
from laudstream.journey.entries import entered
from laudstream.journey.inputs import Moment
from laudstream.journey.live import FOREVER, LiveJourney, Space
from laudstream.journey.lookups import by_priority
from laudstream.journey.origin import Origin
from laudstream.journey.reasons import Reason
from laudstream.journey.settling import enter, enter_by
from laudstream.journey.telling import concerned, guarded, movable, tell
from laudstream.journey.work import Work, opened

TOO_DEEP = 9
"""Links of a chain (R52)."""


def begun(customer: Customer, moment: Moment, space: Space, cause: Origin) -> Work:
    """An input under way. What was published since the customer was last looked at comes first (R35)."""
    work = opened(customer, moment, space, cause)
    if work.core.judged != space.judged:
        standing.catch_up(work)
    if space.rezoned_at:
        rezoning.catch_up(work, ask_deferred)
    return work


def stands(work: Work, before: dict[str, Any], touched: set[str]) -> bool:
    """Puts an input into tallies and segments; whether a condition may have become another. `before`: the attributes
    before it; `touched`: segments that it touches besides."""
    if not work.space.judged and not work.space.watch.since:
        return False
    touched |= standing.attributes(work, before)
    standing.put(work, touched, "input")
    return work.tallies is not work.before.tallies or work.core.segments is not work.before.core.segments


def let_in(work: Work, entries: Sequence[LiveJourney], event: Event | None) -> None:
    """Entries by the event, and by the segments that changed (R21)."""
    if not work.edges:
        for live in entries:
            enter(work, live, event)
        return
    edges, work.edges = work.edges, []
    met = [live for edge in edges for live in work.space.edges.get(edge, ())]
    for live in by_priority([*entries, *met]):
        if live in entries:
            enter(work, live, event)
        if live in met:
            enter_by(work, live, edges)


def ask_deferred(work: Work) -> None:
    """Puts all that is put off before the gates again."""
    for run, _, version in movable(work):
        if run.status == DEFERRED:
            guarded(work, run, sends.ask_again, version)
        if run.late_at and work.present(run.id) is not None:
            guarded(work, run, sends.ask_late, version, FOREVER)


def follow(work: Work) -> None:
    """What runs wrote and did is put into the segments and told to all; entries that this fires are the next link."""
    depth = work.depth
    while True:
        if work.told is not None:
            _tell_of_writes(work)
        if work.space.watch.own and work.seen < len(work.out):
            work.left = frozenset()
            before = work.tallies
            changed = standing.put(work, standing.own(work), "runs")
            if changed or work.tallies is not before:
                tell(work, concerned(work, None, levels=True), None)
        elif not work.edges:
            return
        depth += 1
        if depth >= TOO_DEEP:
            _refuse(work)
        elif work.edges:
            let_in(work, (), None)
        if work.wants:
            sends.serve(work)


def _refuse(work: Work) -> None:
    for edge in work.edges:
        data = {"segment": edge[0], "on": edge[1]}
        for live in work.space.edges.get(edge, ()):
            nobody = Run("", live.id, live.status.live, work.now, entered(work, None), "")
            work.decide("not_entered", nobody, work.now, reason=Reason.TOO_DEEP, data=data)
    work.edges = []


def _tell_of_writes(work: Work) -> None:
    """What runs wrote is told to all at the end of the input (R21, R53). No input was used in between: who comes round
    by it ends with `loop` (R51)."""
    work.trails = {}
    while work.told is not None:
        (attributes, consents, members), work.told = work.told, None
        if work.core.consents is not consents or work.attributes.get("timezone") != attributes.get("timezone"):
            ask_deferred(work)
        work.was = attributes
        tallies, segments = work.tallies, work.core.segments
        stands(work, attributes, _written(work, consents, members))
        levels = work.attributes is not attributes
        levels |= work.tallies is not tallies or work.core.segments is not segments
        levels |= work.space.asks_consents and work.core.consents is not consents
        if levels:
            tell(work, concerned(work, None, levels=True), None)
        sends.serve(work)


def _written(work: Work, consents: dict[str, tuple[str, int]], members: dict[str, tuple[bool, int]]) -> set[str]:
    """Segments that written consents and memberships touch."""
    touched = {id for id in members.keys() | work.core.members.keys() if members.get(id) != work.core.members.get(id)}
    for name in consents.keys() | work.core.consents.keys():
        if consents.get(name) != work.core.consents.get(name):
            touched.update(work.space.watch.by_consent.get(name, ()))
    return touched
