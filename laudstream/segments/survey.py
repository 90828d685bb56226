"""Asks a condition of customers as PostgreSQL's rows tell of them: attributes, consents, segments, runs, messages.

What rows do not tell (events, when a value changed) is neither true nor false: the answer is open where it depends on
that. Each part is compiled by the compiler that lanes use; only `all`, `any` and `none` are put together here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from laudstream import conditions
from laudstream.conditions import Condition, Facts, Scope
from laudstream.conditions.compiler import NODES
from laudstream.conditions.needs import Needs
from laudstream.conditions.tally import EVENT, MESSAGE, NOTHING, RUN, Query, Tally, counted
from laudstream.errors import Invalid
from laudstream.journey.durations import zone_of
from laudstream.journey.reader import HORIZON, Reader, at

Ask = Callable[[Scope], bool | None]
"""None: it depends on what is not known."""


class Run(NamedTuple):
    journey: str
    entered: int
    """ms."""
    ended: int
    """ms; 0: it is under way."""
    outcome: str
    """Empty: none."""


class Sent(NamedTuple):
    """A message that left."""

    at: int
    """ms."""
    journey: str
    step: str
    channel: str


class Known(NamedTuple):
    """What rows tell of a customer."""

    id: str
    attributes: dict[str, Any]
    consents: Mapping[str, tuple[str, int]] = {}
    """channel/subscription -> (status, anything)."""
    memberships: Mapping[str, int] = {}
    """Segment -> since when, ms."""
    runs: tuple[Run, ...] = ()
    """In the order of their beginning."""
    sent: tuple[Sent, ...] = ()


class Survey:
    def __init__(
        self, body: object, segments: Collection[str] | None = None, zone: tzinfo = UTC, workspace: str = ""
    ) -> None:
        """`segments`: those that may be named; None: any. `zone`: of the workspace. Raises Invalid."""
        self._zone, self._workspace = zone, workspace
        self._segments = segments
        reader = Reader(HORIZON, segments)
        whole = conditions.read(reader, body, "/condition", ("customer",))
        if reader.problems:
            first = reader.problems[0]
            raise Invalid(f"{first.pointer}: {first.message}", tuple(reader.problems))
        self.condition = whole
        self.needs = whole.needs
        self.unknown: tuple[str, ...] = ()
        """Parts that rows cannot answer."""
        self._queries = tuple(query for query in whole.needs.queries if _in_rows(query))
        self._ask: Ask = whole.test if _answerable(whole.needs) else self._node(body, "/condition")

    @property
    def asks_runs(self) -> frozenset[str]:
        """Journeys whose runs are asked for."""
        return self.needs.journeys | {q.filters["journey"] for q in self._queries if q.kind == RUN}

    @property
    def asks_messages(self) -> bool:
        return any(query.kind == MESSAGE for query in self._queries)

    def ask(self, known: Known, now: int) -> bool | None:
        """Whether it holds at `now` (ms); None: that depends on what rows do not tell."""
        return self._ask(self._scope(known, now))

    def looked_at(self, known: Known, now: int) -> dict[str, Any]:
        """The values that were read, without those that rows do not tell."""
        found = self.condition.looked_at(self._scope(known, now))
        return {name: value for name, value in found.items() if name not in self.unknown}

    def _scope(self, known: Known, now: int) -> Scope:
        facts = Facts(
            now, zone_of(known.attributes.get("timezone"), self._zone), self._tallies(known), known.consents,
            known.memberships, frozenset(run.journey for run in known.runs if not run.ended), workspace=self._workspace,
        )  # fmt: skip
        return Scope(known.id, known.attributes, {}, facts=facts)

    def _tallies(self, known: Known) -> dict[str, Tally]:
        found = {}
        for query in self._queries:
            tally = NOTHING
            for instant in sorted(_instants(query, known)):
                tally, _ = counted(tally, query, instant, {})
            found[query.id] = tally
        return found

    def _node(self, body: Any, pointer: str) -> Ask:
        lines = [self._line(key, value, at(pointer, key)) for key, value in body.items()]
        return lines[0] if len(lines) == 1 else _every(lines)

    def _line(self, key: str, value: Any, pointer: str) -> Ask:
        if key in NODES:
            asks = [self._node(item, at(pointer, index)) for index, item in enumerate(value)]
            return _every(asks) if key == "all" else _either(asks, against=key == "none")
        part: Condition = conditions.read(Reader(HORIZON, self._segments), {key: value}, pointer, ("customer",))
        if _answerable(part.needs):
            return part.test
        self.unknown = tuple(dict.fromkeys((*self.unknown, *(label for label, _ in part.reads))))
        return _open


def _open(scope: Scope) -> None:
    return None


def _every(asks: list[Ask]) -> Ask:
    def ask(scope: Scope) -> bool | None:
        answer: bool | None = True
        for each in asks:
            found = each(scope)
            if found is False:
                return False
            if found is None:
                answer = None
        return answer

    return ask


def _either(asks: list[Ask], *, against: bool) -> Ask:
    def ask(scope: Scope) -> bool | None:
        answer: bool | None = against
        for each in asks:
            found = each(scope)
            if found is True:
                return not against
            if found is None:
                answer = None
        return answer

    return ask


def _answerable(needs: Needs) -> bool:
    return not needs.trackers and all(map(_in_rows, needs.queries))


def _in_rows(query: Query) -> bool:
    if query.kind == EVENT:
        return False
    if query.kind == RUN:
        return query.name != "converted"  # goals are in no row
    return query.name == "sent" and "tag" not in query.filters


def _instants(query: Query, known: Known) -> Iterable[int]:
    filters = query.filters
    if query.kind == RUN:
        runs = (run for run in known.runs if run.journey == filters["journey"])
        if query.name == "entered":
            return [run.entered for run in runs]
        wanted = filters.get("outcome")
        return [run.ended for run in runs if run.ended and run.outcome and wanted in (None, run.outcome)]
    return [each.at for each in known.sent if all(getattr(each, name) == wanted for name, wanted in filters.items())]
