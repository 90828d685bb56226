"""Random settings of a workspace and of a journey: zones, quiet hours, windows, caps, holdouts, a pace."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.proof.words import CLOCKS, ZONES, Body, pick


def cap() -> st.SearchStrategy[Body]:
    per = pick(["PT5H", "P1D", "P2D", "day", "week", "month"])
    return st.fixed_dictionaries(
        {"limit": st.integers(1, 2), "per": per},
        optional={"counts": pick(["marketing", "all"]), "tag": st.just("t"), "channel": pick(["email", "webhook"])},
    )


def quiet() -> st.SearchStrategy[dict[str, str]]:
    return st.lists(pick(CLOCKS), min_size=2, max_size=2, unique=True).map(lambda two: {"from": two[0], "to": two[1]})


def window() -> st.SearchStrategy[Body]:
    """Local hours on some weekdays; over midnight too."""
    days = st.lists(pick(["monday", "tuesday", "friday", "sunday"]), min_size=1, max_size=3, unique=True)
    hours = quiet()
    return st.one_of(
        hours,
        days.map(lambda named: {"weekday": named}),
        st.tuples(days, hours).map(lambda both: {"weekday": both[0], **both[1]}),
    )


def workspace() -> st.SearchStrategy[Body]:
    return st.fixed_dictionaries(
        {"release_spread": pick(["PT0S", "PT10M"])},
        optional={
            "time_zone": pick(ZONES), "quiet_hours": quiet(), "caps": st.lists(cap(), min_size=1, max_size=1),
            "holdout": pick([0, 0, 50]), "history": pick(["none", "P2D", "P90D"]),
        },
    )  # fmt: skip


def settings() -> st.SearchStrategy[Body]:
    defer = st.one_of(st.booleans(), st.fixed_dictionaries({"caps": st.booleans()}))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "class": pick(["marketing", "marketing", "transactional"]), "holdout": pick([0, 0, 50]),
        "quiet_hours": st.one_of(quiet(), quiet(), st.just("none")), "defer": defer,
        "caps": st.lists(cap(), min_size=1, max_size=2), "windows": st.lists(window(), min_size=1, max_size=2),
        "defer_at_most": pick(["PT5H", "P2D"]), "tags": st.just(["t"]), "time_zone": pick(ZONES),
        "pace": st.fixed_dictionaries({"limit": st.integers(1, 2), "per": pick(["minute", "hour"])}),
    }  # fmt: skip
    return st.fixed_dictionaries({"priority": st.integers(1, 9)}, optional=optional)
