"""Every rule of docs/rules.md has a test that names it, in its name (test_r6_…) or in its docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
RULES = TESTS.parent / "docs" / "rules.md"

_STATED = re.compile(r"\*\*(R\d+)\*\*")
_NAMED = re.compile(r"(?<![a-z0-9])r(\d+)(?![a-z0-9])")


def stated() -> set[str]:
    return set(_STATED.findall(RULES.read_text(encoding="utf-8")))


def written() -> Iterator[tuple[str, str]]:
    """(name, docstring) of each test but these, which name rules and prove none."""
    for path in TESTS.rglob("test_*.py"):
        if path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name, ast.get_docstring(node) or ""


@cache
def named() -> frozenset[str]:
    found: set[str] = set()
    for name, docstring in written():
        numbers = _NAMED.findall(name.replace("_", " ")) + re.findall(r"\bR(\d+)\b", docstring)
        found |= {f"R{number}" for number in numbers}
    return frozenset(found)


def test_docs_state_the_rules_r1_to_r60() -> None:
    assert stated() == {f"R{number}" for number in range(1, 61)}


def test_every_rule_has_a_test_that_names_it() -> None:
    missing = sorted(stated() - named(), key=lambda rule: int(rule[1:]))
    assert not missing, f"no test names {', '.join(missing)}"
