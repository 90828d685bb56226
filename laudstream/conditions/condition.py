"""A condition that was read: its test, and what may be known of it besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from laudstream.conditions.needs import NONE, Needs
from laudstream.conditions.scope import Get, Scope

LOOKED_AT = 200  # characters of a text that a decision keeps

Test = Callable[[Scope], bool]
Timer = Callable[[Scope], int]
"""When a part of a condition changes next by time alone, ms; 0: never."""


class Condition(msgspec.Struct, frozen=True, gc=False):
    test: Test
    reads: tuple[tuple[str, Get], ...]
    needs: Needs = NONE
    timers: tuple[Timer, ...] = ()

    def looked_at(self, scope: Scope) -> dict[str, Any]:
        """The values that it reads, for the decision."""
        return {path: _short(get(scope)) for path, get in self.reads}

    def next_change(self, scope: Scope) -> int:
        """The first instant after `scope.now` at which it can change by time alone, ms; 0: none."""
        following = [later for timer in self.timers if (later := timer(scope))]
        return min(following) if following else 0


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LOOKED_AT]
    if isinstance(value, list):
        return f"list of {len(value)}"
    if isinstance(value, dict) and not (len(value) <= 3 and {"count", "member", "at"} & value.keys()):
        return f"dict of {len(value)}"
    return value
