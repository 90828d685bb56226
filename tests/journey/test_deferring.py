"""Messages that wait: for a slot of a cap, for the end of quiet hours, behind their run (R31, R38 to R40, A20)."""

from __future__ import annotations

from typing import Any

from tests.journey.mailing import DAY, HOUR, QUIET, capped, mail


def test_r38_a_capped_message_is_refused_unless_the_step_defers(world: Any, make: Any) -> None:
    steps = {"one": mail(next="two"), "two": mail(defer=True)}
    w = world(make(steps, **capped({"limit": 1, "per": "PT24H"})))
    w.event("go")
    (sent,) = w.sends()
    assert (w.at, w.run.status) == ("two", "deferred")
    assert w.run.wake_at == sent.send_before + DAY
    w.deliver(sent, "sent", at=w.now)
    assert w.run.wake_at == w.now + DAY
    w.wait(DAY)
    assert [made.step for made in w.sends()] == ["two"]


def test_r39_a_deferred_message_goes_as_soon_as_enough_slots_have_passed(world: Any, make: Any) -> None:
    steps = {"one": mail(next="rest"), "rest": {"delay": {"for": "PT1H"}, "next": "two"}, "two": mail(next="three")}
    w = world(make({**steps, "three": mail(defer=True)}, **capped({"limit": 2, "per": "PT24H"})))
    w.event("go")
    start = w.now
    w.deliver(w.sends()[0], "sent")
    w.wait(HOUR)
    w.deliver(w.sends()[0], "sent")
    assert (w.at, w.run.wake_at) == ("three", start + DAY)


def test_r39_deferred_messages_compete_by_priority(world: Any, make: Any) -> None:
    def one(id: str, priority: int) -> Any:
        return make({"hi": mail(defer=True)}, id=id, **capped({"limit": 1, "per": "PT1H"}, priority=priority))

    w = world(one("a", 9), one("b", 1), one("c", 5))
    w.event("go")
    order = [made.journey for made in w.sends()]
    for _ in range(2):
        (last,) = w.sends()
        w.deliver(last, "sent")
        w.wait(HOUR)
        order += [made.journey for made in w.sends()]
    assert order == ["b", "c", "a"]


def test_r39_after_three_days_a_deferred_message_is_expired(world: Any, make: Any) -> None:
    steps = {"one": mail(next="two"), "two": mail(defer=True)}
    w = world(make(steps, **capped({"limit": 1, "per": "P31D"})))
    w.event("go")
    w.deliver(w.sends()[0], "sent")
    w.wait(3 * DAY)
    assert [made.reason for made in w.decisions("message")] == ["expired"]
    assert w.at == ""


def test_r39_quiet_hours_defer_to_their_end_spread_over_ten_minutes(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}, **QUIET))
    w.wait(13 * HOUR)  # 22:00
    w.event("go")
    made = w.decision("message")
    assert (made.reason, w.run.status, w.sends()) == ("quiet_hours", "deferred", [])
    morning = w.now + 10 * HOUR
    assert morning <= made.data["deferred_until"] < morning + 600_000
    w.wait(10 * HOUR + 600_000)
    assert len(w.sends()) == 1


def test_r40_send_before_is_no_later_than_the_start_of_quiet_hours(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}, **QUIET))
    w.event("go")
    assert w.sends()[0].send_before == w.now + 12 * HOUR


def test_r31_quiet_hours_are_computed_again_when_the_time_zone_changes(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}, **QUIET))
    w.wait(13 * HOUR)
    w.event("go")
    w.row(email="ann@example.org", timezone="America/New_York")  # 17:00 there
    assert len(w.sends()) == 1


def test_r39_an_exit_ends_a_deferred_message_and_records_it_with_the_end(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}, exit=[{"event": {"name": "bye"}, "outcome": "gone"}], **QUIET))
    w.wait(13 * HOUR)
    w.event("go")
    assert w.event("bye") == ["ended"]
    assert w.decision("ended").data == {"event": "bye", "deferred": "hi"}
    assert w.wait(DAY) == []


def test_r38_defer_false_refuses_in_quiet_hours(world: Any, make: Any) -> None:
    w = world(make({"hi": mail(defer=False)}, **QUIET))
    w.wait(13 * HOUR)
    w.event("go")
    assert w.at == ""
    assert w.decision("moved").data == {"reason": "quiet_hours"}


def _expired(world: Any, make: Any, wait_step: Any) -> tuple[Any, list[str]]:
    """A mail that was refused in quiet hours, too late, behind a run that has gone on; what came of it."""
    w = world(make({"hi": mail(next="look"), "look": wait_step(after="P3D")}, **QUIET))
    w.wait(12 * HOUR - 1000)
    w.event("go")
    (first,) = w.sends()
    w.now = first.send_before + 1000
    return w, w.deliver(first, "refused", reason="expired")


def test_a20_a_late_refusal_is_decided_again_behind_a_run_that_has_gone_on(
    world: Any, make: Any, wait_step: Any
) -> None:
    w, came = _expired(world, make, wait_step)
    assert came == ["message"]
    made = w.decision("message")
    assert (made.step, made.reason, w.at) == ("hi", "quiet_hours", "look")
    w.wait(12 * HOUR)
    (second,) = w.sends()
    assert (second.step, second.attempt, w.at) == ("hi", 2, "look")
    w.deliver(second, "sent")
    assert w.run.due == w.run.wake_at


def test_r31_a_message_behind_its_run_is_asked_again_when_the_time_zone_changes(
    world: Any, make: Any, wait_step: Any
) -> None:
    w, _ = _expired(world, make, wait_step)
    w.row(email="ann@example.org", timezone="America/New_York")  # four in the afternoon there
    assert [(request.step, request.attempt) for request in w.sends()] == [("hi", 2)]
    assert w.at == "look"
