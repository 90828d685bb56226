"""A merge with somebody who has hardly room for more runs: of two runs of one journey exactly one goes on (R50)."""

from __future__ import annotations

from tests.lanes.kit import waiting
from tests.lanes.merging import Merging
from tests.lanes.test_merges import PAID

LARGE = "x" * 31_000
"""Eight runs with it leave no room for a ninth."""
MANY = waiting("PT1H", id="many", entry=[{"event": {"name": "order", "key": "n"}}])


def met(orders: int) -> Merging:
    """A user with so many large runs and one of `pay`, and a visitor whose run of `pay` is older and large."""
    world = Merging(PAID, MANY)
    world.identify("user")
    world.event("visitor", "purchase", text=LARGE)
    world.settle()
    for number in range(orders):
        world.event("user", "order", id=f"o{number}", n=f"k{number}", text=LARGE)
    world.event("user", "purchase")
    world.settle()
    assert ("pay", "look") in world.runs("user")
    world.merge("visitor", "user")
    world.settle()
    return world


def pays(world: Merging) -> list[int]:
    """Bytes that runs of `pay` carry."""
    return [run.size for run in world.state("user").core.runs if run.journey == "pay"]


def test_r50_the_younger_run_goes_on_if_there_is_no_room_for_the_older() -> None:
    world = met(8)
    (size,) = pays(world)
    assert size < 1_000
    assert world.ended() == [("user", "merged")]
    world.event("user", "paid")
    world.settle()
    assert ("user", "paid") in world.ended()


def test_r50_the_older_run_goes_on_if_there_is_room() -> None:
    world = met(7)
    (size,) = pays(world)
    assert size > 31_000
    assert world.ended() == [("user", "merged")]
