"""Asks a condition of a customer as it stands, as if it were a live segment since just now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from laudstream.conditions import Condition, Facts, Scope
from laudstream.conditions.needs import joined
from laudstream.conditions.tally import EVENT, RUN, Happened, Query, Tally, of_starts
from laudstream.journey.customer import ASKING, FAILED, Customer
from laudstream.journey.filling import answered
from laudstream.journey.live import Space
from laudstream.segments.watch import Watch, ranks


class Answer(NamedTuple):
    holds: bool
    looked_at: dict[str, Any]
    """The values that it read."""


def evaluate(customer: Customer, condition: Condition, now: int, space: Space) -> Answer:
    """`now`: ms. What the condition asks of events is answered by the tallies that the customer has: a question that
    no live definition asks has none yet, and counts nothing; see `Question`."""
    facts = _facts(customer, now, space, _versions(space), customer.tallies)
    scope = Scope(customer.id, customer.attributes, {}, facts=facts)
    return Answer(condition.test(scope), condition.looked_at(scope))


def matching(
    customers: Iterable[Customer], condition: Condition, now: int, space: Space
) -> Iterator[tuple[Customer, dict[str, Any]]]:
    """Those of whom it holds, each with what was looked at."""
    for customer in customers:
        holds, looked_at = evaluate(customer, condition, now, space)
        if holds:
            yield customer, looked_at


def _versions(space: Space) -> dict[str, int]:
    return {id: live.version for id, live in space.segments.items()}


def _facts(customer: Customer, now: int, space: Space, versions: dict[str, int], tallies: dict[str, Tally]) -> Facts:
    core = customer.core
    return Facts(
        now,
        space.zone_of(customer.attributes),
        tallies,
        core.consents,
        core.segments,
        frozenset(run.journey for run in core.runs if run.status not in (ASKING, FAILED)),
        versions,
        customer.workspace,
    )


class Question:
    """A condition that nobody has published. What no live definition asks of a customer is found out as a publish
    would do it, and kept nowhere: kept events, runs that were entered, pinned versions of segments."""

    def __init__(self, condition: Condition, space: Space) -> None:
        watch = space.watch
        self.condition, self._space, self._versions = condition, space, _versions(space)
        self._pinned = _pinned(condition, space)
        needs = joined([condition.needs, *(pinned.needs for _, pinned in self._pinned)])
        self._asked = [query for query in needs.queries if query.kind == EVENT and _is_new(query, watch)]
        self._entered = [query for query in needs.queries if _tells_entries(query) and _is_new(query, watch)]
        trackers = [tracker for tracker in needs.trackers if tracker.id not in watch.since]
        self.events = frozenset(query.name for query in self._asked)
        """Names of events that have to be looked up for it."""
        others = [q for q in needs.queries if q.kind != EVENT and not _tells_entries(q) and q.id not in watch.since]
        self.unseen = sorted({*map(_label, others), *(f"customer.{tracker.attribute}" for tracker in trackers)})
        """Parts that are kept from a publish on only: who did that before does not count."""

    def scope(self, customer: Customer, happened: Sequence[Happened], now: int) -> Scope:
        """What the condition looks at. `happened`: the customer's events with one of the names; `now`: ms."""
        space, core = self._space, customer.core
        tallies = answered(customer, self._asked, happened, space, now) if happened else customer.tallies
        seeds: dict[str, Tally] = {}
        for query in self._entered:
            starts = sorted(core.memory.get(query.filters["journey"], {}).values())
            if starts:
                seeds[query.id] = of_starts(query, starts, now)
        facts = _facts(customer, now, space, self._versions, {**seeds, **tallies} if seeds else tallies)
        scope = Scope(customer.id, customer.attributes, {}, facts=facts)
        for name, pinned in self._pinned:
            if pinned.test(scope):
                facts.memberships = {**facts.memberships, name: now}
        return scope


def _is_new(query: Query, watch: Watch) -> bool:
    """Whether it is asked of nobody yet, or fewer instants are kept than it needs."""
    known = watch.queries.get(query.id)
    return known is None or known.most < query.most


def _tells_entries(query: Query) -> bool:
    return query.kind == RUN and query.name == "entered"


def _label(query: Query) -> str:
    return f"run:{query.filters['journey']}" if query.kind == RUN else f"message:{query.name}"


def _pinned(condition: Condition, space: Space) -> list[tuple[str, Condition]]:
    """Versions of segments that the condition names, itself or through others, and that no customer is judged for; each
    after those that it names."""
    found: dict[str, Condition] = {}
    names = [*condition.needs.segments]
    while names:
        name = names.pop()
        version = space.segment_versions.get(name)
        if version is None or name in space.watch.segments or name in found or version[0].condition is None:
            continue
        found[name] = version[0].condition
        names += found[name].needs.segments
    rank = ranks({name: pinned.needs.segments for name, pinned in found.items()})
    return [(name, found[name]) for name in sorted(rank, key=lambda name: (rank[name], name))]
