"""All customers that there are when a journey is published (R36, A10)."""

from __future__ import annotations

from typing import Any

import pytest

MINUTE, HOUR = 60_000, 3_600_000
GOLD = {"customer.plan": {"equals": "gold"}}


def audience(**more: Any) -> list[dict[str, Any]]:
    return [{"audience": {}, **more}]


@pytest.fixture
def present(world: Any, make: Any, wait_step: Any) -> Any:
    """A customer who was there before the journey was published."""

    def made(row: bool = True, **fields: Any) -> Any:
        w = world(row=row)
        w.wait(MINUTE)
        w.publish(make({"look": wait_step()}, **{"entry": audience(), **fields}))
        return w

    return made


def test_r36_who_is_there_enters_when_the_sweep_comes(present: Any) -> None:
    w = present()
    w.wait(MINUTE)
    assert w.touch() == ["entered"]
    assert (w.decision("entered").at, w.decision("entered").data) == (w.now, {"audience": True})
    assert w.at == "look"
    assert w.touch() == []


def test_a10_an_input_that_comes_before_the_sweep_does_it_first(present: Any) -> None:
    w = present()
    assert w.event("buy") == ["entered", "moved", "ended"]
    assert w.decision("ended").outcome == "done"
    assert w.touch() == []


def test_r36_who_comes_later_does_not_enter(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=audience()), row=False)
    w.wait(MINUTE)
    w.event("look")
    assert w.touch() == []
    from laudstream.customers.row import Row
    from laudstream.journey.inputs import RowInput

    w.hand(RowInput(w.cause("laudstream.rows"), Row(1, 1, {}, w.now)))
    assert w.effects == []
    assert w.touch() == []


def test_r36_a_row_that_was_there_and_comes_late_enters_when_it_comes(present: Any) -> None:
    w = present(row=False)
    assert w.touch() == []
    w.row(email="ann@example.org")
    assert w.kinds() == ["entered"]


def test_r59_who_does_not_belong_to_the_audience_is_not_recorded_and_not_asked_again(present: Any) -> None:
    w = present(entry=audience(where=GOLD))
    assert w.touch() == []
    w.row(plan="gold")
    assert w.effects == []


def test_r36_the_condition_sees_the_customer_as_the_sweep_finds_them(present: Any) -> None:
    w = present(entry=audience(where=GOLD))
    w.row(plan="gold")  # the row is applied first, and then the customer is looked at
    assert w.kinds() == ["entered"]


def test_r23_a_second_publish_enters_only_whom_reentry_lets_in(present: Any, make: Any, wait_step: Any) -> None:
    w = present()
    w.touch()
    w.event("buy")
    w.publish(make({"look": wait_step()}, entry=audience()), version=2)
    assert w.touch() == ["not_entered"]
    assert w.decision("not_entered").reason == "reentry"
    w.publish(make({"look": wait_step()}, entry=audience(reentry="always")), version=3)
    assert w.touch() == ["entered"]


@pytest.mark.parametrize("status", ["stopped", "draining"])
def test_r7_a_stop_leaves_those_that_the_sweep_has_not_reached(present: Any, status: str) -> None:
    w = present()
    w.control(status)
    assert w.touch() == []
    assert w.event("buy") == []


def test_r49_a_pause_holds_the_sweep_and_a_resume_goes_on_with_it(present: Any) -> None:
    w = present()
    w.control("paused")
    assert w.touch() == []
    assert w.event("look") == []
    w.control("live")
    assert w.touch() == ["entered"]


def test_a_journey_may_have_an_audience_and_events(present: Any) -> None:
    w = present(entry=[*audience(), {"event": {"name": "go"}, "reentry": "always"}])
    w.touch()
    w.event("buy")
    assert w.event("go") == ["entered"]


def test_r18_an_audience_asks_for_places_like_everyone(present: Any) -> None:
    w = present(max_entries=5)
    assert w.touch() == ["Ask"]


def test_r15_another_life_of_the_customer_is_looked_at_by_its_own_birth(present: Any) -> None:
    w = present()
    w.touch()
    w.row(deleted=True)
    assert w.decision("ended").reason == "deleted"
    assert w.customer.core.swept == {}
