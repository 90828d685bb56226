"""Entries that refuse by what the customer has or had take the short way; the long way decides the same (R22, R23)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laudstream.customers.event import Event
from laudstream.customers.row import Row
from laudstream.journey import advance as core
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import empty, encode
from laudstream.journey.control import Control
from laudstream.journey.inputs import EventInput, Moment, RowInput

NOW = 1_795_500_000_000
MINUTE = 60_000
CHANGED = 4
"""After so many inputs the journeys have other statuses."""
WORKSPACE = "workspace1"
ENTRIES: dict[str, list[dict[str, Any]]] = {
    "never": [{"event": {"name": "a"}, "reentry": "never"}],
    "always": [{"event": {"name": "a"}, "reentry": "always"}],
    "after": [{"event": {"name": "a"}, "reentry": "after PT10M"}],
    "restart": [{"event": {"name": "a"}, "reentry": "never", "while_active": "restart"}],
    "keyed": [{"event": {"name": "a", "key": "n"}, "reentry": "never"}],
    "where": [{"event": {"name": "a"}, "where": {"event.n": {"greater_than": 1}}, "reentry": "never"}],
    "young": [{"event": {"name": "a", "max_age": "PT1M"}, "reentry": "never"}],
    "twice": [{"event": {"name": "a"}, "reentry": "never"}, {"event": {"name": "a"}, "reentry": "after PT5M"}],
    "other": [{"event": {"name": "b"}, "reentry": "never"}, {"event": {"name": "a"}, "reentry": "never"}],
}


def journey(name: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "entry": ENTRIES[name],
        "start": "look",
        "steps": {
            "look": {
                "wait": {
                    "branches": [{"event": {"name": "c"}, "next": "out"}],
                    "timeout": {"after": "P1D", "next": "out"},
                }
            },
            "out": {"exit": {"outcome": "out"}},
        },
        **more,
    }


MORE: list[dict[str, Any]] = [
    {},
    {"exit": [{"event": {"name": "b"}, "outcome": "gone"}]},
    {"goal": {"event": {"name": "b"}, "within": "PT5M"}},
    {"settings": {"ends_at": "2026-11-24T06:10:00Z"}},
]


def catalogs(names: list[str], more: dict[str, Any], statuses: list[str]) -> tuple[Catalog, Catalog]:
    """With all of them live, and with the statuses that they have later."""
    made = [Catalog()]
    for at, name in enumerate(names):
        made.append(made[-1].apply(control(at + 1, name, "live"), NOW - 1, lambda *key: journey(key[2], more)))
    before = made[-1]
    for at, (name, status) in enumerate(zip(names, statuses, strict=False)):
        changed = control(len(names) + at + 1, name, status)
        made.append(made[-1].apply(changed, NOW + 1, lambda *key: journey(key[2], more)))
    return before, made[-1]


def control(seq: int, name: str, status: str) -> Control:
    return Control(seq, WORKSPACE, "journey", name, 1, status)


def lives(catalogs: tuple[Catalog, Catalog], inputs: list[tuple[str, int, int]]) -> list[Any]:
    """State, bytes and effects after each input; nobody is known before the row, which comes second."""
    customer, seen, now = empty(WORKSPACE, "ann"), [], NOW
    values: list[Any] = []
    for at, (name, minutes, n) in enumerate(inputs):
        event = Event(f"m{at}", "track", name, {"n": n}, NOW - n * 25 * MINUTE, NOW)
        values.append((minutes * MINUTE, EventInput(("laudstream.events", 0, at), event)))
    values.insert(1, (0, RowInput(("laudstream.rows", 0, 0), Row(1, 1, {"email": "a@example.org"}, NOW))))
    for at, (passed, value) in enumerate(values):
        now += passed
        outcome = core.advance(customer, value, Moment(now, now + 5), catalogs[at > CHANGED])
        seen.append((outcome.customer, encode(customer, outcome.customer), outcome.effects, list(outcome.parked)))
        customer = outcome.customer
    return seen


EVENTS = st.tuples(st.sampled_from("abc"), st.sampled_from((0, 1, 6, 11)), st.integers(0, 3))


@given(
    st.lists(st.sampled_from(sorted(ENTRIES)), min_size=1, max_size=3, unique=True),
    st.sampled_from(MORE),
    st.lists(st.sampled_from(["live", "live", "paused", "draining", "stopped"]), min_size=3, max_size=3),
    st.lists(EVENTS, min_size=3, max_size=25),
)
@settings(max_examples=300, deadline=None)
def test_r22_r23_the_short_way_of_a_refusal_decides_what_the_long_way_does(
    names: list[str], more: dict[str, Any], statuses: list[str], inputs: list[tuple[str, int, int]]
) -> None:
    made = catalogs(names, more, statuses)
    short = lives(made, inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "refused", lambda *_: None)
        assert lives(made, inputs) == short


@pytest.mark.parametrize(
    ("name", "more", "events", "short"),
    [
        ("never", 0, "aa", [True]),  # a run is there
        ("never", 0, "aca", [True]),  # a run was there
        ("twice", 0, "aa", [True]),
        ("always", 0, "aca", [False]),
        ("restart", 0, "aa", [False]),
        ("where", 0, "aa", [False]),
        ("never", 2, "aca", [False]),  # its goal is open
    ],
)
def test_r23_the_short_way_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, more: int, events: str, short: list[bool]
) -> None:
    taken: list[bool] = []
    refused = core.refused

    def noted(*args: Any) -> Any:
        found = refused(*args)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(core, "refused", noted)
    lives(catalogs([name], MORE[more], ["live"]), [(each, 0, 2) for each in events])
    assert taken == short


def test_r48_beside_a_trial_entries_take_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which version would have taken the customer, the trial's or the live one."""
    live, _ = catalogs(["never"], {}, [])
    trial = Control(2, WORKSPACE, "journey", "never", 2, "trial", share=10_000)
    both = live.apply(trial, NOW - 1, lambda *key: journey("never", {}))
    inputs = [("a", 0, 0), ("a", 1, 0), ("c", 1, 0), ("a", 1, 0)]
    found = lives((both, both), inputs)
    monkeypatch.setattr(core, "refused", lambda *_: None)
    assert lives((both, both), inputs) == found
    versions = [effect.version for _, _, effects, _ in found for effect in effects if hasattr(effect, "version")]
    assert set(versions) == {2}
