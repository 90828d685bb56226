"""Two simulations of the same inputs, customer by customer: who gets more, fewer or other messages under B (R59).

A message is compared by its template, so that steps may be renamed and moved. What is kept of a decision is what a
comparison needs, so that millions fit into memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from laudstream.journey.decision import Decision
from laudstream.messages.request import SendRequest
from laudstream.simulate.listener import Listener

CLASSES = ("same", "shifted", "more", "fewer", "other")
"""same: the same templates at the same times; shifted: the same templates at other times; more, fewer: another number;
other: as many, but of other templates."""


class Got(NamedTuple):
    """A message that was requested."""

    at: int
    template: str


class Why(NamedTuple):
    """A decision that may say why: an entry or its refusal, a branch, a refused message, an end."""

    at: int
    kind: str
    journey: str
    step: str
    branch: str
    reason: str
    outcome: str


class Diary(Listener):
    """What each customer got, and why."""

    ids = False

    def __init__(self) -> None:
        self.got: dict[str, list[Got]] = {}
        self.why: dict[str, list[Why]] = {}

    def requested(self, request: SendRequest) -> None:
        self.got.setdefault(request.customer, []).append(Got(request.requested_at, request.template))

    def decided(self, d: Decision) -> None:
        if d.kind == "delivery" or (d.kind == "message" and not d.reason):
            return
        why = Why(d.at, d.kind, d.journey, d.step, d.branch, d.reason, d.outcome)
        self.why.setdefault(d.customer, []).append(why)


class Difference(msgspec.Struct, omit_defaults=True):
    """One customer who does not get the same."""

    customer: str
    kind: str
    """One of CLASSES but `same`."""
    a: list[Got]
    b: list[Got]
    why_a: list[Why]
    """Decisions under A that B does not have in the same way, in their order; without their times."""
    why_b: list[Why]


class Comparison(msgspec.Struct):
    customers: int
    """Who has a decision under A or B."""
    classes: dict[str, int]
    messages_a: int
    messages_b: int
    templates: dict[str, tuple[int, int]]
    """Template -> messages under A, under B."""


def compare(a: Diary, b: Diary) -> Comparison:
    everyone = {**a.why, **b.why, **a.got, **b.got}
    classes = Counter(dict.fromkeys(CLASSES, 0))
    for customer in everyone:
        classes[kind_of(a.got.get(customer, []), b.got.get(customer, []))] += 1
    counts_a, counts_b = _templates(a), _templates(b)
    templates = {name: (counts_a[name], counts_b[name]) for name in sorted({*counts_a, *counts_b})}
    return Comparison(len(everyone), dict(classes), counts_a.total(), counts_b.total(), templates)


def differences(a: Diary, b: Diary) -> Iterator[Difference]:
    """Everyone who does not get the same, in the order of ids."""
    for customer in sorted({*a.got, *b.got}):
        got_a, got_b = a.got.get(customer, []), b.got.get(customer, [])
        kind = kind_of(got_a, got_b)
        if kind != "same":
            why_a, why_b = _apart(a.why.get(customer, []), b.why.get(customer, []))
            yield Difference(customer, kind, got_a, got_b, why_a, why_b)


def kind_of(a: list[Got], b: list[Got]) -> str:
    if a == b:
        return "same"
    if len(a) != len(b):
        return "more" if len(b) > len(a) else "fewer"
    return "shifted" if sorted(got.template for got in a) == sorted(got.template for got in b) else "other"


def _apart(a: list[Why], b: list[Why]) -> tuple[list[Why], list[Why]]:
    """What one has and the other has not, whenever it happened."""
    return _without(a, b), _without(b, a)


def _without(one: list[Why], other: list[Why]) -> list[Why]:
    there = Counter(why[1:] for why in other)
    rest = []
    for why in one:
        if there[why[1:]] > 0:
            there[why[1:]] -= 1
        else:
            rest.append(why)
    return rest


def _templates(diary: Diary) -> Counter[str]:
    return Counter(got.template for messages in diary.got.values() for got in messages)


def words(why: Why) -> str:
    """`entered`, `refused: cap`, `look –timeout→`, …"""
    if why.kind == "moved":
        return f"{why.step} –{why.branch}→"
    if why.kind == "message":
        return f"message at {why.step}: {why.reason}"
    if why.kind == "ended":
        return f"ended: {why.outcome or why.reason}"
    return " ".join(filter(None, (why.kind.replace("_", " "), why.reason)))
