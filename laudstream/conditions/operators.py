"""Operators on values that have no time in them: their operands, and the Python expression that each becomes.

Numbers compare with numbers only, texts with texts only; true is not 1. `between` includes both ends, `contains` on
an array is membership.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from laudstream.conditions.dates import fixed

PLAIN = (
    "equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with", "in", "not_in", "exists",
    "not_exists", "less_than", "at_most", "greater_than", "at_least", "between", "length",
)  # fmt: skip
TIMED = ("before", "after", "on", "within_last", "within_next", "anniversary")
TRACKED = ("changed_within", "held_for")
"""These need the instant of a change, which is kept from when a condition asks for it."""
OPERATORS = (*PLAIN, *TIMED, *TRACKED)
"""They stay for ever."""

MAX_ITEMS = 10_000
MAX_TEXT = 1_000
"""Characters of a text that is compared with."""

_COMPARE = {"less_than": "<", "at_most": "<=", "greater_than": ">", "at_least": ">="}
LENGTHS = ("equals", "less_than", "at_most", "greater_than", "at_least", "between")
NUMBERS = frozenset((int, float))

Keep = Callable[[Any], str]
"""Puts a value among the constants of the code; gives its name."""


def number(value: object) -> bool:
    """A number that can be compared: not true, not false, finite."""
    return value.__class__ in NUMBERS and (isinstance(value, int) or math.isfinite(value))  # type: ignore[arg-type]


def text(value: object) -> bool:
    """A text that can be written in UTF-8."""
    return isinstance(value, str) and len(value) <= MAX_TEXT and encodable(value)


def encodable(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def same(left: object, right: object) -> bool:
    """Equality of JSON values: true is not 1, however deep."""
    if left is right:
        return True
    if left != right or isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return all(same(value, right[name]) for name, value in left.items())
    return not (isinstance(left, list) and isinstance(right, list)) or all(map(same, left, right))


def contains(value: object, operand: object) -> bool:
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    return isinstance(value, list) and any(same(item, operand) for item in value)


def among(items: list[Any]) -> Callable[[Any], bool]:
    """Whether a value is one of many, without looking at each."""
    flags = frozenset(item for item in items if isinstance(item, bool))
    others = frozenset(item for item in items if not isinstance(item, bool))

    def test(value: Any) -> bool:
        kind = value.__class__
        if kind is bool:
            return value in flags
        return (kind is str or kind in NUMBERS or value is None) and value in others

    return test


def length_of(value: object) -> int:
    """Characters of a text, items of an array; -1: it has no length."""
    return len(value) if isinstance(value, str | list) else -1


# Operands


def operand_fix(operator: str, operand: object) -> str:
    """What the operand should be; empty if it is right."""
    if operator in ("exists", "not_exists"):
        return "" if operand is True else "write true"
    if operator in ("in", "not_in"):
        right = isinstance(operand, list) and 0 < len(operand) <= MAX_ITEMS and all(map(_plain, operand))
        return "" if right else f"write a list of 1 to {MAX_ITEMS} values"
    if operator == "between":
        return "" if isinstance(operand, list) and _range(operand) else "write [lowest, highest]"
    if operator in ("starts_with", "ends_with"):
        return "" if operand and text(operand) else "write a text"
    if operator in _COMPARE:
        return "" if number(operand) or text(operand) else "write a number"
    if operator == "length":
        return _length_fix(operand)
    right = _plain(operand) and (operand is not None or "equals" in operator)
    return "" if right else "write a text, a number, true or false"


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool) or number(value) or text(value)


def _range(ends: list[Any]) -> bool:
    if len(ends) != 2:
        return False
    low, high = ends
    return ((number(low) and number(high)) or (text(low) and text(high))) and low <= high


def _length_fix(operand: object) -> str:
    fix = "write a whole number, or e.g. {at_least: 3}"
    if not isinstance(operand, dict):
        return "" if _whole(operand) else fix
    right = operand and all(
        name in LENGTHS
        and (
            isinstance(asked, list) and len(asked) == 2 and all(map(_whole, asked)) and asked[0] <= asked[1]
            if name == "between"
            else _whole(asked)
        )
        for name, asked in operand.items()
    )
    return "" if right else fix


def _whole(value: object) -> bool:
    return value.__class__ is int and 0 <= value <= 1_000_000


# Code


def code(operator: str, operand: Any, value: str, spare: str, keep: Keep) -> str:
    """A Python expression; `value`: the one for the value, `spare`: a name that it may use."""
    if operator.startswith("not_"):
        positive = {"not_equals": "equals", "not_contains": "contains", "not_in": "in", "not_exists": "exists"}
        return f"(not {code(positive[operator], operand, value, spare, keep)})"
    if operator == "equals":
        return _equals(operand, value, spare, keep)
    if operator == "exists":
        return f"({value} is not None)"
    if operator == "contains":
        return f"{keep(contains)}({value}, {keep(operand)})"
    if operator == "in":
        if all(isinstance(item, str) for item in operand):
            return f"(({spare} := {value}).__class__ is str and {spare} in {keep(frozenset(operand))})"
        return f"{keep(among(operand))}({value})"
    if operator in ("starts_with", "ends_with"):
        method = "startswith" if operator == "starts_with" else "endswith"
        return f"(({spare} := {value}).__class__ is str and {spare}.{method}({keep(operand)}))"
    if operator == "length":
        asked = operand if isinstance(operand, dict) else {"equals": operand}
        size = f"{keep(length_of)}({value})"
        return _every([f"(({spare} := {size}) >= 0 and {_length(*item, spare, keep)})" for item in asked.items()])
    kind = "is str" if isinstance(operand[0] if operator == "between" else operand, str) else f"in {keep(NUMBERS)}"
    if operator == "between":
        low, high = map(keep, operand)
        return f"(({spare} := {value}).__class__ {kind} and {low} <= {spare} <= {high})"
    return f"(({spare} := {value}).__class__ {kind} and {spare} {_COMPARE[operator]} {keep(operand)})"


def _equals(operand: Any, value: str, spare: str, keep: Keep) -> str:
    if operand is None or isinstance(operand, bool):
        return f"({value} is {operand})"
    if isinstance(operand, str):
        return f"({value} == {keep(operand)})"
    return f"(({spare} := {value}) == {keep(operand)} and {spare}.__class__ is not bool)"


def _length(operator: str, operand: Any, size: str, keep: Keep) -> str:
    if operator == "between":
        return f"{keep(operand[0])} <= {size} <= {keep(operand[1])}"
    return f"{size} {'==' if operator == 'equals' else _COMPARE[operator]} {keep(operand)}"


def _every(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"


def dated(operator: str, operand: Any) -> bool:
    """Whether `between` compares dates: both ends are some."""
    return operator == "between" and all(fixed(end) is not None for end in operand)
