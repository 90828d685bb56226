"""Random definitions, always valid: journeys with every kind of entry and step, settings, segments, a workspace.

They are built so that an oracle can say what they mean without the code under test: conditions are of the few forms
that `tests.proof.meaning` reads, and a step leads to a later one, or back from a wait.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

JOURNEYS = ("a", "b", "c")
EVENTS = ("go", "buy", "open", "bye")
EMITTED = "echo"
ZONES = ("UTC", "Asia/Tokyo", "America/New_York")
TEMPLATES: dict[str, dict[str, Any]] = {
    "plain": {"channel": "email", "subject": "Hi", "html": "Hi"},
    "needs": {"channel": "email", "subject": "Hi", "html": "{{ customer.plan }}"},
}
NEWS = {"id": "news", "name": "News", "channel": "email", "opt_in": "explicit"}
TIPS = {"id": "tips", "name": "Tips", "channel": "email", "opt_in": "implied"}
HOURS = ("PT1H", "PT5H", "PT20H", "P1D", "P2D")
CLOCKS = ("06:00", "09:00", "12:30", "21:00", "23:00")
MANUAL, PRO, BUYERS, MIXED = "hand", "pro", "buyers", "mixed"
SEGMENTS = (MANUAL, PRO, BUYERS, MIXED)

pick = st.sampled_from


def on_customer() -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on the row."""
    return st.one_of(
        pick(["free", "pro"]).map(lambda plan: {"customer.plan": {"equals": plan}}),
        st.just({"customer.plan": {"exists": True}}),
        st.integers(1, 3).map(lambda n: {"customer.n": {"at_least": n}}),
    )


def on_event() -> st.SearchStrategy[dict[str, Any]]:
    return st.integers(0, 3).map(lambda n: {"event.n": {"at_least": n}})


def on_state() -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on all that is known of a customer."""
    leaf = st.one_of(
        on_customer(),
        pick(SEGMENTS).map(lambda id: {"segment": id}),
        pick(["subscribed", "unsubscribed"]).map(
            lambda status: {"consent": {"channel": "email", "subscription": "news", "is": status}}
        ),
    )
    groups = st.tuples(pick(["all", "any", "none"]), st.lists(leaf, min_size=1, max_size=2))
    return st.one_of(leaf, leaf, groups.map(lambda group: {group[0]: group[1]}))


@st.composite
def segments(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Segments by id: a manual one, one of the row, one of events within a time, one that names others."""
    bought = {"event": {"name": "buy", "at_least": draw(st.integers(1, 3)), "within": draw(pick(HOURS))}}
    mixed = draw(pick([[{"segment": PRO}, bought], [{"segment": BUYERS}, {"segment": MANUAL}]]))
    return {
        MANUAL: {"id": MANUAL, "manual": True},
        PRO: {"id": PRO, "condition": draw(on_customer())},
        BUYERS: {"id": BUYERS, "condition": bought},
        MIXED: {"id": MIXED, "condition": {draw(pick(["all", "any", "none"])): mixed}},
    }


def cap() -> st.SearchStrategy[dict[str, Any]]:
    per = pick(["PT5H", "P1D", "P2D", "day", "week", "month"])
    return st.fixed_dictionaries(
        {"limit": st.integers(1, 2), "per": per}, optional={"counts": pick(["marketing", "all"]), "tag": st.just("t")}
    )


def quiet() -> st.SearchStrategy[dict[str, str]]:
    return st.lists(pick(CLOCKS), min_size=2, max_size=2, unique=True).map(lambda two: {"from": two[0], "to": two[1]})


def window() -> st.SearchStrategy[dict[str, Any]]:
    """Local hours on some weekdays; over midnight too."""
    days = st.lists(pick(["monday", "tuesday", "friday", "sunday"]), min_size=1, max_size=3, unique=True)
    hours = quiet()
    return st.one_of(
        hours,
        days.map(lambda named: {"weekday": named}),
        st.tuples(days, hours).map(lambda both: {"weekday": both[0], **both[1]}),
    )


def workspace() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"release_spread": pick(["PT0S", "PT10M"])},
        optional={
            "time_zone": pick(ZONES), "quiet_hours": quiet(), "caps": st.lists(cap(), min_size=1, max_size=1),
            "holdout": pick([0, 50]),
        },
    )  # fmt: skip


def settings() -> st.SearchStrategy[dict[str, Any]]:
    defer = st.one_of(st.booleans(), st.fixed_dictionaries({"caps": st.booleans()}))
    return st.fixed_dictionaries(
        {"priority": st.integers(1, 9)},
        optional={
            "class": pick(["marketing", "marketing", "transactional"]), "holdout": pick([0, 50]),
            "quiet_hours": st.one_of(quiet(), quiet(), st.just("none")), "defer": defer,
            "caps": st.lists(cap(), min_size=1, max_size=2), "windows": st.lists(window(), min_size=1, max_size=2),
            "defer_at_most": pick(["PT5H", "P2D"]), "tags": st.just(["t"]), "time_zone": pick(ZONES),
        },
    )  # fmt: skip


