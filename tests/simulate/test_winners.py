"""Winners, paces and signals in a virtual world: as lanes do it, with the same counts (A11, R34, R45)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from laudstream.testing import World

MINUTE, HOUR = 60_000, 3_600_000
TEMPLATE = {"kind": "template", "id": "hello", "channel": "email", "subject": "Hi", "html": "<p>Hi</p>"}


def letter(**winner: Any) -> dict[str, Any]:
    rule = {"metric": "goal", "minimum": 10, "hold_rest": True, **winner}
    return {
        "id": "letter",
        "entry": [{"event": {"name": "go"}}],
        "goal": {"event": {"name": "buy"}, "within": "P7D"},
        "start": "test",
        "steps": {
            "test": {"experiment": {"arms": {"a": 50, "b": 50}, "winner": rule}, "next": {"a": "rest", "b": "rest"}},
            "rest": {"delay": {"for": "P2D"}, "next": "done"},
            "done": {"exit": {"outcome": "done"}},
        },
    }


def went(world: World) -> dict[str, str]:
    return {made.customer: made.branch for made in world.decisions if made.kind == "moved" and made.step == "test"}


def sent_out(**winner: Any) -> tuple[World, list[Any]]:
    world = World(letter(**winner))
    people = [world.customer(f"c{n}", email=f"c{n}@example.org") for n in range(60)]
    for each in people:
        each.track("go")
    return world, people


def test_r45_an_arm_that_leads_clearly_takes_the_rest() -> None:
    world, people = sent_out()
    first = went(world)
    assert Counter(first.values()) == {"a": 10, "b": 10}
    for each in people:
        if first.get(each.id) == "b":
            each.track("buy")
    assert len(went(world)) == 60
    assert {arm for who, arm in went(world).items() if who not in first} == {"b"}
    assert world.engine.catalog.spaces[world.engine.workspace].winners == {"letter/test": "b"}


def test_r45_when_the_first_has_waited_long_enough_the_leading_arm_wins() -> None:
    world, people = sent_out(hold_at_most="PT4H")
    first = went(world)
    next(each for each in people if first.get(each.id) == "b").track("buy")
    world.engine.until(world.engine.now + 4 * HOUR - 1)
    assert went(world) == first
    world.engine.until(world.engine.now + 2)
    assert len(went(world)) == 60
    assert {arm for who, arm in went(world).items() if who not in first} == {"b"}


def test_r45_a_person_may_choose() -> None:
    world, _ = sent_out()
    first = went(world)
    world.engine.definitions.win("letter/test", "a")
    assert {arm for who, arm in went(world).items() if who not in first} == {"a"}


def test_a_pace_spreads_messages_over_the_minutes() -> None:
    body = {
        "id": "slow",
        "entry": [{"event": {"name": "go"}}],
        "settings": {"pace": {"limit": 5, "per": "minute"}},
        "start": "hi",
        "steps": {
            "hi": {"message": {"channel": "email", "template": "hello", "class": "transactional"}, "next": "done"},
            "done": {"exit": {"outcome": "done"}},
        },
    }
    world = World(TEMPLATE, body)
    for n in range(20):
        world.customer(f"c{n}", email=f"c{n}@example.org").track("go")
    world.engine.until(world.engine.now + 10 * MINUTE)
    minutes = Counter(request.requested_at // MINUTE for request in world.requests)
    assert list(minutes.values()) == [5] * 4
    reasons = Counter(made.reason for made in world.decisions if made.kind == "message")
    assert reasons == {"": 20, "pace": 19}


def test_r34_a_signal_takes_everyone_who_is_there() -> None:
    body = {
        "id": "sale",
        "entry": [{"audience": {"signal": "price_dropped"}, "where": {"entry.percent": {"at_least": 10}}}],
        "max_entries": {"n": 3, "per": "occurrence"},
        "start": "rest",
        "steps": {"rest": {"delay": {"for": "PT1S"}, "next": "done"}, "done": {"exit": {"outcome": "done"}}},
    }
    world = World(body)
    for n in range(5):
        world.customer(f"c{n}", email=f"c{n}@example.org")
    for percent in (5, 20, 30):
        world.signal("price_dropped", percent=percent)
        world.engine.until(world.engine.now + MINUTE)
    counts = Counter((made.kind, made.data.get("percent")) for made in world.decisions if made.kind == "entered")
    assert counts == {("entered", 20): 3, ("entered", 30): 3}
