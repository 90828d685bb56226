"""Two versions side by side: a share of those who enter gets the new one (R48)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.journey import trial
from laudstream.journey.catalog import Catalog
from laudstream.journey.codec import empty
from laudstream.journey.control import Control
from tests.journey.conftest import MINUTE, WORKSPACE, World, journey, wait_for

CUSTOMERS = 4_000


def body(**more: Any) -> dict[str, Any]:
    return journey({"look": wait_for()}, **{"entry": [{"event": {"name": "go"}, "reentry": "always"}], **more})


def tried(share: int, w: World | None = None, **more: Any) -> World:
    """Version 2 takes `share`/10,000 beside version 1."""
    w = w or World(body())
    w.now += MINUTE
    w.bodies["journey", "j", 2] = body(**more)
    order(w, "trial", 2, share)
    return w


def order(w: World, status: str, version: int, share: int = 0) -> None:
    w.seq += 1
    w.catalog = w.catalog.apply(Control(w.seq, WORKSPACE, "journey", "j", version, status, 0, share), w.now, w.body_of)


def entering(w: World, customer: str) -> int:
    """The version that the customer comes into; 0: none."""
    w.customer = empty(WORKSPACE, customer)
    w.event("go")
    return w.run.version if w.customer.core.runs else 0


@pytest.mark.parametrize("share", [100, 1_000, 5_000, 9_900])
def test_r48_a_share_of_those_who_enter_gets_the_trial_and_the_others_the_live_version(share: int) -> None:
    w = tried(share)
    found = [entering(w, f"c{n}") for n in range(CUSTOMERS)]
    assert set(found) == {1, 2}
    expected, p = CUSTOMERS * share / 10_000, share / 10_000
    assert abs(found.count(2) - expected) <= 4 * sqrt(CUSTOMERS * p * (1 - p)), "four sigma of a binomial"
    assert found == [entering(w, f"c{n}") for n in range(CUSTOMERS)], "who comes again gets the same"


@given(st.integers(1, 9_999), st.integers(1, 9_999), st.text("abc", min_size=1))
def test_r48_a_larger_share_only_adds_customers(one: int, other: int, customer: str) -> None:
    less, more = sorted((one, other))
    assert trial.belongs(WORKSPACE, "j", customer, less) <= trial.belongs(WORKSPACE, "j", customer, more)


def test_r48_a_trial_is_drawn_apart_from_other_journeys_and_from_the_holdout() -> None:
    names = [f"c{n}" for n in range(2_000)]
    both = [trial.belongs(WORKSPACE, "j", name, 5_000) and trial.belongs(WORKSPACE, "k", name, 5_000) for name in names]
    assert 400 < sum(both) < 600


def test_a5_r48_a_trial_takes_only_inputs_that_are_not_older_than_it() -> None:
    w = tried(9_999)
    assert entering(w, "c1") == 2
    w.now -= 1
    assert entering(w, "c1") == 1


def test_r48_promoted_it_takes_all_and_withdrawn_none_and_its_runs_go_on() -> None:
    w = tried(5_000)
    inside = next(f"c{n}" for n in range(100) if entering(w, f"c{n}") == 2)
    other = next(f"c{n}" for n in range(100) if entering(w, f"c{n}") == 1)
    assert entering(w, inside) == 2
    w.now += MINUTE
    order(w, "withdrawn", 2)
    w.event("buy")
    assert w.decision("ended").version == 2
    assert (entering(w, inside), entering(w, other)) == (1, 1)
    order(w, "trial", 2, 5_000)
    assert (entering(w, inside), entering(w, other)) == (2, 1)
    w.now += MINUTE
    order(w, "live", 2)
    assert (entering(w, inside), entering(w, other)) == (2, 2)
    w.now -= 1
    assert entering(w, other) == 1, "an input of before"


def test_r48_a_growing_share_keeps_whom_it_has() -> None:
    w = tried(1_000)
    names = [f"c{n}" for n in range(300)]
    first = {name for name in names if entering(w, name) == 2}
    order(w, "trial", 2, 3_000)
    later = {name for name in names if entering(w, name) == 2}
    assert first < later


@pytest.mark.parametrize("status", ["paused", "draining", "stopped"])
def test_r49_what_the_journey_does_its_trial_does_too(status: str) -> None:
    w = tried(9_999)
    w.customer = empty(WORKSPACE, "c1")
    w.control(status)
    w.event("go")
    assert w.customer.core.runs == ()
    if status != "stopped":
        made = w.decision("not_entered")
        assert (made.reason, made.version) == (status, 2)
        w.control("live")
        assert entering(w, "c1") == 2, "a trial outlasts a pause"


def test_r48_a_version_that_is_published_for_all_ends_the_trial() -> None:
    w = tried(9_999)
    w.now += MINUTE
    w.publish(body(), version=3)
    assert (entering(w, "c1"), entering(w, "c2")) == (3, 3)


def test_r48_r36_who_an_audience_takes_says_the_live_version_and_a_trial_gets_its_share() -> None:
    audience = {"entry": [{"audience": {}}]}
    w = World(body(**audience), row=False)
    w.bodies["journey", "j", 2] = body(**audience)
    order(w, "trial", 2, 9_999)
    w.customer = empty(WORKSPACE, "c1")
    w.row()
    assert (w.decision("entered").version, w.run.version) == (2, 2)


def test_r48_r34_a_trial_gets_its_share_of_those_whom_a_signal_takes() -> None:
    audience = {"entry": [{"audience": {"signal": "sale"}}]}
    w = tried(9_999, World(body(**audience)), **audience)
    w.bodies["signal", "sale", 1] = {"properties": {}}
    w.seq += 1
    w.catalog = w.catalog.apply(Control(w.seq, WORKSPACE, "signal", "sale", 1, "live"), w.now, w.body_of)
    w.touch()
    assert (w.decision("entered").version, w.run.version) == (2, 2)


def test_a9_a_trial_survives_the_lane_and_none_leaves_no_bytes() -> None:
    w = World(body())
    plain = w.catalog.entries()
    assert b"trial" not in plain
    tried(1_234, w)
    kept = Catalog.load(w.catalog.entries(), w.body_of)
    assert kept.spaces[WORKSPACE].journeys["j"].status.trial == (2, 1_234, w.now)
    order(w, "withdrawn", 2)
    again = Catalog.load(w.catalog.entries(), w.body_of)
    assert again.spaces[WORKSPACE].journeys["j"].status.trial == (0, 0, 0)
    assert Catalog.load(plain, w.body_of).entries() == plain
