"""A subject of a condition besides paths: what may be asked of it, as a test and the times at which it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from laudstream.conditions.dates import ALWAYS, Span
from laudstream.conditions.needs import Needs
from laudstream.conditions.scope import Scope
from laudstream.journey.durations import Duration
from laudstream.journey.reader import Reader

SpansOf = Callable[[Scope], Iterable[Span]]
"""The spans in which it holds."""


class Subject(NamedTuple):
    test: Callable[[Scope], bool]
    label: str
    """Its name in a decision."""
    show: Callable[[Scope], Any]
    """What was looked at."""
    needs: Needs
    spans: SpansOf | None = None
    """None: no time is in it."""


def timed(spans: SpansOf) -> Callable[[Scope], bool]:
    def test(scope: Scope) -> bool:
        now = scope.now
        return any(start <= now < end for start, end in spans(scope))

    return test


def always(true: bool) -> tuple[Span, ...]:
    return (ALWAYS,) if true else ()


def longest_days(length: Duration) -> int:
    """Days that a duration may take at most."""
    return length.months * 31 + length.days + -(-length.ms // 86_400_000)


def within_horizon(reader: Reader, length: Duration, pointer: str) -> None:
    """Refuses to look back further than the history goes (R58)."""
    horizon = reader.horizon
    if horizon is not None and longest_days(length) > longest_days(horizon):
        reader.wrong(
            pointer,
            f"{length.text} looks back beyond the history, which goes {horizon.text} back",
            f"use at most {horizon.text}, or ask for the first, the last, or a count without a period",
        )
