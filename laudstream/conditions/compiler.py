"""Conditions are read once and become one Python function each.

    {customer.plan: {equals: pro}, event.amount: {greater_than: 100}}     every line holds
    {all: [...]}, {any: [...]}, {none: [...]}                             nodes over conditions
    {event: {...}}, {segment: vip}, …                                     other subjects, see docs/conditions.md

Operands and names never stand in the code: they are constants beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from laudstream.conditions import events, operators, relations, states
from laudstream.conditions.condition import Condition, Test, Timer
from laudstream.conditions.dates import ALWAYS, SpanOf, between, fixed, holds, next_of, shift
from laudstream.conditions.needs import NONE, Needs, Tracker, joined
from laudstream.conditions.operators import OPERATORS, TIMED
from laudstream.conditions.scope import Get, Scope, deep, getter, way
from laudstream.conditions.subject import SpansOf, Subject
from laudstream.conditions.tally import NOTHING, query_id
from laudstream.journey.reader import Reader, at, shown

MAX_DEPTH = 10
MAX_LINES = 500
NODES = ("all", "any", "none")
SUBJECTS = ("event", "message", "run", "segment", "consent", "bucket")


def read(reader: Reader, body: object, pointer: str, roots: tuple[str, ...]) -> Condition:
    """The condition at `pointer`; what is wrong with it goes to `reader`. `roots`: what its paths may begin with."""
    made = Compiler(reader, roots).whole(body, pointer)
    if made.needs is not NONE:
        reader.needs.append(made.needs)
    return made


class Compiler:
    """Of one condition."""

    def __init__(self, reader: Reader, roots: tuple[str, ...], *, subjects: bool = True) -> None:
        self.reader = reader
        self.roots = roots
        self.subjects = subjects
        """False: a condition on the properties of an event, with no subject and no time in it."""
        self.constants: dict[str, Any] = {}
        self.reads: dict[str, Get] = {}
        self.names: set[str] = set()
        self.properties: set[str] = set()
        self.needs: list[Needs] = []
        self.timers: list[Timer] = []
        self.lines = 0

    def whole(self, body: object, pointer: str) -> Condition:
        before = len(self.reader.problems)
        code = self.node(body, pointer)
        if len(self.reader.problems) > before:
            return Condition(_never, ())
        needs = joined([Needs(frozenset(self.names)), *self.needs]) if self.names or self.needs else NONE
        return Condition(made(code, self.constants), tuple(self.reads.items()), needs, tuple(self.timers))

    def keep(self, value: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    # Nodes

    def node(self, body: object, pointer: str, depth: int = 0) -> str:
        found = self.reader.object_of(body, pointer, "a condition")
        if not found or depth > MAX_DEPTH:
            if found is not None:
                self.reader.wrong(pointer, "the condition is empty or too deep", f"nest at most {MAX_DEPTH} nodes")
            return "False"
        return every([self.line(key, value, at(pointer, key), depth) for key, value in found.items()])

    def line(self, key: str, value: object, pointer: str, depth: int) -> str:
        self.lines += 1
        if self.lines == MAX_LINES + 1:
            self.reader.wrong(pointer, f"the condition has more than {MAX_LINES} lines", "make it smaller")
        if self.lines > MAX_LINES:
            return "False"
        if key in SUBJECTS:
            return self.subject(key, value, pointer)
        if key not in NODES:
            return self.value(key, value, pointer)
        items = self.reader.list_of(value, pointer, f"{key!r}")
        tests = [self.node(item, at(pointer, index), depth + 1) for index, item in enumerate(items)]
        if not tests:
            return "False"
        if key == "all":
            return every(tests)
        either = f"({' or '.join(tests)})"
        return either if key == "any" else f"(not {either})"

    # Subjects

    def subject(self, key: str, body: object, pointer: str) -> str:
        if not self.subjects:
            self.reader.wrong(pointer, f"{key!r} cannot be asked here", "ask for properties: event.…")
            return "False"
        found = self._subject(key, body, pointer)
        if found is None:
            return "False"
        label, number = found.label, 2
        while label in self.reads:
            label, number = f"{found.label}/{number}", number + 1
        self.reads[label] = found.show
        self.needs.append(found.needs)
        if found.spans is not None and found.needs.timed:
            self.timers.append(_of_spans(found.spans))
        return f"{self.keep(found.test)}(s)"

    def _subject(self, key: str, body: object, pointer: str) -> Subject | None:
        reader = self.reader
        match key:
            case "event":
                return events.event(reader, body, pointer, self.roots, on_properties)
            case "message":
                return events.message(reader, body, pointer)
            case "run":
                return events.run(reader, body, pointer)
            case "segment":
                return states.segment(reader, body, pointer)
            case "consent":
                return states.consent(reader, body, pointer)
        return states.bucket(reader, body, pointer)

    # Values

    def value(self, path: str, body: object, pointer: str) -> str:
        get = getter(path, self.roots) if len(path) <= 200 and operators.encodable(path) else None
        found = way(path, self.roots)
        if get is None or found is None:
            allowed = ", ".join("steps.<id>.event.…" if root == "steps" else f"{root}.…" for root in self.roots)
            known = f"use all, any, none, a path ({allowed})"
            more = f", or one of: {', '.join(SUBJECTS)}" if self.subjects else ""
            self.reader.wrong(pointer, f"{path[:100]!r} cannot be read here", known + more)
            return "False"
        base, names = found
        self.reads[path] = get
        if base == "attributes":
            self.names.add(names[0])
        elif base == "event":
            self.properties.add(names[0])
        asked = self.reader.object_of(body, pointer, "what is asked of a value")
        if not asked:
            if asked is not None:
                self.reader.wrong(pointer, "no operator", f"use one of: {', '.join(OPERATORS)}")
            return "False"
        code = self._read(base, names)
        plain = {name: operand for name, operand in asked.items() if name not in operators.TRACKED}
        parts = [self.operator(get, code, name, operand, at(pointer, name)) for name, operand in plain.items()]
        for name in operators.TRACKED:
            if name in asked:
                parts.append(self.tracked(path, base, names, name, plain, asked[name], at(pointer, name)))
        return every(parts)

    def _read(self, base: str, names: tuple[str, ...]) -> str:
        """An expression for a value."""
        if base == "id":
            return "s.id"
        if len(names) == 1 and base == "attributes":
            return f"s.attributes.get({self.keep(names[0])})"
        if len(names) == 1 and base == "event":
            return f"(None if s.event is None else s.event.get({self.keep(names[0])}))"
        return f"{self.keep(deep)}(s.{base}, {self.keep(names)})"

    def operator(self, get: Get, code: str, name: str, operand: Any, pointer: str) -> str:
        if name not in OPERATORS:
            self.reader.wrong(pointer, f"unknown operator {name[:60]!r}", f"use one of: {', '.join(OPERATORS)}")
            return "False"
        if name in TIMED:
            return self.related(get, code, name, operand, pointer)
        fix = operators.operand_fix(name, operand)
        if fix:
            self.reader.wrong(pointer, f"{name!r} cannot compare with {shown(operand)}", fix)
            return "False"
        if operators.dated(name, operand):
            low, high = map(fixed, operand)
            assert low is not None
            assert high is not None
            return self._span(get, code, between(low, high), timed=False)
        return operators.code(name, operand, code, f"v{len(self.constants)}", self.keep)

    def related(self, get: Get, code: str, name: str, operand: Any, pointer: str) -> str:
        found = relations.read(self.reader, name, operand, pointer)
        if found is None:
            return "False"
        if found.timed and not self.subjects:
            self.reader.wrong(pointer, "the properties of an event do not change by time", "compare with a date")
            return "False"
        return self._span(get, code, found.span, timed=found.timed)

    def _span(self, get: Get, code: str, span: SpanOf, *, timed: bool) -> str:
        self.needs.append(Needs(timed=timed, zoned=True))
        if timed:
            self.timers.append(lambda scope: next_of(span(get(scope), scope), scope.now))
            return f"{self.keep(lambda value, scope: holds(span(value, scope), scope.now))}({code}, s)"
        return f"({self.keep(span)}({code}, s) is not None)"

    # Instants of changes

    def tracked(
        self, path: str, base: str, names: tuple[str, ...], name: str, beside: dict[str, Any], operand: Any,
        pointer: str,
    ) -> str:  # fmt: skip
        length = self.reader.duration_of(operand, pointer, repr(name))
        if length is None:
            return "False"
        if base != "attributes" or not self.subjects:
            self.reader.wrong(pointer, f"{name!r} is asked of an attribute", "use it with customer.… or group.…")
            return "False"
        if name == "changed_within":
            id = query_id(kind="changed", path=path)
            self._track(Tracker(id, names[0], lambda attributes: deep(attributes, names), holds=False))
            return self._since(id, lambda since, zone: (since, shift(since, length, zone)))
        test = self._beside(path, beside, pointer)
        if test is None:
            return "False"
        id = query_id(kind="held", path=path, beside=beside)
        self._track(Tracker(id, names[0], lambda attributes: test(Scope("", attributes, {})), holds=True))
        return self._since(id, lambda since, zone: (shift(since, length, zone), ALWAYS[1]))

    def _beside(self, path: str, beside: dict[str, Any], pointer: str) -> Test | None:
        """What has held for a time: the operators beside `held_for`."""
        if not beside:
            self.reader.wrong(pointer, "'held_for' has nothing beside it", "write e.g. {equals: gold, held_for: P7D}")
            return None
        for name in beside:
            if name in TIMED or operators.dated(name, beside[name]):
                self.reader.wrong(pointer, f"'held_for' does not go with {name!r}", "ask for it in another line")
                return None
        inner = Compiler(Reader(), self.roots, subjects=False)
        return inner.whole({path: beside}, pointer).test

    def _track(self, tracker: Tracker) -> None:
        self.needs.append(Needs(trackers=(tracker,), timed=True, zoned=True))

    def _since(self, id: str, span: Callable[[int, Any], tuple[int, int]]) -> str:
        def of(scope: Scope) -> tuple[int, int] | None:
            since = scope.facts.tallies.get(id, NOTHING).last
            return span(since, scope.zone) if since else None

        self.timers.append(lambda scope: next_of(of(scope), scope.now))
        return f"{self.keep(lambda scope: holds(of(scope), scope.now))}(s)"


def on_properties(reader: Reader, body: object, pointer: str) -> tuple[Test, frozenset[str]] | None:
    """A condition on `event.*` alone: its test, and the properties that it reads; None: it is wrong."""
    before = len(reader.problems)
    compiler = Compiler(reader, ("event",), subjects=False)
    found = compiler.whole(body, pointer)
    return None if len(reader.problems) > before else (found.test, frozenset(compiler.properties))


def _of_spans(spans: SpansOf) -> Timer:
    def timer(scope: Scope) -> int:
        now = scope.now
        following = [later for span in spans(scope) if (later := next_of(span, now))]
        return min(following) if following else 0

    return timer


def _never(scope: Scope) -> bool:
    return False


def every(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"


def made(code: str, constants: dict[str, Any]) -> Test:
    """The function of an expression over `s`, a scope."""
    place = dict(constants)
    source = compile(f"def test(s):\n    return {code}", "<condition>", "exec")
    exec(source, place)  # noqa: S102 - no text of a definition is in it
    test: Test = place["test"]
    return test
