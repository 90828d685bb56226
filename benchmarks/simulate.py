"""The time machine on one core: events a second, and what else is worked through beside them.

`cdnow`: the 69,659 purchases of the demo through the demo's journey, one after another, with all deliveries and timers.
`idle`: events that no journey listens to. `counted`: events that bring a wait nearer to its number. Times are CPU time,
the best of some rounds, without reading files. `core_us_an_input` is what the pure core alone takes for the same
inputs, `rest_us_an_input` all else (order, timers, deliveries, counting).
Gate: the totals are those of arithmetic on the file, and every event is handled once.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.advance import empty_loop_ns
from laudstream.cli.files import load
from laudstream.customers.event import Event
from laudstream.journey import advance as core
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import Input, Moment, Outcome
from laudstream.local import cdnow
from laudstream.simulate import world as worlds
from laudstream.simulate.plan import Definition, Plan, run
from laudstream.simulate.post import Post
from laudstream.simulate.report import Report

LOCAL = Path(__file__).parents[1] / "local-env"
START, RATE, PEOPLE = 1_767_225_600_000, 1_000, 20_000


def measure(*, quick: bool) -> dict[str, Any]:
    purchases = cdnow.read(LOCAL / "data" / cdnow.FILE)
    expected = cdnow.expected(purchases)
    rounds = 3 if quick else 7
    plan = _demo(purchases)
    report = _best(plan, rounds)
    (journey,) = report.journeys
    mails = sum(template.requested for template in journey.templates)
    idle, counted = (_best(_plain(name, 100_000 if quick else 500_000), rounds) for name in ("browse", "open"))
    shown = {"cdnow": _figures(report), "idle": _figures(idle), "counted": _figures(counted)}
    alone, rest = _apart(plan, rounds)
    shown["cdnow"] |= {"core_us_an_input": _us(alone, report), "rest_us_an_input": _us(rest, report)}
    return {
        "correct": (journey.entered, mails) == (expected.entries, expected.mails)
        and all(one.handled["events"] == one.events for one in (report, idle, counted)),
        "machine_empty_loop_ns": empty_loop_ns(),
        **shown,
    }


def _best(plan: Plan, rounds: int) -> Report:
    reports = []
    for _ in range(rounds):
        gc.collect()
        gc.freeze()
        reports.append(run(plan))
    return min(reports, key=lambda report: report.cpu_seconds)


def _figures(report: Report) -> dict[str, Any]:
    inputs = sum(report.handled.values())
    return {
        **report.handled,
        "customers": report.customers,
        "decisions": report.decisions,
        "cpu_seconds": round(report.cpu_seconds, 2),
        "events_per_second": round(report.events / report.cpu_seconds),
        "inputs_per_second": round(inputs / report.cpu_seconds),
    }


def _us(seconds: float, report: Report) -> float:
    return round(seconds * 1e6 / sum(report.handled.values()), 1)


def _demo(purchases: list[cdnow.Purchase]) -> Plan:
    items = [*load(LOCAL / "templates"), *load(LOCAL / "journeys" / "second-purchase.yaml")]
    made = [Definition(item.kind, item.id, item.body) for item in items]
    posts = []
    for number, one in enumerate(purchases):
        at = START + number * 1000 // RATE
        properties = {"amount": one.amount, "cds": one.cds, "day": one.day}
        posts.append(Post(at, one.customer, Event(f"cdnow-{one.line}", "track", "purchase", properties, at, at)))
    return Plan(
        definitions=made,
        customers={row.pop("id"): row for row in cdnow.customers(purchases)},
        posts=posts,
        begin=START,
    )


def _plain(name: str, events: int) -> Plan:
    """Everyone waits for very many `open`; then come events of that name or of another."""
    look = {"wait": {"branches": [{"event": {"name": "open"}, "count": 1_000, "next": "done"}]}}
    body = {
        "id": "plain",
        "entry": [{"event": {"name": "enter"}}],
        "start": "look",
        "steps": {"look": look, "done": {"exit": {"outcome": "done"}}},
    }
    posts = [_post(START, number, "enter", number) for number in range(PEOPLE if name == "open" else 0)]
    posts += [_post(START + 1 + number, number * 7919 % PEOPLE, name, PEOPLE + number) for number in range(events)]
    customers = {f"c{number}": {"email": f"c{number}@example.org"} for number in range(PEOPLE)}
    return Plan(definitions=[Definition("journey", "plain", body)], customers=customers, posts=posts, begin=START)


def _post(at: int, customer: int, name: str, number: int) -> Post:
    return Post(at, f"c{customer}", Event(f"m{number}", "track", name, {"amount": 40}, at, at))


def _apart(plan: Plan, rounds: int) -> tuple[float, float]:
    """CPU seconds of `advance` alone for the inputs of a plan, and of all else: inputs and outcomes are noted in one
    run, the inputs handed over again, and the outcomes given back to another run in place of the core."""
    noted: list[tuple[Customer, Input, Moment, Catalog]] = []
    outcomes: list[Outcome] = []

    def note(*handed: Any) -> Outcome:
        noted.append(handed)  # type: ignore[arg-type]  # the arguments of advance
        outcomes.append(core.advance(*handed))
        return outcomes[-1]

    report = _with(note, plan)
    mine = noted[-sum(report.handled.values()) :]
    alone, rest = float("inf"), float("inf")
    for _ in range(rounds):
        gc.collect()
        gc.freeze()
        gc.disable()
        began = time.process_time()
        for customer, input, moment, catalog in mine:
            core.advance(customer, input, moment, catalog)
        alone = min(alone, time.process_time() - began)
        gc.enable()
        known = iter(outcomes)
        rest = min(rest, _with(lambda *_: next(known), plan).cpu_seconds)  # noqa: B023 - called within the round
    return alone, rest


def _with(advance: Callable[..., Outcome], plan: Plan) -> Report:
    """A run with this in place of the core."""
    was, worlds.advance = worlds.advance, advance
    try:
        return run(plan)
    finally:
        worlds.advance = was
