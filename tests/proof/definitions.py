"""Random definitions, always valid: journeys with every kind of entry, exits, a goal, places and migration maps.

They are built so that an oracle can say what they mean without the code under test: conditions are of the few forms
that `tests.proof.meaning` reads, and a step leads to a later one, or back from a wait.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.proof.rulebook import settings
from tests.proof.steps import KINDS, step
from tests.proof.words import (
    CLOCKS,
    HOURS,
    PINNED,
    SEGMENTS,
    SIGNALS,
    Body,
    on_customer,
    on_event,
    pick,
)


def _rules() -> st.SearchStrategy[Body]:
    return st.fixed_dictionaries(
        {},
        optional={
            "reentry": pick(["never", "always", "always", "after PT5H", "after P1D"]),
            "while_active": pick(["ignore", "restart"]),
        },
    )  # fmt: skip


@st.composite
def entries(draw: st.DrawFn, by: str, key: str) -> list[Body]:
    """`by`: event, segment, date, audience or api."""
    rules = draw(_rules())
    if by == "segment":
        return [{"segment": {"id": draw(pick([*SEGMENTS, PINNED])), "on": draw(pick(["enter", "leave"]))}, **rules}]
    if by == "date":
        date = {"of": "customer.day", "at": draw(pick(CLOCKS))}
        more = draw(pick([{}, {"offset": "-P1D"}, {"every": "month"}, {"keep": True}]))
        return [{"date": {**date, **more}, **rules}]
    if by == "audience":
        if draw(st.booleans()):
            where = draw(st.one_of(st.just({}), on_customer().map(lambda condition: {"where": condition})))
            return [{"audience": {"signal": draw(pick(SIGNALS))}, **where, **rules}]
        of = draw(pick(["present", "future", "both"]))
        every = {"days": draw(st.integers(1, 2)), "at": draw(pick(CLOCKS))}
        when = draw(pick([{}, {"every": every}, {"every": every, "zone": "customer", "after": 3}]))
        return [{"audience": {"of": of, **when}, "where": draw(on_customer()), **rules}]
    if by == "api":
        return [{"api": {"key": key} if key else {}, **rules}]
    found = [{"event": {"name": "go", **({"key": key} if key else {})}, **rules}]
    if draw(st.booleans()):
        found[0]["where"] = draw(st.one_of(on_event(), on_customer()))
    if draw(st.booleans()):
        found.append({"event": {"name": draw(pick(["go", "open"])), **({"key": key} if key else {})}, **draw(_rules())})
    return found


@st.composite
def _exits(draw: st.DrawFn, entry: list[Body]) -> list[Body]:
    exits: list[Body] = []
    if draw(st.booleans()):
        exits.append({"event": {"name": "bye"}, "outcome": "gone"})
        if draw(st.booleans()):
            exits[0]["where"] = draw(on_event())
    if not draw(st.integers(0, 3)):
        exits.append({"condition": draw(on_customer()), "outcome": "left"})
    entered_by = [one["segment"]["id"] for one in entry if "segment" in one and one["segment"]["on"] == "enter"]
    if entered_by and draw(st.booleans()):
        exits.append({"leaves": entered_by[0], "outcome": "cooled"})
    return exits


@st.composite
def journeys(draw: st.DrawFn, id: str) -> Body:
    """A journey of three to seven steps."""
    key = draw(pick(["", "", "k"]))
    ways_in = draw(
        st.lists(
            pick(["event", "event", "segment", "date", "audience", "audience", "api"]),
            min_size=1,
            max_size=2,
            unique=True,
        )
    )
    chosen = [kind for kind in ways_in if not (key and kind in ("segment", "date", "audience"))] or ["event"]
    entry = [each for by in chosen for each in draw(entries(by, key))]
    kinds = draw(st.lists(pick(KINDS), min_size=2, max_size=6))
    if draw(st.booleans()):
        kinds[:2] = ["message", "wait"]
    names = [f"s{number}" for number in range(len(kinds))] + ["done"]
    steps: dict[str, Any] = {"done": {"exit": {"outcome": "done"}}}
    for number, kind in enumerate(kinds):
        before = [name for name, earlier in zip(names[:number], kinds, strict=False) if earlier in ("delay", "wait")]
        behind = names[number + 1 :]
        steps[names[number]] = draw(step(kind, behind[0], behind, before, kinds[number - 1] if number else ""))
    body: Body = {"id": id, "entry": entry, "start": "s0", "steps": steps, "settings": draw(settings())}
    exits = draw(_exits(entry))
    if exits:
        body["exit"] = exits
    if draw(st.booleans()):
        body["goal"] = {"event": {"name": "buy"}, "within": draw(pick(HOURS)), "end_on_goal": draw(st.booleans())}
    if not draw(st.integers(0, 4)):
        body["max_entries"] = draw(st.integers(1, 3))
        recurs = any(one.get("audience", {}).keys() & {"every", "signal"} for one in entry)
        if recurs and draw(st.booleans()):
            body["max_entries"] = {"n": body["max_entries"], "per": "occurrence"}
    for each in steps.values():
        if "winner" in each.get("experiment", {}):
            _measured(each["experiment"], steps, "goal" in body)
    return body


def _measured(experiment: Body, steps: dict[str, Any], goal: bool) -> None:
    """A winner goes by something that the journey has."""
    if not any("message" in each for each in steps.values()):
        experiment["winner"]["metric"] = "goal"
        if not goal:
            del experiment["winner"]


def beside(live: Body, body: Body) -> Body:
    """A version to be tried beside the live one: its entries and its places are the same (R48)."""
    exits = [rule for rule in body.get("exit", ()) if "leaves" not in rule]
    rest = {name: value for name, value in body.items() if name not in ("exit", "max_entries")}
    places = {"max_entries": live["max_entries"]} if "max_entries" in live else {}
    return {**rest, "entry": live["entry"], **({"exit": exits} if exits else {}), **places}


def maps(old: Body, new: Body, there: list[str]) -> st.SearchStrategy[dict[str, str]]:
    """Migration maps: where runs go from the steps of one version, in another one (R48); mostly from where some are."""
    goals = pick([*new["steps"], "exit", "stay"])
    return st.dictionaries(pick([*there * 4, *old["steps"]]), goals, min_size=1, max_size=3)
