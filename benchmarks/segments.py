"""What segments cost: CPU time an input in a workspace with 10 and with 1,000 segments, of which it touches the same.

An event is counted by 5 segments and changes none; a row changes an attribute that 5 others ask for and takes the
customer into them and out again. `ratio_…` is 1,000 against 10 segments, measured in turn; `correct`: at most 1.2.
"""

from __future__ import annotations

import gc
import time
from typing import Any

from benchmarks.advance import NOW, WORKSPACE, empty_loop_ns, event
from laudstream.customers.row import Row
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import empty
from laudstream.journey.control import Control
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import Input, Moment, RowInput

TOUCHED = 5
MOST = 1.2
BATCH = 200


def catalog(segments: int) -> Catalog:
    """The first ten are touched by what comes; of the others each asks for an event or an attribute of its own."""
    made = Catalog()
    for number in range(segments):
        if number < TOUCHED:
            condition: dict[str, Any] = {"event": {"name": "order", "at_least": 1_000 - number, "within": "P30D"}}
        elif number < 2 * TOUCHED:
            condition = {"customer.plan": {"in": ["gold", f"plan {number}"]}}
        elif number % 2:
            condition = {"event": {"name": f"event {number}", "at_least": 3, "within": "P7D"}}
        else:
            condition = {f"customer.attribute_{number}": {"equals": number}}
        body = {"id": f"s{number}", "condition": condition}
        control = Control(number + 1, WORKSPACE, "segment", body["id"], 1, "live")
        made = made.apply(control, NOW - 1_000, lambda workspace, kind, id, version, body=body: body)
    return made


def customers(rules: Catalog, count: int) -> list[Customer]:
    row = RowInput(("laudstream.rows", 0, 1), Row(1, 1, {"email": "ann@example.org", "plan": "free"}, NOW))
    made = [advance(empty(WORKSPACE, f"c{number}"), row, Moment(NOW, NOW), rules).customer for number in range(count)]
    order = event("order", 0)
    return [advance(customer, order, Moment(NOW, NOW), rules).customer for customer in made]


def timed(rules: Catalog, before: list[Customer], inputs: list[Input]) -> float:
    """µs an input, in this batch."""
    moment = Moment(NOW, NOW)
    began = time.process_time()
    for customer, input in zip(before, inputs, strict=True):
        advance(customer, input, moment, rules)
    return (time.process_time() - began) * 1e6 / len(before)


def measure(*, quick: bool = False) -> dict[str, Any]:
    passes = 40 if quick else 200
    worlds = {size: catalog(size) for size in (10, 1_000)}
    present = {size: customers(rules, BATCH) for size, rules in worlds.items()}
    gold = Row(1, 2, {"email": "ann@example.org", "plan": "gold"}, NOW)
    inputs: dict[str, list[Input]] = {
        "event_counted": [event("order", 1_000 + number) for number in range(BATCH)],
        "event_no_match": [event("browse", 1_000 + number) for number in range(BATCH)],
        "row_enters_5": [RowInput(("laudstream.rows", 0, 2), gold) for _ in range(BATCH)],
    }
    figures: dict[str, Any] = {"machine_empty_loop_ns": empty_loop_ns()}
    gc.collect()
    gc.freeze()
    for name, handed in inputs.items():
        best = dict.fromkeys(worlds, float("inf"))
        for _ in range(passes):
            for size, rules in worlds.items():
                best[size] = min(best[size], timed(rules, present[size], handed))
        for size, found in best.items():
            figures[f"{name}_of_{size}"] = round(found, 2)
        figures[f"ratio_{name}"] = round(best[1_000] / best[10], 3)
    entered = advance(present[1_000][0], inputs["row_enters_5"][0], Moment(NOW, NOW), worlds[1_000]).customer
    figures["correct"] = len(entered.core.segments) == TOUCHED and all(
        figures[f"ratio_{name}"] <= MOST for name in inputs
    )
    return figures
