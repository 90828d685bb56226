"""What inputs do, and what they do not (R1 to R4, R21 to R26, R57)."""

from __future__ import annotations

from typing import Any

import pytest

DAY, HOUR = 86_400_000, 3_600_000


def test_r2_an_event_seen_before_changes_nothing(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step(count=2)}))
    w.event("go")
    w.event("buy", id="same")
    before = w.customer
    assert w.event("buy", id="same") == []
    assert w.customer is before
    w.event("buy", id="other")
    assert w.at == ""


def test_r4_an_event_that_matches_nothing_resets_no_timer_and_wakes_no_one(
    world: Any, make: Any, wait_step: Any
) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    core = w.customer.core
    w.now += HOUR // 2
    assert w.event("browse") == []
    assert w.event("buy-nothing", amount=1) == []
    assert w.customer.core is core


def test_r4_an_event_that_fails_the_condition_of_a_wait_changes_nothing(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step(where={"event.amount": {"greater_than": 5}})}))
    w.event("go")
    core = w.customer.core
    assert w.event("buy", amount=5) == []
    assert w.customer.core is core
    w.event("buy", amount=6)
    assert w.at == ""


def test_r21_one_event_ends_a_run_and_then_starts_another(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step("go")}, entry=[{"event": {"name": "go"}, "reentry": "always"}]))
    w.event("go")
    assert w.event("go") == ["moved", "ended", "entered"]


def test_r21_exits_come_first_then_runs_the_oldest_first_then_entries_by_priority(
    world: Any, make: Any, wait_step: Any
) -> None:
    exits = [{"event": {"name": "x"}, "outcome": "out"}]
    w = world(
        make({"look": wait_step("x")}, id="b-runs"),
        make({"look": wait_step("y")}, id="a-exits", exit=exits),
        make({"look": wait_step()}, id="a-late", entry=[{"event": {"name": "x"}}], settings={"priority": 9}),
        make({"look": wait_step()}, id="z-soon", entry=[{"event": {"name": "x"}}], settings={"priority": 1}),
    )
    w.event("go")
    w.event("x")
    got = [(made.kind, made.journey) for made in w.decisions()]
    assert got == [
        ("ended", "a-exits"), ("moved", "b-runs"), ("ended", "b-runs"), ("entered", "z-soon"), ("entered", "a-late"),
    ]  # fmt: skip


def test_r21_conditions_see_the_row_that_came_with_the_event(world: Any, make: Any) -> None:
    from laudstream.customers.row import Row

    split = {
        "split": {"branches": [{"condition": {"customer.plan": {"equals": "pro"}}, "next": "done"}], "else": "late"}
    }
    steps = {"look": {"wait": {"branches": [{"condition": {"customer.vip": {"equals": True}}, "next": "kind"}]}}}
    w = world(make({**steps, "kind": split}))
    w.event("go")
    w.event("", row=Row(1, 900, {"vip": True, "plan": "pro"}))
    assert w.decision("ended").outcome == "done"


def test_r22_the_input_that_starts_a_run_is_no_exit_and_ends_no_wait(world: Any, make: Any, wait_step: Any) -> None:
    exits = [{"event": {"name": "go"}, "where": {"event.amount": {"greater_than": 10}}, "outcome": "big"}]
    w = world(make({"look": wait_step("go")}, exit=exits))
    assert w.event("go", amount=50) == ["entered"]
    assert w.at == "look"
    w.event("go", amount=50)
    assert w.decision("ended").outcome == "big"


def test_r22_who_already_meets_an_exit_condition_does_not_enter(world: Any, make: Any, wait_step: Any) -> None:
    rule = {"condition": {"customer.plan": {"equals": "pro"}}, "outcome": "has-it"}
    w = world(make({"look": wait_step()}, exit=[rule]))
    w.row(plan="pro")
    w.event("go")
    assert w.decision("not_entered").reason == "already_out"
    assert w.decision("not_entered").data["customer.plan"] == "pro"


def test_r24_a_run_with_a_key_meets_only_events_with_that_key(world: Any, make: Any, wait_step: Any) -> None:
    entry = [{"event": {"name": "go", "key": "cart"}}]
    exits = [{"event": {"name": "order", "key": "cart_id"}, "outcome": "bought"}]
    w = world(make({"look": wait_step()}, entry=entry, exit=exits))
    w.event("go", cart="a")
    w.event("go", cart="b")
    assert len(w.customer.core.runs) == 2
    w.event("buy", cart="b")
    assert [run.key for run in w.customer.core.runs] == ["a"]
    assert w.event("order", cart="a") == []
    assert w.event("order", cart_id="a") == ["ended"]


