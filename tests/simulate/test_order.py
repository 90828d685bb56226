"""What happens first (A4, R3, R30)."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from laudstream.errors import Broken
from laudstream.journey.decision import Decision
from laudstream.simulate.effects import DELIVERIES, HANDOFFS, ROWS
from laudstream.simulate.world import NEVER, World
from tests.simulate.conftest import HOUR, START, post, waiting

TEMPLATE = {"channel": "email", "subject": "s", "html": "h"}


def world_of(*bodies: dict[str, Any], people: tuple[str, ...] = ("ann", "bob", "cleo")) -> tuple[World, list[Decision]]:
    world, made = World(now=START), []
    world.decided = made.append
    for name in people:
        world.insert(name, {"email": f"{name}@example.org"})
    for id in ("hello", "remind"):
        world.definitions.publish("template", id, TEMPLATE)
    for body in bodies:
        world.definitions.publish("journey", body["id"], body)
    return world, made


def ends(made: list[Decision]) -> list[tuple[int, str, str]]:
    return [(one.at - START, one.customer, one.outcome or one.reason) for one in made if one.kind == "ended"]


def test_r30_an_event_at_the_very_instant_of_a_timer_comes_first() -> None:
    world, made = world_of(waiting())
    world.play([post(START, "ann", "purchase", 1), post(START, "bob", "purchase", 2)])
    world.play([post(START + HOUR, "ann", "paid", 3), post(START + HOUR + 1, "bob", "paid", 4)])
    assert ends(made) == [(HOUR, "ann", "paid"), (HOUR, "bob", "late")]


def test_r30_what_happens_comes_before_timers_of_the_same_instant_rows_before_answers_before_deliveries() -> None:
    world, _ = world_of(waiting())
    world.play([post(START, "ann", "purchase", 1)])
    world.until(START + HOUR - 1)
    seen: list[Any] = []
    world.decided = lambda one: seen.append(one.kind)
    for rank in (DELIVERIES, HANDOFFS, ROWS):
        world.later(START + HOUR, rank, "ann", lambda world, person, what: seen.append(what), rank)
    world.until(START + HOUR)
    assert seen[:4] == [ROWS, HANDOFFS, DELIVERIES, "moved"]


def test_r3_timers_fire_by_due_instant_then_by_customer_whoever_came_first() -> None:
    world, made = world_of(waiting())
    world.play([post(START, name, "purchase", n) for n, name in enumerate(("cleo", "ann"))])
    world.play([post(START + 1, "bob", "purchase", 3)])
    world.until(START + 2 * HOUR)
    assert ends(made) == [(HOUR, "ann", "late"), (HOUR, "cleo", "late"), (HOUR + 1, "bob", "late")]


def test_r3_a_timer_that_moves_earlier_and_one_that_moves_later_fire_when_they_are_due() -> None:
    keyed = {"entry": [{"event": {"name": "purchase", "key": "k"}, "reentry": "always"}]}
    world, made = world_of(waiting(**keyed), {**waiting(**keyed), "id": "short", "entry": [{"event": {"name": "now"}}],
                                              "start": "look", "steps": short(waiting())})  # fmt: skip
    world.play([post(START, "ann", "purchase", 1, k="a"), post(START + 1, "ann", "now", 2)])  # its timer: earlier
    world.play([post(START + 2, "ann", "paid", 3, k="a")])  # only the short one is left
    world.play([post(START + 3, "ann", "purchase", 4, k="b")])
    assert ends(made) == [(2, "ann", "paid"), (2, "ann", "paid")]
    world.until(START + 2 * HOUR)
    assert ends(made)[2:] == [(HOUR + 3, "ann", "late")]
    assert world.handled["timers"] == 1
    assert world.next_at() == NEVER


def short(body: dict[str, Any]) -> dict[str, Any]:
    look = {"wait": {**body["steps"]["look"]["wait"], "timeout": {"after": "PT1M", "next": "late"}}}
    return {"look": look, "paid": body["steps"]["paid"], "late": body["steps"]["late"]}


def test_r3_an_earlier_timer_of_another_run_fires_first_and_the_later_one_still_fires() -> None:
    one, other = waiting(), {**waiting(), "id": "short", "start": "look", "entry": [{"event": {"name": "now"}}]}
    other["steps"] = short(waiting())
    world, made = world_of(one, other)
    world.play([post(START, "ann", "purchase", 1), post(START + 1, "ann", "now", 2)])
    world.until(START + 2 * HOUR)
    assert ends(made) == [(60_001, "ann", "late"), (HOUR, "ann", "late")]


def test_an_event_that_comes_after_later_ones_is_refused() -> None:
    world, _ = world_of(waiting())
    world.play([post(START + 5, "ann", "purchase", 1)])
    with pytest.raises(Broken, match="sort them by time"):
        world.play([post(START + 4, "ann", "paid", 2)])
    with pytest.raises(Broken, match="time does not go back"):
        world.until(START)


def test_an_effect_that_the_world_does_not_know_stops_it() -> None:
    class Strange(NamedTuple):
        n: int

    world, _ = world_of(waiting())
    from laudstream.journey.inputs import Outcome

    person = world.person("ann")
    with pytest.raises(Broken, match="does not know the effect Strange"):
        world._take(person, Outcome(person.customer, [Strange(1)]))  # type: ignore[list-item]


def test_a_write_that_the_world_does_not_know_stops_it() -> None:
    from laudstream.journey.write import Write

    world, _ = world_of(waiting())
    with pytest.raises(Broken, match="does not know the write 'frobnicate'"):
        world.person("ann").carry_out(Write("simulated", "ann", 1, "frobnicate", 0), 9, 0)


def test_a19_a_stranger_gets_a_row_by_its_first_event_and_it_comes_back() -> None:
    world, made = world_of(waiting(), people=())
    world.play([post(START, "eve", "purchase", 1)])
    world.until(START)
    person = world.person("eve")
    assert (person.born > 0, person.customer.core.row.born, person.customer.core.pending) == (True, person.born, ())
    assert [one.reason for one in made if one.kind == "message"] == ["no_address"]


def test_a17_what_an_identify_says_is_seen_by_the_next_event() -> None:
    world, made = world_of(waiting(), people=())
    trait = post(START, "eve", "", 1, email="eve@example.org")
    world.play([trait._replace(event=type(trait.event)("i1", "identify", "", {"email": "e@x.org"}, START, START))])
    world.play([post(START, "eve", "purchase", 2)])
    assert [one.reason for one in made if one.kind == "message"] == [""]


def test_r15_a_deleted_customer_leaves_and_a_message_on_its_way_is_refused() -> None:
    world, made = world_of(waiting())
    deliveries: list[tuple[str, str]] = []
    world.delivered = lambda one: deliveries.append((one.kind, one.reason))
    world.play([post(START, "ann", "purchase", 1)])
    world.delete("ann")
    world.until(START + HOUR)
    assert ends(made) == [(0, "ann", "deleted")]
    assert deliveries == [("refused", "deleted")]


def test_r36_an_audience_takes_who_is_there_in_order_and_r49_a_pause_holds_it() -> None:
    body = waiting(entry=[{"audience": {}, "where": {"customer.plan": {"equals": "pro"}}}])
    world, made = world_of(people=())
    for name, plan in (("cleo", "pro"), ("ann", "pro"), ("bob", "free")):
        world.insert(name, {"plan": plan, "email": f"{name}@example.org"})
    world.definitions.publish("journey", "pay", body)
    assert [one.customer for one in made if one.kind == "entered"] == ["ann", "cleo"]
    world.definitions.control("journey", "pay", "paused")
    world.until(START + 2 * HOUR)
    assert ends(made) == []
    world.definitions.control("journey", "pay", "live")
    world.until(START + 2 * HOUR)
    assert sorted(end[1:] for end in ends(made)) == [("ann", "late"), ("cleo", "late")]


def test_r7_stop_ends_runs_at_once() -> None:
    world, made = world_of(waiting())
    world.play([post(START, "ann", "purchase", 1)])
    world.until(START + 10)
    world.definitions.control("journey", "pay", "stopped")
    assert ends(made) == [(10, "ann", "stopped")]
