"""Random steps of every kind, always valid: a step leads to a later one, or back from a wait."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.proof.rulebook import window
from tests.proof.words import (
    CLOCKS,
    EMITTED,
    EVENTS,
    HOURS,
    JOURNEYS,
    LINKS,
    MANUAL,
    Body,
    on_event,
    on_state,
    pick,
)

KINDS = ("message", "message", "delay", "wait", "wait", "window", "split", "experiment", "update", "emit", "jump")


@st.composite
def step(draw: st.DrawFn, kind: str, following: str, others: list[str], before: list[str], after: str) -> Body:
    """`others`: steps behind this one; `before`: steps to which a wait may lead back; `after`: kind of the last one."""
    other = draw(pick(others))
    if kind == "message":
        return draw(_message(following, other))
    if kind == "delay":
        ways = [
            {"for": draw(pick(HOURS))},
            {"until": {"at": draw(pick(CLOCKS))}},
            {"until": {"weekday": ["monday", "friday"], "at": draw(pick(CLOCKS))}},
            {"until": {"date": "customer.day", "at": draw(pick(CLOCKS))}, "if_past": draw(pick(["pass", "exit"])),
             "if_missing": draw(pick(["exit", "pass", "hold"]))},
        ]  # fmt: skip
        return {"delay": draw(pick(ways)), "next": following}
    if kind == "window":
        return {"window": draw(window()), "next": following}
    if kind == "split":
        branches = [{"condition": draw(on_state()), "next": other}]
        return {"split": {"branches": branches, "else": following}}
    if kind == "experiment":
        return draw(_experiment(following, other))
    if kind == "update":
        changes = draw(pick([
            {"set": {"plan": "pro"}}, {"unset": ["plan"]}, {"increment": {"n": 1}}, {"add_to": [MANUAL]},
            {"remove_from": [MANUAL]}, {"unsubscribe": [{"channel": "email", "subscription": "news"}]},
            {"subscribe": [{"channel": "email", "subscription": "news"}], "set": {"n": {"from": "entry.n"}}},
        ]))  # fmt: skip
        return {"update": changes, "next": following}
    if kind == "emit":
        emitted = draw(pick([
            {"event": EMITTED}, {"event": "buy", "properties": {"n": 2, "k": "1"}}, {"event": EMITTED, "to": "entry.k"},
            {"enter": draw(pick(JOURNEYS)), "properties": {"k": "1"}}, {"leave": draw(pick(JOURNEYS))},
        ]))  # fmt: skip
        return {"emit": emitted, "next": following}
    if kind == "jump":
        return {"jump": following}
    return draw(_wait(following, others, before, after))


@st.composite
def _message(draw: st.DrawFn, following: str, other: str) -> Body:
    body: Body = {"channel": "email", "template": draw(pick(["plain", "plain", "needs"]))}
    if not draw(st.integers(0, 4)):
        body = {"channel": "webhook", "template": "hook", **draw(pick([{}, {"customer_facing": True}]))}
    for setting, values in (
        ("class", pick(["marketing", "transactional"])), ("expires_after", pick(["PT5H", "P1D"])),
        ("subscription", pick(["news", "tips"])), ("defer", st.booleans()), ("tags", st.just(["u"])),
    ):  # fmt: skip
        if not draw(st.integers(0, 3)):
            body[setting] = draw(values)
    if draw(st.booleans()):
        return {"message": body, "next": {"sent": following, "refused": other}}
    if not draw(st.integers(0, 3)):
        body["on_refusal"] = "exit"
    return {"message": body, "next": following}


@st.composite
def _experiment(draw: st.DrawFn, following: str, other: str) -> Body:
    """With a winner too, for whom the rest may wait; and with a holdout arm."""
    body: Body = {"arms": draw(pick([{"x": 50, "y": 50}, {"x": 10, "y": 80, "z": 10}, {"x": 30, "y": 40}]))}
    if sum(body["arms"].values()) < 100:
        body["holdout"] = 30
    if draw(st.booleans()):
        held: Body = {"hold_rest": True, "hold_at_most": draw(pick(HOURS))} if draw(st.booleans()) else {}
        body["winner"] = {"metric": "clicked", "minimum": draw(st.integers(1, 2)), **held}
    arms = [*body["arms"], *(["holdout"] if "holdout" in body else [])]
    return {"experiment": body, "next": {**dict.fromkeys(arms, following), "x": other}}


@st.composite
def _wait(draw: st.DrawFn, following: str, others: list[str], before: list[str], after: str) -> Body:
    """Half of those behind a message wait for what becomes of it, and for nothing else."""
    ways = pick([*others, *before])
    every = draw(pick(["", "message", "message"] if after == "message" else ["", "", "event"]))
    branches: list[Body] = []
    for number in range(draw(st.integers(1, 3))):
        branch: Body = {"name": f"way{number}", "next": draw(ways)}
        kind = every or draw(pick(["event", "event", "event", "all_of", "changed", "condition", "message"]))
        branches.append({**branch, **draw(_branch(kind))})
    body: dict[str, Any] = {"branches": branches, "timeout": {"after": draw(pick(HOURS)), "next": following}}
    if not draw(st.integers(0, 2)):
        body["since"] = draw(pick(["entry", "PT5H"]))
    if not draw(st.integers(0, 4)):
        body["collect"] = ["buy"]
    if not draw(st.integers(0, 5)):
        body["timeout"] = {"until": {"at": draw(pick(CLOCKS))}, "next": following}
    return {"wait": body}


@st.composite
def _branch(draw: st.DrawFn, kind: str) -> Body:
    if kind == "event":
        heard = {"name": draw(pick(EVENTS)), **draw(pick([{}, {}, {"any_key": True}]))}
        where = {"where": draw(on_event())} if draw(st.booleans()) else {}
        return {"event": heard, "count": draw(st.integers(1, 3)), **where}
    if kind == "all_of":
        return {"all_of": [{"event": {"name": "buy"}}, {"event": {"name": "open"}}]}
    if kind == "changed":
        return {"changed": "customer.plan"}
    if kind == "condition":
        return {"condition": draw(on_state())}
    told: Body = {"is": draw(pick(["sent", "opened", "opened", "clicked", "clicked", "bounced"]))}
    if told["is"] == "clicked" and draw(st.booleans()):
        told["link"] = draw(pick(LINKS))
    if told["is"] in ("opened", "clicked") and not draw(st.integers(0, 2)):
        told["machine"] = "include"
    return {"message": told}
