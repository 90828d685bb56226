"""Entering (R23, R59) and the limits of A7."""

from __future__ import annotations

from typing import Any

import pytest

DAY = 86_400_000


def entry(**more: Any) -> list[dict[str, Any]]:
    return [{"event": {"name": "go"}, **more}]


@pytest.mark.parametrize(("days", "kind"), [(29, "not_entered"), (30, "entered")])
def test_r23_reentry_after_counts_from_the_start_of_the_last_run(
    world: Any, make: Any, wait_step: Any, days: int, kind: str
) -> None:
    w = world(make({"look": wait_step(after="P20D")}, entry=entry(reentry="after P30D")))
    w.event("go")
    w.wait(20 * DAY)
    assert w.at == ""
    w.wait((days - 20) * DAY)
    assert w.event("go") == [kind]


def test_r23_reentry_is_never_by_default_and_always_if_it_says_so(world: Any, make: Any, wait_step: Any) -> None:
    w = world(
        make({"look": wait_step()}, id="once"), make({"look": wait_step()}, id="often", entry=entry(reentry="always"))
    )
    w.event("go")
    w.event("buy")
    w.event("go")
    assert [(made.journey, made.kind, made.reason) for made in w.decisions()] == [
        ("often", "entered", ""), ("once", "not_entered", "reentry"),
    ]  # fmt: skip


def test_r23_already_in_is_asked_before_reentry(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.event("go")
    assert w.decision("not_entered").reason == "already_in"


def test_r23_restart_ends_the_present_run_and_begins_a_new_one(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=entry(while_active="restart")))
    w.event("go")
    first = w.run.id
    w.now += 1000
    assert w.event("go") == ["ended", "entered"]
    assert (w.decision("ended").reason, w.decision("ended").run) == ("restarted", first)
    assert w.run.id != first
    assert w.run.entered_at == w.now


def test_r59_a_refusal_by_condition_records_the_values_looked_at(world: Any, make: Any, wait_step: Any) -> None:
    where = {"any": [{"customer.plan": {"equals": "pro"}}, {"event.amount": {"greater_than": 100}}]}
    w = world(make({"look": wait_step()}, entry=entry(where=where)))
    w.event("go", amount=20)
    made = w.decision("not_entered")
    assert (made.reason, made.data) == ("condition", {"customer.plan": None, "event.amount": 20})
    assert w.event("go", amount=101) == ["entered"]


def test_r59_an_event_that_no_entry_names_is_not_recorded(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    decisions = w.customer.core.decisions
    assert w.event("went") == []
    assert w.customer.core.decisions == decisions


def test_r49_outside_starts_at_and_ends_at_nobody_enters_and_runs_go_on(world: Any, make: Any, wait_step: Any) -> None:
    settings = {"starts_at": "2026-01-06T09:00:00+00:00", "ends_at": "2026-01-07T10:00:00+01:00"}
    w = world(make({"look": wait_step(after="P3D")}, entry=entry(reentry="always"), settings=settings))
    w.event("go")
    assert w.decision("not_entered").reason == "not_open"
    w.wait(DAY)
    assert w.event("go") == ["entered"]
    w.wait(DAY)
    w.event("go")
    assert w.decision("not_entered").reason == "not_open"
    w.event("buy")
    assert w.at == ""


def test_a7_a_customer_has_at_most_20_open_runs_in_a_journey_and_100_in_all(
    world: Any, make: Any, wait_step: Any
) -> None:
    keyed = [{"event": {"name": "go", "key": "k"}}]
    w = world(*(make({"look": wait_step()}, id=f"j{number}", entry=keyed) for number in range(6)))
    for key in range(21):
        w.event("go", k=key)
    assert len(w.customer.core.runs) == 100
    assert {made.reason for made in w.decisions()} == {"limit"}


def test_a7_at_most_1000_keys_of_a_journey_are_remembered_and_the_oldest_goes_first(world: Any, make: Any) -> None:
    w = world(make({"done": {"exit": {"outcome": "done"}}}, entry=[{"event": {"name": "go", "key": "k"}}]))
    for key in range(1000):
        assert "limit" not in w.event("go", k=key)
    assert "limit" in w.event("go", k=1000)
    assert "entered" in w.event("go", k=0)
    assert "not_entered" in w.event("go", k=2)
