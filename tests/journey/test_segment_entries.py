"""What a change of a segment starts and ends (R6, R21, R35, R52)."""

from __future__ import annotations

from typing import Any

from tests.journey.segmented import BUYER, DAY, GOLD, changes, on, segment


def test_r35_a_publish_takes_present_customers_in_and_enters_nobody(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[on()]))
    w.row(plan="gold")
    w.publish(segment(GOLD), kind="segment")
    assert w.touch() == ["segment"]
    assert changes(w) == [("s", "entered", "definition")]
    assert w.touch() == []


def test_r35_any_input_that_comes_before_the_sweep_does_it_first(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[on("leave")]))
    w.row(plan="gold")
    w.publish(segment(GOLD), kind="segment")
    w.row(plan="free")
    assert [change[1:] for change in changes(w)] == [("entered", "definition"), ("left", "input")]
    assert w.decision("entered").data == {"segment": "s", "on": "leave"}


def test_r35_a_change_by_an_input_enters(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment(GOLD, make({"look": wait_step()}, entry=[on()]))
    w.row(plan="gold")
    assert w.kinds() == ["segment", "entered"]
    assert w.decision("entered").data == {"segment": "s", "on": "enter"}
    w.row(plan="free")
    assert w.kinds() == ["segment"]
    w.row(plan="gold")
    assert w.kinds() == ["segment", "not_entered"]
    assert w.decision("not_entered").reason == "already_in"


def test_r35_a_change_by_time_enters(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment(BUYER, make({"look": wait_step(after="P9D")}, entry=[on("leave")]))
    w.event("buy")
    w.event("buy")
    assert [made.kind for made in w.wait(7 * DAY)] == ["segment", "entered"]


def test_r35_a_change_of_consent_enters(with_segment: Any, make: Any, wait_step: Any) -> None:
    condition = {"consent": {"channel": "email", "is": "subscribed"}}
    w = with_segment(condition, make({"look": wait_step()}, entry=[on()]))
    w.consent("subscribed")
    assert w.kinds() == ["segment", "entered"]


def test_r35_a_new_customer_enters_by_its_first_input(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment({"none": [GOLD]}, make({"look": wait_step()}, entry=[on()]), row=False)
    assert w.customer.core.segments == {}
    assert w.event("look") == ["Write", "segment", "entered"]


def test_r35_a_changed_definition_looks_at_exits_again(world: Any, make: Any, wait_step: Any) -> None:
    exits = [{"leaves": "s", "outcome": "gone"}]
    w = world(make({"look": wait_step()}, entry=[on()], exit=exits))
    w.publish(segment(GOLD), kind="segment")
    w.touch()
    w.row(plan="gold")
    assert w.at == "look"
    w.publish(segment({"customer.plan": {"equals": "platinum"}}), kind="segment", version=2)
    assert w.touch() == ["segment", "ended"]
    assert w.decision("ended").outcome == "gone"
    assert w.decision("ended").data == {"left": "s", "version": 2}


def test_r6_leaving_the_entry_segment_ends_a_run(with_segment: Any, make: Any, wait_step: Any) -> None:
    w = with_segment(GOLD, make({"look": wait_step()}, entry=[on()], exit=[{"leaves": "s", "outcome": "gone"}]))
    w.row(plan="gold")
    w.row(plan="free")
    assert w.kinds() == ["segment", "ended"]


def test_r21_priority_orders_entries_by_event_and_by_segment(with_segment: Any, make: Any, wait_step: Any) -> None:
    bodies = [
        make({"look": wait_step()}, id="a", settings={"priority": 9}),
        make({"look": wait_step()}, id="b", entry=[on()], settings={"priority": 5}),
        make({"look": wait_step()}, id="c", settings={"priority": 1}),
    ]
    w = with_segment({"event": {"name": "go"}}, *bodies)
    w.event("go")
    assert [made.journey for made in w.decisions("entered")] == ["c", "b", "a"]


def test_r21_what_a_run_does_is_put_into_the_segments_at_the_end(with_segment: Any, make: Any, wait_step: Any) -> None:
    after = make({"look": wait_step()}, id="after", entry=[on()])
    w = with_segment(
        {"run": {"journey": "j", "was": "completed", "outcome": "done"}}, make({"look": wait_step()}), after
    )
    w.event("go")
    assert w.event("buy") == ["moved", "ended", "segment", "entered"]
    assert changes(w) == [("s", "entered", "runs")]
    assert w.decision("entered").journey == "after"


def test_r52_a_chain_of_segments_and_journeys_ends(with_segment: Any, make: Any) -> None:
    """Each run of j takes the customer out and the end of it in again."""
    steps = {"done": {"exit": {"outcome": "done"}}}
    body = make(steps, entry=[{"event": {"name": "go"}}, on("enter", reentry="always"), on("leave", reentry="always")])
    w = with_segment({"run": {"journey": "j", "was": "entered", "exactly": 1}}, body)
    for n in range(2, 30):
        w.publish(segment({"run": {"journey": "j", "was": "entered", "exactly": n}}, f"s{n}"), kind="segment")
        entry = [*body["entry"], *(on(id=f"s{k}", reentry="always") for k in range(2, min(n, 18) + 1))]
        w.publish({**body, "entry": entry}, version=n)
    w.touch()
    w.event("go")
    assert len(w.decisions("entered")) == 9
    refused = w.decisions("not_entered")
    assert {(made.journey, made.reason, made.data["on"]) for made in refused} == {("j", "too_deep", "enter")}
    assert {made.data["segment"] for made in refused} <= {f"s{n}" for n in range(2, 30)}
