"""Microseconds that the pure core takes for one input, by kind. `python -m benchmarks.advance` prints JSON.

Each figure is CPU time an input, in the best batch of 200 customers of 7 passes over 4,000. One core, no I/O; state
is encoded and decoded in the last two only. `machine_empty_loop_ns` says how fast the machine was just then.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

from laudstream.customers.event import Event
from laudstream.customers.row import Row
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import decode, empty, encode
from laudstream.journey.control import Control
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import EventInput, Input, Moment, Outcome, RowInput, TimerInput, TouchInput

WORKSPACE = "benchmark1"
NOW = 1_800_000_000_000
PASSES, INPUTS, BATCH = 7, 4_000, 200

JOURNEY: dict[str, Any] = {
    "id": "order",
    "entry": [{"event": {"name": "order"}, "reentry": "always"}],
    "exit": [{"event": {"name": "leave"}, "outcome": "left"}],
    "start": "welcome",
    "steps": {
        "welcome": {"message": {"channel": "email", "template": "hello"}, "next": "arms"},
        "arms": {"experiment": {"arms": {"a": 50, "b": 50}}, "next": "plan"},
        "plan": {
            "split": {
                "branches": [{"condition": {"customer.plan": {"equals": "free"}}, "next": "look"}],
                "else": "look",
            }
        },
        "look": {
            "wait": {
                "branches": [{"event": {"name": "open"}, "count": 2, "next": "hour"}],
                "timeout": {"after": "PT1H", "next": "done"},
            }
        },
        "hour": {"delay": {"for": "PT1H"}, "next": "done"},
        "done": {"exit": {"outcome": "asked"}},
    },
}
DAILY: dict[str, Any] = {
    "id": "daily",
    "entry": [
        {
            "audience": {"every": {"days": 1, "at": "09:00"}, "zone": "customer"},
            "where": {"customer.plan": {"equals": "gold"}},
        }
    ],
    "start": "done",
    "steps": {"done": {"exit": {"outcome": "asked"}}},
}
TEMPLATE = {"channel": "email", "subject": "Hello", "html": "<p>{{ customer.first_name | default: 'you' }}</p>"}


def catalog() -> Catalog:
    bodies = {("journey", "order"): JOURNEY, ("template", "hello"): TEMPLATE}
    made = Catalog()
    for seq, (kind, id) in enumerate(reversed(bodies), 1):
        control = Control(seq, WORKSPACE, kind, id, 1, "live")
        made = made.apply(control, 0, lambda workspace, kind, id, version: bodies[kind, id])
    return made


def event(name: str, number: int) -> EventInput:
    properties = {"cds": 2, "amount": 29.33, "date": "19970101"}
    return EventInput(("laudstream.events", 0, number), Event(f"m{number}", "track", name, properties, NOW, NOW))


def customers(rules: Catalog, *inputs: Input) -> list[Customer]:
    made = []
    row = RowInput(("laudstream.rows", 0, 1), Row(1, 1, {"email": "ann@example.org", "first_name": "Ann"}, NOW))
    for number in range(INPUTS):
        customer = empty(WORKSPACE, f"c{number}")
        for input in (row, *inputs):
            customer = advance(customer, input, Moment(NOW, NOW), rules).customer
        made.append(customer)
    return made


def with_alarms() -> Catalog:
    control = Control(1, WORKSPACE, "journey", "daily", 1, "live")
    return Catalog().apply(control, NOW, lambda workspace, kind, id, version: DAILY)


def touched(rules: Catalog, touch: TouchInput | None, number: int, plan: str) -> Customer:
    """A customer who is there when a daily audience is published, and has been looked at for it (with `touch`)."""
    row = Row(1, 1, {"email": "ann@example.org", "plan": plan, "timezone": "Europe/Berlin"}, NOW)
    moment, made = Moment(NOW, NOW), empty(WORKSPACE, f"c{number}")
    for input in (RowInput(("laudstream.rows", 0, 1), row), *([touch] if touch is not None else [])):
        made = advance(made, input, moment, rules if input is touch else Catalog()).customer
    return made


def timed(run: Callable[[Customer, int], object], before: list[Customer]) -> float:
    """µs an input, in the best batch of all passes."""
    best = float("inf")
    for _ in range(PASSES):
        gc.collect()
        gc.freeze()
        for start in range(0, len(before), BATCH):
            batch = list(enumerate(before[start : start + BATCH], start))
            began = time.process_time()
            for number, customer in batch:
                run(customer, number)
            best = min(best, time.process_time() - began)
    return round(best * 1e6 / BATCH, 2)


def empty_loop_ns() -> float:
    """ns of one turn of an empty loop: how fast this machine is just now."""
    best = float("inf")
    for _ in range(200):
        began = time.process_time()
        for _ in range(10_000):
            pass
        best = min(best, time.process_time() - began)
    return round(best * 1e5, 1)


def measure(*, quick: bool = False) -> dict[str, float]:
    rules = catalog()
    moment, later = Moment(NOW, NOW), Moment(NOW + 7_200_000, NOW + 7_200_000)
    idle, waiting = customers(rules), customers(rules, event("order", 0))
    counted = customers(rules, event("order", 0), event("open", 1))
    delayed = customers(rules, event("order", 0), event("open", 1), event("open", 2))
    many = customers(rules, *(event(f"other {number}", number) for number in range(300)))
    names = ("order", "open", "leave", "browse")
    inputs = {name: [event(name, 1_000 + number) for number in range(INPUTS)] for name in names}

    def hand(name: str) -> Callable[[Customer, int], Outcome]:
        return lambda customer, number: advance(customer, inputs[name][number], moment, rules)

    timer = TimerInput(NOW + 3_600_000)
    after = [advance(customer, event("order", 9), moment, rules).customer for customer in idle]
    alarms, touch = with_alarms(), TouchInput(1)
    armed = {plan: [touched(alarms, touch, number, plan) for number in range(INPUTS)] for plan in ("gold", "free")}
    untouched = [touched(alarms, None, number, "gold") for number in range(INPUTS)]

    def ring(customer: Customer, _: int) -> Outcome:
        due = customer.core.wake_at
        return advance(customer, TimerInput(due), Moment(due, due), alarms)

    parts = [{suffix: value for suffix, value in encode(None, customer) if value} for customer in after]
    return {
        "machine_empty_loop_ns": empty_loop_ns(),
        "event_no_match": timed(hand("browse"), idle),
        "event_no_match_256_remembered": timed(hand("browse"), many),
        "event_no_match_run_waiting": timed(hand("browse"), waiting),
        "event_seen_before": timed(lambda customer, _: advance(customer, event_seen, moment, rules), waiting)
        if (event_seen := event("order", 0))
        else 0.0,
        "enter_message_experiment_split_wait": timed(hand("order"), idle),
        "wait_counts": timed(hand("open"), waiting),
        "wait_to_delay": timed(hand("open"), counted),
        "exit_rule": timed(hand("leave"), waiting),
        "entry_refused": timed(hand("order"), waiting),
        "timer_wait_to_end": timed(lambda customer, _: advance(customer, timer, later, rules), waiting),
        "timer_delay_to_end": timed(lambda customer, _: advance(customer, timer, later, rules), delayed),
        "look_arms_audience": timed(lambda customer, _: advance(customer, touch, moment, alarms), untouched),
        "alarm_enters": timed(ring, armed["gold"]),
        "alarm_no_match": timed(ring, armed["free"]),
        "encode_core_and_recent": timed(lambda customer, number: encode(idle[number], customer), after),
        "decode": timed(lambda customer, number: decode(WORKSPACE, customer.id, parts[number]), after),
    }


def main() -> None:
    print(json.dumps(measure(), indent=2))


if __name__ == "__main__":
    main()