def _rules() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "reentry": pick(["never", "always", "always", "after PT5H", "after P1D"]),
            "while_active": pick(["ignore", "restart"]),
        },
    )  # fmt: skip


@st.composite
def entries(draw: st.DrawFn, by: str, key: str) -> list[dict[str, Any]]:
    """`by`: event, segment, date, audience or api."""
    rules = draw(_rules())
    if by == "segment":
        return [{"segment": {"id": draw(pick(SEGMENTS)), "on": draw(pick(["enter", "leave"]))}, **rules}]
    if by == "date":
        date = {"of": "customer.day", "at": draw(pick(CLOCKS))}
        more = draw(pick([{}, {"offset": "-P1D"}, {"every": "month"}, {"keep": True}]))
        return [{"date": {**date, **more}, **rules}]
    if by == "audience":
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
def _step(
    draw: st.DrawFn, kind: str, name: str, following: str, others: list[str], before: list[str]
) -> dict[str, Any]:
    """`others`: steps behind this one; `before`: steps to which a wait may lead back."""
    other = draw(pick(others))
    if kind == "message":
        body: dict[str, Any] = {"channel": "email", "template": draw(pick(["plain", "plain", "needs"]))}
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
        weights = draw(pick([{"x": 50, "y": 50}, {"x": 10, "y": 80, "z": 10}]))
        return {"experiment": {"arms": weights}, "next": {**dict.fromkeys(weights, following), "x": other}}
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
    return draw(_wait(following, others, before))


@st.composite
def _wait(draw: st.DrawFn, following: str, others: list[str], before: list[str]) -> dict[str, Any]:
    ways = pick([*others, *before])
    branches: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 3))):
        branch: dict[str, Any] = {"name": f"way{number}", "next": draw(ways)}
        kind = draw(pick(["event", "event", "event", "all_of", "changed", "condition", "message"]))
        if kind == "event":
            branch |= {"event": {"name": draw(pick(EVENTS)), **draw(pick([{}, {}, {"any_key": True}]))},
                       "count": draw(st.integers(1, 3))}  # fmt: skip
            if draw(st.booleans()):
                branch["where"] = draw(on_event())
        elif kind == "all_of":
            branch["all_of"] = [{"event": {"name": "buy"}}, {"event": {"name": "open"}}]
        elif kind == "changed":
            branch["changed"] = "customer.plan"
        elif kind == "condition":
            branch["condition"] = draw(on_state())
        else:
            branch["message"] = {"is": draw(pick(["sent", "opened", "clicked", "bounced"]))}
        branches.append(branch)
    body: dict[str, Any] = {"branches": branches, "timeout": {"after": draw(pick(HOURS)), "next": following}}
    if not draw(st.integers(0, 2)):
        body["since"] = draw(pick(["entry", "PT5H"]))
    if not draw(st.integers(0, 4)):
        body["collect"] = ["buy"]
    if not draw(st.integers(0, 5)):
        body["timeout"] = {"until": {"at": draw(pick(CLOCKS))}, "next": following}
    return {"wait": body}


KINDS = ("message", "message", "delay", "wait", "wait", "window", "split", "experiment", "update", "emit", "jump")


@st.composite
def journeys(draw: st.DrawFn, id: str) -> dict[str, Any]:
    """A journey of three to seven steps."""
    key = draw(pick(["", "", "k"]))
    ways_in = draw(
        st.lists(pick(["event", "event", "segment", "date", "audience", "api"]), min_size=1, max_size=2, unique=True)
    )
    chosen = [kind for kind in ways_in if not (key and kind in ("segment", "date", "audience"))] or ["event"]
    entry = [each for by in chosen for each in draw(entries(by, key))]
    kinds = draw(st.lists(pick(KINDS), min_size=2, max_size=6))
    names = [f"s{number}" for number in range(len(kinds))] + ["done"]
    steps: dict[str, Any] = {"done": {"exit": {"outcome": "done"}}}
    for number, kind in enumerate(kinds):
        before = [name for name, earlier in zip(names[:number], kinds, strict=False) if earlier in ("delay", "wait")]
        behind = names[number + 1 :]
        steps[names[number]] = draw(_step(kind, names[number], behind[0], behind, before))
    body: dict[str, Any] = {"id": id, "entry": entry, "start": "s0", "steps": steps, "settings": draw(settings())}
    exits = []
    if draw(st.booleans()):
        exits.append({"event": {"name": "bye"}, "outcome": "gone"})
        if draw(st.booleans()):
            exits[0]["where"] = draw(on_event())
    if not draw(st.integers(0, 3)):
        exits.append({"condition": draw(on_customer()), "outcome": "left"})
    entered_by = [one["segment"]["id"] for one in entry if "segment" in one and one["segment"]["on"] == "enter"]
    if entered_by and draw(st.booleans()):
        exits.append({"leaves": entered_by[0], "outcome": "cooled"})
    if exits:
        body["exit"] = exits
    if draw(st.booleans()):
        body["goal"] = {"event": {"name": "buy"}, "within": draw(pick(HOURS)), "end_on_goal": draw(st.booleans())}
    if not draw(st.integers(0, 4)):
        body["max_entries"] = draw(st.integers(1, 3))
    return body
