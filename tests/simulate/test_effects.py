"""What steps write and emit goes its way in the virtual world too (R52, R53)."""

from __future__ import annotations

from typing import Any

from laudstream.journey.write import OPS
from tests.simulate.conftest import START, post
from tests.simulate.test_order import world_of


def steps(**made: Any) -> dict[str, Any]:
    return {
        "id": "j",
        "entry": [{"event": {"name": "go"}, "reentry": "always"}],
        "start": next(iter(made)),
        "steps": {**made, "end": {"exit": {"outcome": "end"}}},
    }


def test_r53_what_an_update_writes_comes_back_and_changes_nothing() -> None:
    parts = {
        "set": {"plan": "pro"}, "unset": ["old"], "increment": {"n": 2}, "add_to": ["vip"],
        "unsubscribe": [{"channel": "email"}],
    }  # fmt: skip
    world, _ = world_of(steps(mark={"update": parts, "next": "end"}))
    world.insert("ann", {"old": 1, "n": 1})
    world.play([post(START, "ann", "go", 1)])
    seen = world.people["ann"].customer
    assert seen.core.pending
    world.drain(START + 1)
    person = world.people["ann"]
    assert person.customer.core.pending == ()
    assert person.customer.attributes == person.attributes == seen.attributes
    assert person.attributes == {"email": "ann@example.org", "plan": "pro", "n": 3}
    assert person.customer.core.consents["email/"][0] == "unsubscribed"
    assert person.customer.core.members["vip"][0] is True
    assert person.writes == len(OPS) - 1


def test_r52_an_emitted_event_comes_to_its_customer_and_a_chain_ends() -> None:
    world, made = world_of(steps(say={"emit": {"event": "go", "to": "entry.friend", "properties": {"friend": "ann"}},
                                      "next": "end"}))  # fmt: skip
    world.play([post(START, "ann", "go", 1, friend="bob")])
    world.drain(START + 1)
    entered = [one.customer for one in made if one.kind == "entered"]
    assert entered == ["ann", "bob", *["ann"] * 7]
    assert [one.data["reason"] for one in made if "reason" in one.data] == ["too_deep"]
    assert world.handled["emitted"] == 8
