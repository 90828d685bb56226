"""What waits look back to and collect (R5, R22, R25 to R28, R32, R51)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.journey.waiting import DAY, HOUR, MINUTE, REST, both, mailed, waits

# Looking back


def test_r5_since_entry_counts_what_came_before_the_arrival(world: Any, make: Any) -> None:
    w = world(make({"rest": REST, "look": waits({"event": {"name": "buy"}}, since="entry")}, start="rest"))
    w.event("go")
    assert w.event("buy", total=7) == []
    w.wait(HOUR)
    assert w.decision("ended").outcome == "done"
    assert w.decisions("moved")[-1].data == {"event": "buy"}


def test_r27_on_arrival_the_first_branch_in_order_wins_whatever_happened_first(world: Any, make: Any) -> None:
    branches = ({"event": {"name": "second"}}, {"event": {"name": "first"}, "next": "late"})
    w = world(make({"rest": REST, "look": waits(*branches, since="entry")}))
    w.event("go")
    w.event("first")
    w.event("second")
    w.wait(HOUR)
    assert w.decision("ended").outcome == "done"


def test_r32_since_a_duration_ends_exactly_there(world: Any, make: Any) -> None:
    for before, outcome in ((30 * MINUTE, ""), (30 * MINUTE - 1, "done")):
        w = world(make({"rest": REST, "look": waits({"event": {"name": "buy"}}, since="PT30M")}))
        w.event("go")
        w.now += HOUR - before
        w.event("buy")
        w.wait(before)
        assert [made.outcome for made in w.decisions("ended")] == ([outcome] if outcome else [])


def test_r28_what_was_counted_before_the_arrival_goes_on_counting(world: Any, make: Any) -> None:
    branches = ({"event": {"name": "buy"}, "count": 3}, both("a", "b"))
    w = world(make({"rest": REST, "look": waits(*branches, since="entry")}))
    w.event("go")
    for name in ("buy", "buy", "a"):
        w.event(name)
    w.wait(HOUR)
    assert (w.at, w.run.progress) == ("look", (2, 1))
    assert w.event("buy") == ["moved", "ended"]


def test_r22_the_entry_input_satisfies_no_wait_whatever_since_says(world: Any, make: Any) -> None:
    w = world(make({"look": waits({"event": {"name": "go"}}, since="entry")}))
    w.event("go")
    assert w.at == "look"
    assert w.event("go", id="other") == ["not_entered"] or w.at == ""


def test_r28_an_input_that_was_used_ends_no_other_visit_however_far_back_it_looks(world: Any, make: Any) -> None:
    w = world(make({"look": waits({"event": {"name": "buy"}, "next": "rest"}, since="entry"), "rest": REST}))
    w.event("go")
    w.event("buy", n=1)
    w.wait(HOUR)
    assert w.at == "look"
    w.event("buy", n=2)
    w.wait(HOUR)
    assert (w.at, w.run.steps["look"]["event"]["n"]) == ("look", 2)


def test_r51_a_cycle_goes_round_once_for_each_input_that_was_kept(world: Any, make: Any) -> None:
    steps = {
        "rest": REST,
        "look": waits({"event": {"name": "buy"}, "next": "again"}, since="entry"),
        "again": {"jump": "look"},
    }
    w = world(make(steps))
    w.event("go")
    for n in range(3):
        w.event("buy", n=n)
    w.wait(HOUR)
    assert [made.step for made in w.decisions("moved")] == ["rest", *["look", "again"] * 3]
    assert w.at == "look"


def test_r51_no_cycle_goes_on_for_ever_over_what_was_kept(world: Any, make: Any) -> None:
    again = {"event": {"name": "buy"}, "next": "b"}
    steps = {"rest": {**REST, "next": "a"}, "a": waits(again, since="entry"),
             "b": waits({**again, "next": "a"}, since="entry")}  # fmt: skip
    w = world(make(steps))
    w.event("go")
    for n in range(60):
        w.event("buy", id=f"b{n}")
    w.wait(HOUR)
    assert w.decision("ended").reason == "loop"
    assert len(w.decisions("moved")) < 120


def test_since_entry_hears_deliveries_and_changes_too(world: Any, make: Any) -> None:
    steps = mailed({"message": {"is": "opened"}}, {"changed": "customer.plan", "next": "late"}, since="entry")
    steps["hi"]["next"], steps["rest"] = "rest", REST
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "opened", id="d") == []
    w.deliver(request, "opened", id="d")
    assert len(w.run.past) == 1
    w.wait(HOUR)
    assert w.decision("ended").outcome == "done"
    w = world(make(steps))
    w.event("go")
    w.row(plan="pro")
    w.wait(HOUR)
    assert w.decisions("moved")[-1].data == {"customer.plan": "pro", "was": None}


def test_r26_how_old_an_event_was_is_judged_when_it_came(world: Any, make: Any) -> None:
    rest = {"delay": {"for": "P3D"}, "next": "look"}
    w = world(make({"rest": rest, "look": waits({"event": {"name": "buy"}}, since="entry")}))
    w.event("go")
    w.event("buy", at=w.now - 2 * DAY)
    w.wait(3 * DAY)
    assert w.at == "look", "it was two days old when it came"
    w = world(make({"rest": rest, "look": waits({"event": {"name": "buy"}}, since="entry")}))
    w.event("go")
    w.event("buy")
    w.wait(3 * DAY)
    assert w.at == ""


def test_a7_what_is_kept_has_a_limit_and_the_oldest_goes_first(world: Any, make: Any) -> None:
    w = world(
        make(
            {
                "rest": {**REST, "delay": {"for": "P1D"}},
                "look": waits({"event": {"name": "a"}, "count": 99}, since="entry"),
            }
        )
    )
    w.event("go")
    for n in range(50):
        assert w.event("a", n=n) == []
    assert w.event("a", n=50) == ["limit"]
    assert w.decision("limit").data == {"which": "inputs kept for a wait"}
    assert [kept.properties["n"] for kept in w.run.past] == list(range(1, 51))
    w.event("a", text="x" * 16_000)
    assert len(w.run.past) < 20
    assert w.run.size < 17_000
    assert w.run.past[-1].properties["text"]


def test_a_version_without_such_a_wait_keeps_nothing(world: Any, make: Any) -> None:
    w = world(make({"rest": REST, "look": waits({"event": {"name": "buy"}})}))
    w.event("go")
    before = w.customer.core
    w.event("buy")
    assert w.customer.core is before


# Collecting


def test_r25_collected_events_are_there_for_the_template(world: Any, make: Any) -> None:
    steps = {"look": waits({"event": {"name": "end"}, "next": "hi"}, collect=["view"]),
             "hi": {"message": {"channel": "email", "template": "list"}, "next": "done"}}  # fmt: skip
    text = "{% for each in steps.look.events %}{{ each.item }} {% endfor %}"
    w = world(make(steps), templates={"list": {"channel": "email", "subject": "Seen", "html": text}})
    w.event("go")
    w.event("view", item="cup")
    w.event("view", item="pan")
    w.event("end", total=3)
    (request,) = w.sends()
    assert [event["item"] for event in request.context["steps"]["look"]["events"]] == ["cup", "pan"]
    assert request.context["steps"]["look"]["event"] == {"total": 3}


def test_r25_a_wait_collects_at_most_50_events_and_only_those_of_its_visit(world: Any, make: Any) -> None:
    steps = {"look": waits({"event": {"name": "skip"}, "next": "rest"}, collect=["view"]), "rest": REST}
    w = world(make(steps))
    w.event("go")
    for n in range(50):
        assert w.event("view", n=n) == []
    size = w.run.size
    assert w.event("view", n=50) == ["limit"]
    assert w.decision("limit").data == {"which": "collected events"}
    assert len(w.run.steps["look"]["events"]) == 50
    w.event("skip")
    w.wait(HOUR)
    assert (w.at, w.run.steps["look"]["events"]) == ("look", [])
    assert w.run.size < size


def test_r25_a_run_carries_at_most_32_kb_of_them(world: Any, make: Any) -> None:
    w = world(make({"look": waits({"event": {"name": "end"}}, collect=["view"])}))
    w.event("go")
    for _ in range(3):
        w.event("view", text="x" * 15_000)
    assert (w.kinds(), len(w.run.steps["look"]["events"])) == (["limit"], 2)


def test_r5_collecting_goes_back_as_far_as_the_wait_looks(world: Any, make: Any) -> None:
    w = world(make({"rest": REST, "look": waits({"event": {"name": "end"}}, since="entry", collect=["view"])}))
    w.event("go")
    w.event("view", n=1)
    w.wait(HOUR)
    w.event("view", n=2)
    assert [event["n"] for event in w.run.steps["look"]["events"]] == [1, 2]


def test_r32_a_run_keeps_what_any_of_its_waits_looks_back_to(world: Any, make: Any) -> None:
    """In February a month is shorter than 30 days, elsewhere it is not."""
    begun = round(datetime(2026, 2, 1, 12, tzinfo=UTC).timestamp() * 1000)
    month = waits({"event": {"name": "other"}}, since="P1M")
    days = waits({"event": {"name": "buy"}}, {"event": {"name": "never"}, "next": "month"}, since="P30D")
    steps = {"rest": {"delay": {"for": "P29D"}, "next": "look"}, "look": days, "month": month}
    w = world(make(steps, start="rest"))
    w.now = begun
    w.event("go")
    w.now += HOUR
    w.event("buy")
    w.now = begun + 29 * DAY - HOUR
    w.event("other")
    w.wait(HOUR)
    assert [made.outcome for made in w.decisions("ended")] == ["done"]
