"""What a publish says of wrong values: every value of a definition that has everything is replaced by wrong ones (R60).

`problems.txt` keeps what was said, a line each: where, what is wrong, what would be right.

    python -m tests.journey.problems     # says all of it anew, after a word or a rule has changed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from laudstream.errors import Invalid
from laudstream.journey import definition, subscriptions
from laudstream.journey.parse_settings import workspace
from laudstream.segments import definition as segments

KEPT = Path(__file__).with_name("problems.txt")
WRONG: tuple[Any, ...] = ("?", -1, True, [], {"?": 1}, [1] * 101)
ADDED = "unheard_of"
_AT = {"at": "09:00"}
_EMAIL: dict[str, Any] = {"channel": "email", "template": "mail"}

JOURNEY: dict[str, Any] = {
    "id": "all",
    "name": "All",
    "start": "hello",
    "max_entries": 10,
    "entry": [
        {
            "event": {"name": "go", "key": "k", "max_age": "P2D"},
            "where": {"event.n": {"at_least": 1}},
            "reentry": "after P1D",
            "while_active": "restart",
        },
        {"segment": {"id": "vip", "on": "enter"}, "where": {"customer.plan": {"equals": "pro"}}},
        {"date": {"of": "customer.day", "offset": "-P1D", "at": "09:00", "every": "year", "keep": True}},
        {
            "audience": {
                "of": "both",
                "every": {"weeks": 2, "on": ["monday"], "at": "09:00", "from": "2026-01-05"},
                "until": "2026-12-24",
                "after": 3,
                "zone": "customer",
                "catch_up": "PT2H",
            }
        },
        {"api": {"key": "k"}},
    ],
    "exit": [
        {"event": {"name": "bye", "any_key": True}, "where": {"event.n": {"exists": True}}, "outcome": "gone"},
        {"condition": {"segment": "vip"}, "outcome": "left"},
        {"leaves": "vip", "outcome": "cooled"},
    ],
    "goal": {
        "event": {"name": "buy", "key": "k"},
        "where": {"event.n": {"less_than": 5}},
        "within": "P3D",
        "value": "total",
        "end_on_goal": True,
    },
    "settings": {
        "class": "marketing",
        "priority": 5,
        "holdout": 12.5,
        "time_zone": "Europe/Berlin",
        "starts_at": "2026-01-01T00:00:00+01:00",
        "ends_at": "2027-01-01T00:00:00+01:00",
        "tags": ["t"],
        "caps": [
            {"limit": 2, "per": "P1D", "channel": "email", "tag": "t", "counts": "all"},
            {"limit": 1, "per": "week"},
        ],
        "quiet_hours": {"from": "21:00", "to": "08:00"},
        "defer": {"quiet_hours": True, "caps": False},
        "windows": [{"weekday": ["monday"], "from": "08:00", "to": "20:00"}],
        "defer_at_most": "P2D",
        "release_spread": "PT5M",
    },
    "steps": {
        "hello": {
            "message": {
                **_EMAIL,
                "class": "marketing",
                "expires_after": "P1D",
                "tags": ["t"],
                "defer": True,
                "windows": [{"from": "08:00", "to": "20:00"}],
                "subscription": "news",
            },
            "next": {"sent": "rest", "refused": "rest"},
        },
        "rest": {"delay": {"for": "PT1H"}, "next": "until"},
        "until": {
            "delay": {
                "until": {"date": "customer.day", "offset": "-P3D", "at": "09:00"},
                "if_past": "exit",
                "if_missing": "hold",
            },
            "next": "noon",
        },
        "noon": {"delay": {"until": {"weekday": ["monday"], "at": "12:00"}}, "next": "then"},
        "then": {"delay": {"until": {"instant": "2026-05-01T09:00:00+02:00"}, "if_past": "pass"}, "next": "open"},
        "open": {"window": {"weekday": ["friday"], "from": "09:00", "to": "17:00"}, "next": "between"},
        "between": {
            "window": {
                "starts_at": "2026-05-01T09:00:00+02:00",
                "ends_at": "2026-06-01T09:00:00+02:00",
                "if_past": "pass",
            },
            "next": "look",
        },
        "look": {
            "wait": {
                "since": "entry",
                "collect": ["buy"],
                "branches": [
                    {
                        "name": "one",
                        "event": {"name": "buy", "max_age": "none"},
                        "where": {"event.n": {"in": [1, 2]}},
                        "count": 2,
                        "next": "last",
                    },
                    {
                        "name": "two",
                        "all_of": [
                            {"event": {"name": "a"}, "where": {"event.n": {"exists": True}}},
                            {"event": {"name": "b"}},
                        ],
                        "next": "last",
                    },
                    {
                        "name": "three",
                        "message": {
                            "of": ["hello"],
                            "is": "clicked",
                            "link": "https://example.org",
                            "machine": "include",
                        },
                        "next": "last",
                    },
                    {"name": "four", "changed": "customer.plan", "next": "last"},
                    {"name": "five", "condition": {"customer.plan": {"exists": True}}, "next": "last"},
                ],
                "timeout": {"after": "P1D", "next": "fork"},
            }
        },
        "last": {"message": {**_EMAIL, "on_refusal": "exit", "defer": {"caps": True}}, "next": "fork"},
        "fork": {
            "split": {
                "branches": [{"name": "pro", "condition": {"customer.plan": {"equals": "pro"}}, "next": "arms"}],
                "else": "arms",
            }
        },
        "arms": {
            "experiment": {"id": "e", "arms": {"x": 50, "y": 40}, "holdout": 10},
            "next": {"x": "write", "y": "write", "holdout": "write"},
        },
        "write": {
            "update": {
                "set": {"a": 1, "b": {"from": "entry.n"}},
                "unset": ["c"],
                "increment": {"d": 2},
                "subscribe": [{"channel": "email", "subscription": "news"}],
                "unsubscribe": [{"channel": "sms"}],
                "add_to": ["s"],
                "remove_from": ["r"],
            },
            "next": "say",
        },
        "say": {
            "emit": {"event": "said", "properties": {"n": 1, "m": {"from": "entry.n"}}, "to": "entry.who"},
            "next": "go",
        },
        "go": {"emit": {"enter": "other", "properties": {"n": 1}}, "next": "out"},
        "out": {"emit": {"leave": "other", "outcome": "over"}, "next": "hop"},
        "hop": {"jump": {"to": "done"}},
        "done": {"exit": {"outcome": "done"}},
    },
}

OTHERS: dict[str, dict[str, Any]] = {
    "monthly": {
        **JOURNEY,
        "entry": [{"audience": {"every": {"months": 1, "on": [1, 31], **_AT}}}],
        "exit": [{"event": {"name": "bye"}, "outcome": "gone"}],
        "goal": {"condition": {"customer.plan": {"exists": True}}, "within": "P3D"},
        "settings": {"quiet_hours": "none", "defer": False},
    },
    "daily": {**JOURNEY, "entry": [{"audience": {"every": {"days": 3, **_AT}}}], "exit": [], "settings": {}},
    "once": {
        **JOURNEY,
        "entry": [{"audience": {"at": "2026-12-01T09:00", "zone": "customer"}}],
        "exit": [],
        "settings": {},
    },
    "at": {**JOURNEY, "entry": [{"audience": {"at": "2026-12-01T09:00:00+01:00"}}], "exit": [], "settings": {}},
    "paced": {
        "id": "all",
        "entry": [{"audience": {"signal": "sale"}, "where": {"customer.day": {"before": {"ago": "P3D"}}}}],
        "exit": [],
        "goal": {"event": {"name": "buy"}, "within": "P3D"},
        "settings": {"pace": {"limit": 10, "per": "minute"}},
    },
}
for _other in OTHERS.values():
    if not _other["exit"]:
        del _other["exit"]
    _other["steps"] = {"done": {"exit": {"outcome": "done"}}}
    _other["start"] = "done"
_WINNER = {"metric": "goal", "minimum": 10, "hold_rest": True, "hold_at_most": "PT6H"}
OTHERS["paced"] |= {
    "start": "arms",
    "steps": {
        "arms": {"experiment": {"arms": {"x": 50, "y": 50}, "winner": _WINNER}, "next": "done"},
        "done": {"exit": {"outcome": "done"}},
    },
}

SEGMENT = {
    "id": "vip",
    "name": "Vip",
    "condition": {"all": [{"customer.plan": {"equals": "pro"}}, {"segment": "other"}]},
}
WORKSPACE = {
    "time_zone": "Europe/Berlin",
    "quiet_hours": {"from": "21:00", "to": "08:00"},
    "holdout": 5,
    "caps": [{"limit": 2, "per": "day"}],
    "release_spread": "PT5M",
}
SUBSCRIPTION = {"id": "news", "name": "News", "channel": "email", "opt_in": "implied"}
KINDS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], Any]]] = {
    "journey": (JOURNEY, definition.parse),
    **{name: (body, definition.parse) for name, body in OTHERS.items()},
    "segment": (SEGMENT, segments.parse),
    "manual": ({"id": "hand", "manual": True}, segments.parse),
    "workspace": (WORKSPACE, workspace),
    "subscription": (SUBSCRIPTION, subscriptions.parse),
}


def changed(body: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """(what was done where, the definition with it) for each value: replaced, left out, with something unheard of."""
    for wrong in WRONG:
        yield f"{pointer or '/'} = {str(wrong)[:20]}", wrong
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, item in items:
        whole: Any
        for done, value in changed(item, f"{pointer}/{key}"):
            whole = {**body, key: value} if isinstance(body, dict) else [*body[:key], value, *body[key + 1 :]]
            yield done, whole
        if isinstance(body, dict):
            yield f"{pointer}/{key} is left out", {name: other for name, other in body.items() if name != key}
    if isinstance(body, dict):
        yield f"{pointer}/{ADDED} is added", {**body, ADDED: 1}


@cache
def said() -> list[str]:
    """Every problem, each once, in the order of kinds and places."""
    found: dict[str, None] = {}
    for kind, (body, parse) in KINDS.items():
        parse(body)
        for done, wrong in changed(body):
            try:
                parse(wrong)
            except Invalid as error:
                for problem in error.problems:
                    found[f"{kind} {problem.pointer or '/'}: {problem.message} -> {problem.fix}"] = None
            else:
                found[f"{kind} {done}: accepted"] = None
    return list(found)


if __name__ == "__main__":
    KEPT.write_text("\n".join(said()) + "\n", encoding="utf-8")
