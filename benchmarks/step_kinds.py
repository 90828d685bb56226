"""Microseconds that the pure core takes for one step, by its kind.

Kinds that runs pass at once: ten such steps in a row less none, by ten. Kinds at which they rest: the whole input, a
timer or an event, that takes a run from one such step to the next. CPU time, as in `benchmarks advance`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from benchmarks.advance import NOW, WORKSPACE, customers, empty_loop_ns, event, timed
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.control import Control
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import Moment, Outcome, TimerInput

IN_A_ROW = 10
PASSED: dict[str, dict[str, Any]] = {
    "message": {"message": {"channel": "email", "template": "hello"}},
    "split": {"split": {"branches": [{"condition": {"customer.plan": {"equals": "free"}}, "next": ""}], "else": ""}},
    "experiment": {"experiment": {"arms": {"a": 50, "b": 50}}},
    "update": {"update": {"increment": {"n": 1}}},
    "emit": {"emit": {"event": "thanked"}},
    "window": {"window": {"from": "00:00", "to": "23:59"}},
    "jump": {"jump": ""},
}
RESTED: dict[str, dict[str, Any]] = {
    "delay": {"delay": {"for": "PT1H"}},
    "delay_until": {"delay": {"until": {"at": "09:00"}}},
    "wait": {"wait": {"branches": [{"event": {"name": "open"}, "next": ""}]}},
}
TEMPLATE = {"channel": "email", "subject": "Hello", "html": "<p>Hello</p>"}


def steps(kind: dict[str, Any], number: int) -> dict[str, Any]:
    """So many steps of a kind in a row, and a rest behind them."""
    made: dict[str, Any] = {"rest": {"delay": {"for": "P9D"}, "next": "done"}, "done": {"exit": {"outcome": "done"}}}
    names = [*(f"s{at}" for at in range(number)), "rest"]
    for name, following in pairwise(names):
        made[name] = _leading(kind, following)
    return {"id": "j", "entry": [{"event": {"name": "order"}}], "start": names[0], "steps": made}


def _leading(kind: Any, following: str) -> Any:
    """The step with `following` where it leads on."""
    if isinstance(kind, list):
        return [_leading(item, following) for item in kind]
    if not isinstance(kind, dict):
        return following if kind == "" else kind
    made = {name: _leading(item, following) for name, item in kind.items()}
    within = {"split", "wait", "jump"} & made.keys()
    return made if within or not {*PASSED, "delay"} & made.keys() else {**made, "next": following}


def rules(body: dict[str, Any]) -> Catalog:
    bodies = {"template": {**TEMPLATE}, "journey": body}
    made = Catalog()
    for seq, (kind, id) in enumerate((("template", "hello"), ("journey", "j")), 1):
        control = Control(seq, WORKSPACE, kind, id, 1, "live")
        made = made.apply(control, 0, lambda workspace, kind, id, version: bodies[kind])
    return made


def measure(*, quick: bool = False) -> dict[str, float]:
    found = {"machine_empty_loop_ns": empty_loop_ns()}
    enters = _entering(steps(PASSED["jump"], 0))
    for kind, body in PASSED.items():
        found[f"step_{kind}"] = round((_entering(steps(body, IN_A_ROW)) - enters) / IN_A_ROW, 2)
    for kind, body in RESTED.items():
        found[f"step_{kind}"] = _resting(steps(body, 2))
    return found


def _entering(body: dict[str, Any]) -> float:
    catalog, moment, input = rules(body), Moment(NOW, NOW), event("order", 1)
    return timed(lambda customer, _: advance(customer, input, moment, catalog), customers(catalog))


def _resting(body: dict[str, Any]) -> float:
    catalog, opened = rules(body), event("open", 2)

    def on(customer: Customer, _: int) -> Outcome:
        due = customer.core.wake_at
        return advance(customer, TimerInput(due) if due else opened, Moment(due or NOW, due or NOW), catalog)

    waiting = customers(catalog, event("order", 1))
    assert on(waiting[0], 0).customer.core.runs[0].step == "s1"
    return timed(on, waiting)
