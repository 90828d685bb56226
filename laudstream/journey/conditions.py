"""Conditions: read once, run as closures.

    {customer.plan: {equals: pro}, event.amount: {greater_than: 100}}     every line holds
    {all: [...]}, {any: [...]}, {none: [...]}                             nodes over conditions

A path begins with customer, entry, event or steps.<id>.event; a missing value is null (R25). `between` includes
both ends. `contains` on an array is membership. Numbers compare with numbers only, texts with texts only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from laudstream.journey.customer import Entered
from laudstream.journey.reader import PLANNED, Reader, at

MAX_DEPTH = 10
LOOKED_AT = 200  # characters of a text that a decision keeps


class Scope:
    """What conditions may look at."""

    __slots__ = ("_entry", "attributes", "event", "id", "steps")

    def __init__(
        self,
        id: str,
        attributes: dict[str, Any],
        entry: dict[str, Any] | Entered,
        event: dict[str, Any] | None = None,
        steps: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.id = id
        self.attributes = attributes
        self._entry = entry
        self.event = event
        self.steps = steps

    @property
    def entry(self) -> dict[str, Any]:
        entry = self._entry
        if isinstance(entry, Entered):
            entry = self._entry = entry.properties
        return entry


Get = Callable[[Scope], Any]
Test = Callable[[Scope], bool]


class Condition(msgspec.Struct, frozen=True, gc=False):
    test: Test
    reads: tuple[tuple[str, Get], ...]

    def looked_at(self, scope: Scope) -> dict[str, Any]:
        """The values that it reads, for the decision."""
        return {path: _short(get(scope)) for path, get in self.reads}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LOOKED_AT]
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, dict | list) else value


# Paths


def getter(path: str, roots: tuple[str, ...]) -> Get | None:
    """Reads `path` in a scope; None if it is no path below one of `roots`."""
    root, *rest = path.split(".")
    if root not in roots or not rest or not all(rest):
        return None
    if root == "customer":
        if rest == ["id"]:
            return lambda scope: scope.id
        return _deep(lambda scope: scope.attributes, rest)
    if root == "entry":
        return _deep(lambda scope: scope.entry, rest)
    if root == "event":
        return _deep(lambda scope: scope.event, rest)
    if root == "steps" and (rest[1:] == ["events"] or (len(rest) > 2 and rest[1] == "event")):
        return _deep(lambda scope: scope.steps, rest)
    return None


def _deep(base: Get, names: list[str]) -> Get:
    first, *others = names

    def shallow(scope: Scope) -> Any:
        found = base(scope)
        return None if found is None else found.get(first)

    def deep(scope: Scope) -> Any:
        found = base(scope)
        for name in names:
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found

    return deep if others else shallow


# Operators


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(left: object, right: object) -> bool:
    """Equality of JSON values: true is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _ordered(value: object, operand: object) -> bool:
    return (_number(value) and _number(operand)) or (isinstance(value, str) and isinstance(operand, str))


def _contains(value: object, operand: object) -> bool:
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    return isinstance(value, list) and any(same(item, operand) for item in value)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": same,
    "not_equals": lambda value, operand: not same(value, operand),
    "contains": _contains,
    "not_contains": lambda value, operand: not _contains(value, operand),
    "starts_with": lambda value, operand: isinstance(value, str) and value.startswith(operand),
    "ends_with": lambda value, operand: isinstance(value, str) and value.endswith(operand),
    "in": lambda value, operand: any(same(value, item) for item in operand),
    "not_in": lambda value, operand: not any(same(value, item) for item in operand),
    "exists": lambda value, operand: value is not None,
    "not_exists": lambda value, operand: value is None,
    "less_than": lambda value, operand: _ordered(value, operand) and value < operand,
    "at_most": lambda value, operand: _ordered(value, operand) and value <= operand,
    "greater_than": lambda value, operand: _ordered(value, operand) and value > operand,
    "at_least": lambda value, operand: _ordered(value, operand) and value >= operand,
    "between": lambda value, operand: _ordered(value, operand[0]) and operand[0] <= value <= operand[1],
}
"""Operator -> whether (value, operand) satisfies it."""

