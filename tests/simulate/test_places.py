"""A fixed number of places, in the time machine (A11, R18, R55)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.simulate.conftest import START, post, waiting
from tests.simulate.test_order import ends, world_of

PEOPLE = tuple(f"c{n:02}" for n in range(12))
MOST = 4


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(0, 3)), max_size=30))
def test_r18_never_more_than_there_are_places_and_never_one_unused(steps: list[tuple[str, int]]) -> None:
    world, made = world_of(waiting(max_entries=MOST), people=PEOPLE)
    at = START
    for number, (who, gap) in enumerate(steps):
        at += gap
        world.play([post(at, who, "purchase", number)])
    world.until(at)
    asked = list(dict.fromkeys(who for who, _ in steps))
    assert [one.customer for one in made if one.kind == "entered"] == asked[:MOST]
    full = [one.customer for one in made if one.reason == "full"]
    assert list(dict.fromkeys(full)) == asked[MOST:]
    assert world.places.taken(world.workspace, "pay") == min(MOST, len(asked))


def test_r55_a_place_of_who_went_before_the_answer_goes_to_the_next() -> None:
    leave = [{"event": {"name": "leave"}, "outcome": "left"}]
    world, made = world_of(waiting(max_entries=1, exit=leave), people=PEOPLE)
    world.play([post(START, PEOPLE[0], "purchase", 1)])
    world.delete(PEOPLE[0])  # before its answer has come
    world.until(START)
    assert [(one.kind, one.reason) for one in made] == [("not_entered", "deleted")]
    world.play([post(START + 1, PEOPLE[1], "purchase", 2), post(START + 1, PEOPLE[2], "purchase", 3)])
    world.until(START + 1)
    assert [one.customer for one in made if one.kind == "entered"] == [PEOPLE[1]]
    assert ends(made) == []


def test_r18_a_new_version_may_give_more_places() -> None:
    world, made = world_of(waiting(max_entries=1), people=PEOPLE)
    world.play([post(START, who, "purchase", n) for n, who in enumerate(PEOPLE[:3])])
    world.until(START)
    world.definitions.publish("journey", "pay", waiting(max_entries=2))
    world.play([post(START, who, "purchase", n) for n, who in enumerate(PEOPLE[3:6], 10)])
    world.until(START)
    assert [one.customer for one in made if one.kind == "entered"] == [PEOPLE[0], PEOPLE[3]]
