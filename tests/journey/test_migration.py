"""A new version carries a map, and runs of the versions before go where it says, once (R8, R48)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.errors import Invalid
from laudstream.journey import definition, migration
from laudstream.journey.catalog import Catalog
from laudstream.journey.doubts import Known, check
from laudstream.journey.inputs import TimerInput
from laudstream.journey.presence import Cell, counted
from tests.journey.conftest import HOUR, MINUTE, World, journey, wait_for

MAIL = {"message": {"channel": "email", "template": "mail"}, "next": "done"}


def one(**more: Any) -> dict[str, Any]:
    """Version 1: a wait for `buy`, then a delay."""
    steps = {"look": wait_for(to="rest"), "rest": {"delay": {"for": "PT1H"}, "next": "done"}}
    return journey(steps, entry=[{"event": {"name": "go", "key": "k"}, "reentry": "always"}], **more)


def two(migrate: dict[str, str], **more: Any) -> dict[str, Any]:
    """Version 2: it begins with a delay of two hours, and waits for `pay` afterwards."""
    look = wait_for("pay", after="P1D")
    look["wait"]["branches"].append({"event": {"name": "mail"}, "next": "mail"})
    steps = {"first": {"delay": {"for": "PT2H"}, "next": "again"}, "again": look, "mail": MAIL}
    entry = [{"event": {"name": "go", "key": "k"}, "reentry": "always"}]
    return journey(steps, entry=entry, migrate=migrate, **more)


def migrate(w: World, steps: dict[str, str], to: int = 2, number: int = 1) -> None:
    w.bodies["migration", "j", number] = {"to": to, "steps": steps}
    w.control("live", kind="migration", version=number)


def moved(w: World) -> World:
    """Version 2 with its map is published; nobody is touched yet."""
    w.now += MINUTE
    w.publish(two({}), version=2)
    return w


def test_r48_a_run_at_a_step_that_the_map_names_goes_to_the_new_version_and_takes_with_it_what_it_has() -> None:
    w = World(one())
    w.event("go", k="a", amount=4)
    before = w.run
    migrate(moved(w), {"look": "again"})
    assert w.touch() == ["migrated"]
    made, after = w.decision("migrated"), w.run
    assert (made.version, made.step, made.to, made.data) == (2, "look", "again", {"of": 1, "migration": 1})
    assert (after.version, after.step, after.visit, after.arrived_at) == (2, "again", 2, w.now)
    assert (after.id, after.key, after.entry, after.entered_at) == (before.id, "a", before.entry, before.entered_at)
    assert after.wake_at == w.now + 24 * HOUR, "the timer counts from the arrival at the new step"
    w.event("buy", k="a")
    assert w.at == "again"
    w.event("pay", k="a")
    assert w.decision("ended").outcome == "done"


def test_r48_exit_ends_with_migrated_and_stay_and_what_is_not_named_stays() -> None:
    w = World(one())
    w.event("go", k="a")
    w.event("go", k="b")
    w.event("buy", k="b")
    migrate(moved(w), {"look": "exit", "rest": "stay"})
    assert w.touch() == ["ended"]
    assert (w.decision("ended").reason, w.decision("ended").version) == ("migrated", 1)
    assert (w.run.version, w.run.step) == (1, "rest")
    assert w.touch() == []
    w.wait(HOUR)
    assert w.at == ""


def test_r48_a_run_that_stayed_is_looked_at_once_whatever_step_it_comes_to_later() -> None:
    w = World(one())
    w.event("go", k="a")
    migrate(moved(w), {"rest": "first"})
    w.touch()
    w.event("buy", k="a")
    assert (w.run.version, w.run.step) == (1, "rest")
    assert w.touch() == []


def test_r48_r36_who_was_looked_at_for_a_map_and_then_for_an_audience_is_not_looked_at_for_the_map_again() -> None:
    w = World(one())
    w.event("go", k="a")
    migrate(moved(w), {"rest": "first"})
    w.touch()
    w.event("buy", k="a")
    w.publish(journey({"look": wait_for("never")}, id="all", entry=[{"audience": {}}]))
    assert w.touch() == ["entered"]
    assert w.touch() == []
    assert [(run.journey, run.version, run.step) for run in w.customer.core.runs if run.journey == "j"] == [
        ("j", 1, "rest")
    ]


@pytest.mark.parametrize("how", ["event", "other", "timer", "row"])
def test_r48_a_run_that_no_sweep_has_reached_yet_goes_with_its_next_input(how: str) -> None:
    w = World(one())
    w.event("go", k="a")
    migrate(moved(w), {"look": "again"})
    if how == "event":
        w.event("pay", k="a")  # the new version hears it, the old one does not
        assert [made.kind for made in w.decisions()] == ["migrated", "moved", "ended"]
        return
    if how == "timer":
        w.now += HOUR - MINUTE
        w.hand(TimerInput(w.now))
    elif how == "row":
        w.row(email="b@example.org")
    else:
        w.event("unheard")
    assert w.kinds() == ["migrated"]
    assert (w.run.version, w.at) == (2, "again")


def test_r48_a4_inputs_of_before_are_handled_as_if_there_were_no_migration() -> None:
    w = World(one())
    w.event("go", k="a")
    published = w.now + MINUTE
    migrate(moved(w), {"look": "exit", "rest": "first"})
    w.now = published - 1  # control comes first: these inputs stood in the log before
    w.row(email="b@example.org")
    w.event("buy", k="a")
    assert (w.run.version, w.run.step) == (1, "rest")
    w.now = published
    w.touch()
    assert (w.run.version, w.run.step) == (2, "first")


def test_r48_who_enters_later_is_none_of_it_also_on_an_old_version() -> None:
    w = World(one())
    w.event("go", k="a")
    migrate(w, {"look": "exit"}, to=1)  # to the version that is live: it moves others only
    assert w.touch() == []
    w.now += MINUTE
    w.publish(two({}), version=2)
    w.event("go", k="b")
    assert [run.version for run in w.customer.core.runs] == [1, 2]
    migrate(w, {"first": "look"}, to=1, number=2)
    assert w.touch() == [], "in the same instant"


def test_r48_several_maps_are_gone_through_in_their_order() -> None:
    w = World(one())
    w.event("go", k="a")
    migrate(moved(w), {"look": "again"})
    w.now += MINUTE
    w.publish(journey({"last": wait_for("end")}), version=3)
    migrate(w, {"again": "last", "look": "exit"}, to=3, number=2)
    w.event("end", k="a")
    assert [(made.kind, made.version, made.to) for made in w.decisions()][:2] == [
        ("migrated", 2, "again"), ("migrated", 3, "last"),
    ]  # fmt: skip
    assert w.at == ""


def test_r48_maps_there_and_back_are_gone_through_once_each() -> None:
    w = World(one())
    w.event("go", k="a")
    migrate(moved(w), {"look": "again"})
    w.touch()
    w.now += MINUTE
    migrate(w, {"again": "look"}, to=1, number=2)
    w.touch()
    assert (w.run.version, w.run.step) == (1, "look")
    assert w.touch() == []
    w.event("nothing")
    assert (w.run.version, w.run.step, w.run.visit) == (1, "look", 3)


def test_r49_in_a_pause_nobody_is_moved_and_on_resume_what_was_satisfied_comes_first() -> None:
    w = World(one())
    w.event("go", k="a")
    w.control("paused")
    w.event("buy", k="a")
    migrate(moved(w), {"look": "exit", "rest": "first"})
    w.control("paused", version=2)
    assert w.touch() == []
    w.now += MINUTE
    w.control("live", version=2)
    w.touch()
    assert [made.kind for made in w.decisions()] == ["moved", "migrated"]
    assert (w.run.version, w.run.step) == (2, "first")


def test_r48_who_comes_to_a_message_gets_it_and_a_deferred_message_ends() -> None:
    quiet = {"settings": {"quiet_hours": {"from": "08:00", "to": "23:00"}}}
    w = World(journey({"hi": MAIL}, **quiet))
    w.event("go")
    assert w.run.status == "deferred"
    w.now += MINUTE
    w.publish(two({}), version=2)
    migrate(w, {"hi": "mail"})
    w.touch()
    assert w.decision("migrated").data["deferred"] == "hi"
    (sent,) = w.sends()
    assert (sent.version, sent.step, w.at) == (2, "mail", "")


def test_r48_a_delivery_of_a_step_that_the_new_version_lacks_disturbs_nobody() -> None:
    w = World(journey({"hi": {**MAIL, "next": "look"}, "look": wait_for()}))
    w.event("go")
    (sent,) = w.sends()
    w.now += MINUTE
    w.publish(two({}), version=2)
    migrate(w, {"look": "again"})
    w.touch()
    w.deliver(sent, "refused", reason="expired")
    assert (w.parked, w.at, w.run.status) == ([], "again", "active")


def test_r6_r48_who_meets_an_exit_condition_of_the_new_version_ends_there() -> None:
    rule = {"condition": {"customer.vip": {"equals": True}}, "outcome": "vip"}
    w = World(one(), row=False)
    w.row(email="a@example.org", vip=True)
    w.event("go", k="a")
    w.now += MINUTE
    w.publish(two({}, exit=[rule]), version=2)
    migrate(w, {"look": "mail"})
    w.touch()
    assert [made.kind for made in w.decisions()] == ["migrated", "ended"]
    assert (w.decision("ended").outcome, w.sends()) == ("vip", [])


def test_r47_r48_the_goal_of_the_new_version_counts_from_the_entry_and_once() -> None:
    goal = {"goal": {"event": {"name": "pay"}, "within": "PT3H"}}
    w = World(one())
    w.event("go", k="a")
    entered = w.now
    w.now += MINUTE
    w.publish(two({}, **goal), version=2)
    migrate(w, {"look": "again"})
    w.touch()
    assert w.run.goal_until == entered + 3 * HOUR
    assert "goal" in w.event("pay", k="a")


def test_r48_a_parked_run_stays_where_it_is() -> None:
    w = World(one())
    w.event("go", k="a")
    version = w.catalog.spaces["workspace1"].journeys["j"].versions[1]
    del version.steps["look"]
    w.event("buy", k="a")
    assert w.run.status == "failed"
    migrate(moved(w), {"look": "exit"})
    assert w.touch() == []


def test_a9_the_catalogue_with_maps_and_a_trial_survives_the_lane() -> None:
    w = World(one())
    w.now += MINUTE
    w.publish(two({}), version=2)
    migrate(w, {"look": "again"})
    kept = Catalog.load(w.catalog.entries(), w.body_of)
    mine, theirs = (catalog.spaces["workspace1"].journeys["j"] for catalog in (w.catalog, kept))
    assert theirs.migrations == mine.migrations
    assert kept.spaces["workspace1"].migrated_at == w.now
    assert kept.entries() == w.catalog.entries()


STEPS = ("look", "rest", "first", "again", "mail")
MAPS = st.dictionaries(st.sampled_from(["look", "rest"]), st.sampled_from(["first", "again", "mail", "exit", "stay"]))
DOINGS = st.lists(st.sampled_from(["go a", "go b", "go c", "buy a", "buy b", "wait"]), max_size=8)


def peopled(doings: list[str]) -> World:
    w = World(one())
    for doing in doings:
        if doing == "wait":
            w.wait(20 * MINUTE)
        else:
            name, _, key = doing.partition(" ")
            w.event(name, k=key)
    return moved(w)


@given(DOINGS, MAPS, st.lists(st.sampled_from(["touch", "event", "row"]), min_size=1, max_size=4))
def test_r48_applied_again_and_again_is_applied_once_and_what_it_does_is_what_was_counted(
    doings: list[str], steps: dict[str, str], touches: list[str]
) -> None:
    w = peopled(doings)
    cells = counted((), w.customer, "j")
    migrate(w, steps)
    made = []
    for touch in touches:
        if touch == "touch":
            w.touch()
        elif touch == "row":
            w.row(email="ann@example.org", n=w.offset)
        else:
            w.event("unheard")
        made += w.decisions()
    wanted: Counter[tuple[int, str, str]] = Counter()
    for cell in cells:
        to = migration.goes(steps, cell.step)
        if to != "stay":
            wanted[cell.version, cell.step, to] += cell.runs
    done = Counter((made.data["of"], made.step, made.to) for made in made if made.kind == "migrated")
    done += Counter((made.version, made.step, "exit") for made in made if made.reason == "migrated")
    assert done == wanted
    assert w.touch() == []


@given(DOINGS, MAPS)
def test_a13_the_same_inputs_over_a_reread_catalogue_give_the_same(doings: list[str], steps: dict[str, str]) -> None:
    w = peopled(doings)
    migrate(w, steps)
    again = World(one())
    again.customer, again.now, again.seq, again.offset = w.customer, w.now, w.seq, w.offset
    again.bodies, again.catalog = w.bodies, Catalog.load(w.catalog.entries(), w.body_of)
    assert (w.touch(), w.effects, w.customer) == (again.touch(), again.effects, again.customer)


def test_r48_people_and_runs_are_counted_by_version_and_step() -> None:
    w = World(one())
    for key in "abc":
        w.event("go", k=key)
    w.event("buy", k="c")
    cells = counted((Cell(1, "look", False, 1, 1),), w.customer, "j")
    assert cells == (Cell(1, "look", False, 3, 2), Cell(1, "rest", False, 1, 1))
    assert counted(cells, w.customer, "other") == cells


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        ({"look": "nowhere"}, "/migrate/look"),
        ({"look": 3}, "/migrate/look"),
        ({"a b": "exit"}, "/migrate/a b"),
        (["look"], "/migrate"),
    ],
)
def test_r20_r60_a_map_that_leads_nowhere_stops_a_publish(steps: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as error:
        definition.parse(two(steps))
    (problem,) = error.value.problems
    assert (problem.pointer, bool(problem.fix)) == (pointer, True)


def test_r60_a_step_that_bears_a_word_of_the_map_is_named() -> None:
    body = journey({"exit": wait_for()}, migrate={"look": "exit"})
    with pytest.raises(Invalid, match="a word of the map and a step too"):
        definition.parse(body)


def test_r60_doubts_of_a_map_unknown_and_forgotten_steps_and_messages_that_go_at_once() -> None:
    made = definition.parse(two({"lok": "again", "look": "mail"}))
    doubts = check(made, Known(steps=frozenset(("look", "rest"))))
    assert [doubt.pointer for doubt in doubts] == ["/migrate/lok", "/migrate/look", "/migrate"]
    assert check(definition.parse(two({"look": "again"})), Known()) == []