PLANNED_OPERATORS = (
    "before", "after", "on", "within_last", "within_next", "anniversary", "length", "changed_within", "held_for",
)  # fmt: skip


def _operand_fix(operator: str, operand: object) -> str:
    """What the operand should be; empty if it is right."""
    if operator in ("exists", "not_exists"):
        return "" if operand is True else "write true"
    if operator in ("in", "not_in"):
        right = isinstance(operand, list) and operand and not any(isinstance(item, dict | list) for item in operand)
        return "" if right else "write a list of values"
    if operator == "between":
        right = isinstance(operand, list) and len(operand) == 2 and _ordered(*operand) and operand[0] <= operand[1]
        return "" if right else "write [lowest, highest]"
    if operator in ("starts_with", "ends_with"):
        return "" if isinstance(operand, str) and operand else "write a text"
    if operator in ("less_than", "at_most", "greater_than", "at_least"):
        return "" if _number(operand) or isinstance(operand, str) else "write a number"
    right = isinstance(operand, str | bool) or _number(operand) or (operand is None and "equals" in operator)
    return "" if right else "write a text, a number, true or false"


# Reading


class _Compiler:
    def __init__(self, reader: Reader, roots: tuple[str, ...]) -> None:
        self.reader = reader
        self.roots = roots
        self.reads: dict[str, Get] = {}

    def node(self, body: object, pointer: str, depth: int = 0) -> Test:
        found = self.reader.object_of(body, pointer, "a condition")
        if not found or depth > MAX_DEPTH:
            if found is not None:
                self.reader.wrong(pointer, "the condition is empty or too deep", f"nest at most {MAX_DEPTH} nodes")
            return _never
        return _every([self.line(key, value, at(pointer, key), depth) for key, value in found.items()])

    def line(self, key: str, value: object, pointer: str, depth: int) -> Test:
        if key not in ("all", "any", "none"):
            return self.value(key, value, pointer)
        items = self.reader.list_of(value, pointer, f"{key!r}")
        tests = [self.node(item, at(pointer, index), depth + 1) for index, item in enumerate(items)]
        if key == "all":
            return _every(tests)
        if key == "any":
            return lambda scope: any(test(scope) for test in tests)
        return lambda scope: not any(test(scope) for test in tests)

    def value(self, path: str, body: object, pointer: str) -> Test:
        get = getter(path, self.roots)
        if get is None:
            allowed = ", ".join("steps.<id>.event.…" if root == "steps" else f"{root}.…" for root in self.roots)
            self.reader.wrong(pointer, f"{path!r} cannot be read here", f"use all, any, none, or a path: {allowed}")
            return _never
        self.reads[path] = get
        operators = self.reader.object_of(body, pointer, "what is asked of a value")
        if not operators:
            if operators is not None:
                self.reader.wrong(pointer, "no operator", f"use one of: {', '.join(OPERATORS)}")
            return _never
        return _every([self.operator(get, name, operand, pointer) for name, operand in operators.items()])

    def operator(self, get: Get, name: str, operand: Any, pointer: str) -> Test:
        compare = OPERATORS.get(name)
        if compare is None:
            known = f"use one of: {', '.join(OPERATORS)}"
            message = f"{name!r}: {PLANNED}" if name in PLANNED_OPERATORS else f"unknown operator {name!r}"
            self.reader.wrong(at(pointer, name), message, known)
            return _never
        fix = _operand_fix(name, operand)
        if fix:
            self.reader.wrong(at(pointer, name), f"{name!r} cannot compare with {operand!r}", fix)
            return _never
        return lambda scope: compare(get(scope), operand)


def _never(scope: Scope) -> bool:
    return False


def _every(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda scope: all(test(scope) for test in tests)


def read(reader: Reader, body: object, pointer: str, roots: tuple[str, ...]) -> Condition:
    """The condition at `pointer`; what is wrong with it goes to `reader`. `roots`: what its paths may begin with."""
    compiler = _Compiler(reader, roots)
    test = compiler.node(body, pointer)
    return Condition(test, tuple(compiler.reads.items()))
