"""Waits: all_of, messages, changes, looking back and collecting (R5, R25, R27 to R29, R51, R56)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.customers.row import Row
from laudstream.errors import Invalid
from laudstream.journey.definition import parse
from tests.journey.conftest import World, journey

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
REST = {"delay": {"for": "PT1H"}, "next": "look"}


def waits(*branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"wait": {"branches": [{"next": "done", **branch} for branch in branches], **more}}


def both(*names: str, **beside: Any) -> dict[str, Any]:
    return {"all_of": [{"event": {"name": name}, **beside} for name in names]}


def mailed(*branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "hi": {"message": {"channel": "email", "template": "mail"}, "next": "look"},
        "look": waits(*branches, **more),
    }


# all_of


def test_r28_all_of_needs_each_member_once_in_any_order(world: Any, make: Any) -> None:
    w = world(make({"look": waits(both("a", "b", "c"))}))
    w.event("go")
    assert [w.event("b"), w.event("b"), w.event("a"), w.event("x")] == [[], [], [], []]
    assert w.event("c") == ["moved", "ended"]
    assert (w.decision("moved").branch, w.decision("moved").data) == ("all_of", {"event": "c"})


def test_r28_one_input_may_serve_several_members(world: Any, make: Any) -> None:
    members = [
        {"event": {"name": "buy"}, "where": {"event.total": {"at_least": 10}}},
        {"event": {"name": "buy"}, "where": {"event.gift": {"equals": True}}},
    ]
    w = world(make({"look": waits({"all_of": members})}))
    w.event("go")
    assert w.event("buy", total=20) == []
    assert w.event("buy", total=20, gift=False) == []
    assert w.event("buy", total=2, gift=True) == ["moved", "ended"]
    w = world(make({"look": waits({"all_of": members})}))
    w.event("go")
    assert w.event("buy", total=20, gift=True) == ["moved", "ended"]


def test_r28_progress_of_all_of_ends_with_the_visit(world: Any, make: Any) -> None:
    w = world(make({"look": waits(both("a", "b"), {"event": {"name": "skip"}, "next": "rest"}), "rest": REST}))
    w.event("go")
    w.event("a")
    w.event("skip")
    w.wait(HOUR)
    assert w.at == "look"
    assert w.event("b") == []
    assert w.event("a") == ["moved", "ended"]


@given(st.lists(st.sampled_from("abcx"), max_size=12))
def test_r28_all_of_is_through_with_the_last_new_member(names: list[str]) -> None:
    w = World(journey({"look": waits(both("a", "b", "c"))}))
    w.event("go")
    seen: set[str] = set()
    for name in names:
        through = seen | {name} >= set("abc") and not seen >= set("abc")
        assert bool(w.event(name)) == through
        seen.add(name)


# Messages


@pytest.mark.parametrize(
    "kind", ["delivered", "opened", "clicked", "bounced", "complained", "failed", "replied", "unsubscribed"]
)
def test_a_wait_hears_what_became_of_a_message_of_its_run(world: Any, make: Any, kind: str) -> None:
    w = world(make(mailed({"message": {"of": ["hi"], "is": kind}})))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "sent", id="first") == []
    assert w.deliver(request, kind, id="second") == ["moved", "ended"]
    moved = w.decision("moved")
    assert (moved.branch, moved.data) == (kind, {"kind": kind, "of": "hi"})


def test_sent_is_told_by_whatever_proves_that_it_left(world: Any, make: Any) -> None:
    w = world(make(mailed({"message": {"is": "sent"}})))
    w.event("go")
    assert w.deliver(w.sends()[0], "opened", machine=True) == ["moved", "ended"]


def test_messages_of_other_runs_and_other_steps_are_none_of_a_waits(world: Any, make: Any) -> None:
    steps = {
        "one": {"message": {"channel": "email", "template": "mail"}, "next": "two"},
        "two": {"message": {"channel": "email", "template": "mail"}, "next": "look"},
        "look": waits({"message": {"of": ["two"], "is": "opened"}}),
    }
    other = {
        "hi": {"message": {"channel": "email", "template": "mail"}, "next": "rest"},
        "rest": {**REST, "next": "done"},
    }
    w = world(make(steps, id="a"), make(other, id="b"))
    w.event("go")
    requests = {(one.journey, one.step): one for one in w.sends()}
    assert w.deliver(requests["b", "hi"], "opened", id="d1") == []
    assert w.deliver(requests["a", "one"], "opened", id="d2") == []
    assert w.deliver(requests["a", "two"], "opened", id="d3") == ["moved", "ended"]


def test_a_click_may_name_its_link_and_the_link_is_read_from_the_step(world: Any, make: Any) -> None:
    link = "https://example.org/sale"
    w = world(
        make(mailed({"message": {"is": "clicked", "link": link}, "next": "rest"}) | {"rest": {**REST, "next": "done"}})
    )
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "clicked", id="d1", link="https://example.org/") == []
    assert w.deliver(request, "clicked", id="d2", link=link) == ["moved"]
    assert w.run.steps["look"]["event"] == {"kind": "clicked", "step": "hi", "link": link}


@pytest.mark.parametrize("kind", ["opened", "clicked"])
def test_r56_what_machines_open_and_click_does_not_count_unless_the_branch_says_so(
    world: Any, make: Any, kind: str
) -> None:
    for machine, made in (({}, []), ({"machine": "exclude"}, []), ({"machine": "include"}, ["moved", "ended"])):
        w = world(make(mailed({"message": {"is": kind, **machine}})))
        w.event("go")
        assert w.deliver(w.sends()[0], kind, machine=True) == made


def test_a22_a_delivery_that_comes_twice_ends_one_visit_only(world: Any, make: Any) -> None:
    w = world(make(mailed({"message": {"is": "opened"}, "next": "rest"}) | {"rest": REST}))
    w.event("go")
    (request,) = w.sends()
    w.deliver(request, "opened", id="once")
    w.wait(HOUR)
    assert w.at == "look"
    assert w.deliver(request, "opened", id="once") == []
    assert w.deliver(request, "opened", id="again") == ["moved"]


def test_a22_a_delivery_that_comes_twice_ends_no_wait_that_the_run_came_to_by_it(world: Any, make: Any) -> None:
    steps = mailed({"message": {"is": "opened"}, "next": "more"}) | {"more": waits({"message": {"is": "opened"}})}
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "opened", id="once") == ["moved"]
    before = w.customer
    assert w.deliver(request, "opened", id="once") == []
    assert w.customer is before
    assert w.at == "more"
    steps["hi"]["next"] = {"sent": "look", "refused": "done"}
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "opened", id="once") == ["delivery", "moved"]
    assert w.deliver(request, "opened", id="once") == []
    assert w.at == "look"


def test_the_delivery_that_brings_a_run_to_a_wait_is_no_input_of_that_wait(world: Any, make: Any) -> None:
    steps = mailed({"message": {"is": "delivered"}})
    steps["hi"]["next"] = {"sent": "look", "refused": "done"}
    w = world(make(steps))
    w.event("go")
    (request,) = w.sends()
    assert w.deliver(request, "delivered", id="d1") == ["delivery", "moved"]
    assert w.at == "look"


def test_r49_a_paused_run_keeps_what_a_delivery_told(world: Any, make: Any) -> None:
    w = world(make(mailed({"message": {"is": "opened"}}, timeout={"after": "PT1H", "next": "late"})))
    w.event("go")
    (request,) = w.sends()
    w.control("paused")
    assert w.deliver(request, "opened") == []
    w.now += 2 * HOUR
    w.control("live")
    assert w.touch() == ["moved", "ended"]
    assert w.decision("ended").outcome == "done"


# Changes


def test_r29_changed_is_an_edge_and_the_same_value_is_no_change(world: Any, make: Any) -> None:
    w = world(make({"look": waits({"changed": "customer.plan"})}))
    w.row(plan="free")
    w.event("go")
    assert w.at == "look", "a value that is there already is no change"
    w.row(plan="free", city="Bern")
    assert w.at == "look"
    w.row(plan="pro", city="Bern")
    assert (w.decision("moved").branch, w.decision("moved").data) == (
        "changed",
        {"customer.plan": "pro", "was": "free"},
    )


@pytest.mark.parametrize(("old", "new"), [("1", 1), (None, 0), ({"a": 1}, {"a": 2}), ([1], [1, 2]), ("x", None)])
def test_r29_json_values_change_when_json_says_so(world: Any, make: Any, old: Any, new: Any) -> None:
    w = world(make({"look": waits({"changed": "customer.plan"})}))
    w.row(**({} if old is None else {"plan": old}))
    w.event("go")
    w.row(**({} if new is None else {"plan": new}))
    assert w.kinds() == ["moved", "ended"]


def test_r29_an_identify_changes_too(world: Any, make: Any) -> None:
    w = world(make({"look": waits({"changed": "customer.plan"})}))
    w.event("go")
    assert w.event("", row=Row(1, 50, {"plan": "pro"})) == ["moved", "ended"]


def test_r53_what_another_run_writes_is_a_change_but_not_what_was_written_before_the_run_came(
    world: Any, make: Any
) -> None:
    steps = {"mark": {"update": {"set": {"plan": "pro"}}, "next": "look"}, "look": waits({"changed": "customer.plan"})}
    w = world(make(steps, id="a"), make({"look": waits({"changed": "customer.plan"})}, id="b"))
    w.control("paused", id="a")
    w.event("go")
    w.control("live", id="a")
    w.event("go", id="second")
    assert [(made.journey, made.kind) for made in w.decisions()][-2:] == [("b", "moved"), ("b", "ended")]
    assert [(run.journey, run.step) for run in w.customer.core.runs] == [("a", "look")]


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


@pytest.mark.parametrize(
    ("wait", "pointer"),
    [
        ({"since": "yesterday"}, "/since"),
        ({"since": "PT0S"}, "/since"),
        ({"collect": True}, "/collect"),
        ({"collect": [1]}, "/collect/0"),
        ({"branches": [both("a")]}, "/branches/0/all_of"),
        ({"branches": [{"all_of": [{"event": {"name": "a"}}, {"event": {}}]}]}, "/branches/0/all_of/1/event/name"),
        ({"branches": [{**both("a", "b"), "where": {}}]}, "/branches/0/where"),
        ({"branches": [{"message": {"is": "liked"}}]}, "/branches/0/message/is"),
        ({"branches": [{"message": {"is": "opened", "link": "x"}}]}, "/branches/0/message/link"),
        ({"branches": [{"message": {"is": "opened", "of": ["look"]}}]}, "/branches/0/message/of/0"),
        ({"branches": [{"message": {"is": "opened", "machine": True}}]}, "/branches/0/message/machine"),
        ({"branches": [{"changed": "plan"}]}, "/branches/0/changed"),
        ({"branches": [{"changed": "customer.id"}]}, "/branches/0/changed"),
        ({"branches": [{"changed": "customer.plan", "count": 2}]}, "/branches/0/count"),
        ({"branches": [{"changed": "customer.plan", "event": {"name": "a"}}]}, "/branches/0"),
    ],
)  # fmt: skip
def test_r60_a_wrong_wait_is_refused_with_its_place(make: Any, wait: dict[str, Any], pointer: str) -> None:
    body = {"branches": [{"event": {"name": "buy"}}], **wait}
    body["branches"] = [{"next": "done", **branch} for branch in body["branches"]]
    with pytest.raises(Invalid) as refused:
        parse(make({"look": {"wait": body}}))
    assert "/steps/look/wait" + pointer in [problem.pointer for problem in refused.value.problems]
    assert all(problem.fix for problem in refused.value.problems)