def test_r24_any_key_lifts_the_key(world: Any, make: Any, wait_step: Any) -> None:
    entry = [{"event": {"name": "go", "key": "cart"}}]
    exits = [{"event": {"name": "quit", "any_key": True}, "outcome": "gone"}]
    w = world(make({"look": wait_step()}, entry=entry, exit=exits))
    w.event("go", cart=1)
    w.event("go", cart=2)
    assert w.event("quit") == ["ended", "ended"]


def test_r24_an_entry_event_without_the_key_starts_nothing(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[{"event": {"name": "go", "key": "cart"}}]))
    w.event("go")
    assert w.decision("not_entered").reason == "key_missing"


def test_r24_already_in_and_reentry_hold_for_each_key_by_itself(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[{"event": {"name": "go", "key": "cart"}}]))
    w.event("go", cart="a")
    w.event("go", cart="a")
    assert w.decision("not_entered").reason == "already_in"
    w.event("buy", cart="a")
    w.event("go", cart="a")
    assert w.decision("not_entered").reason == "reentry"
    assert w.event("go", cart="b") == ["entered"]


def test_r25_conditions_read_the_entry_and_what_ended_a_wait_and_a_missing_value_is_null(
    world: Any, make: Any, wait_step: Any
) -> None:
    condition = {
        "entry.cart": {"equals": "a"},
        "steps.look.event.total": {"at_least": 10},
        "steps.other.event.x": {"not_exists": True},
    }
    kind = {"split": {"branches": [{"name": "big", "condition": condition, "next": "done"}], "else": "late"}}
    w = world(make({"look": wait_step(to="kind"), "kind": kind}))
    w.event("go", cart="a")
    w.event("buy", total=10)
    moved = w.decisions("moved")[-1]
    assert (moved.branch, moved.to) == ("big", "done")
    assert moved.data == {"entry.cart": "a", "steps.look.event.total": 10, "steps.other.event.x": None}


def test_r25_a_run_carries_at_most_32_kb(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step(to="more"), "more": wait_step("more")}))
    w.event("go", text="x" * 20_000)
    assert w.event("buy", text="y" * 20_000) == ["limit", "moved"]
    assert w.run.steps["look"] == {"event": {}}
    other = world(make({"look": wait_step()}))
    other.event("go", text="x" * 40_000)
    assert other.decision("not_entered").reason == "limit"


def test_r26_an_event_older_than_max_age_starts_nothing_and_moves_nothing(
    world: Any, make: Any, wait_step: Any
) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go", at=w.now - DAY)
    assert w.decision("not_entered").reason == "too_old"
    w.event("go", at=w.now - DAY + 1)
    assert w.event("buy", at=w.now - DAY) == []
    w.event("buy", at=w.now - DAY + 1)
    assert w.at == ""


def test_r26_max_age_is_a_setting_of_the_event_and_none_switches_it_off(world: Any, make: Any, wait_step: Any) -> None:
    short = make({"look": wait_step()}, id="short", entry=[{"event": {"name": "go", "max_age": "PT30S"}}])
    w = world(short, make({"look": wait_step()}, id="any", entry=[{"event": {"name": "go", "max_age": "none"}}]))
    w.event("go", at=w.now - 40_000)
    assert [(made.journey, made.kind) for made in w.decisions()] == [("any", "entered"), ("short", "not_entered")]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("at", [-62_135_596_800_000, -63_000_000_000_000, -(10**17)])
def test_r26_what_happened_before_all_calendars_is_too_old(
    at: int, zone: str, world: Any, make: Any, wait_step: Any
) -> None:
    """Such instants come from clients with a wrong year in `sentAt`."""
    w = world(make({"look": wait_step()}))
    w.row(timezone=zone)
    w.event("go", at=at)
    assert w.decision("not_entered").reason == "too_old"
    w.event("go")
    assert w.event("buy", at=at) == []


@pytest.mark.parametrize("group", [None, {"id": "acme", "name": "Acme", "plan": "pro"}], ids=["none", "acme"])
def test_r25_templates_read_the_group(world: Any, make: Any, group: Any) -> None:
    w = world(make({"hi": {"message": {"channel": "email", "template": "mail"}, "next": "done"}}))
    body = {"channel": "email", "subject": "For {{ group.name }}", "html": "<p>{{ group.seats | default: 1 }}</p>"}
    w.publish(body, kind="template", id="mail", version=2)
    w.row(email="ann@example.org", group=group)
    w.event("go")
    made = w.decision("message")
    if group is None:
        assert (made.reason, made.data["gates"]["missing"]) == ("missing_value", ["group.name"])
    else:
        assert w.sends()[0].context == {"group": {"name": "Acme"}}
