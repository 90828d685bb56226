"""Versions and statuses (R7, R8, R49, A5)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.journey.inputs import TimerInput

HOUR = 3_600_000


def test_r8_a_run_stays_on_the_version_it_entered(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.publish(make({"look": wait_step("other")}), version=2)
    w.event("buy")
    assert (w.decision("moved").version, w.at) == (1, "")


def test_a5_a_version_takes_entries_only_from_inputs_not_older_than_its_publishing(
    world: Any, make: Any, wait_step: Any
) -> None:
    always = [{"event": {"name": "go"}, "reentry": "always"}]
    w = world(make({"look": wait_step()}, entry=always))
    published = w.now
    w.now += HOUR
    w.publish(make({"look": wait_step()}, entry=always), version=2)
    w.now -= 1  # control comes first: this input stood in the log before the publishing
    w.event("go")
    assert w.run.version == 1
    w.event("buy")
    w.now += 1
    w.event("go")
    assert w.run.version == 2
    w.event("buy")
    w.now = published - 1
    assert w.event("go") == []


def test_r49_paused_takes_no_entries_and_they_are_not_made_up_later(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.control("paused")
    w.event("go")
    assert w.decision("not_entered").reason == "paused"
    w.control("live")
    assert w.touch() == []
    assert w.at == ""


def test_r49_paused_takes_no_steps_and_no_messages_and_paused_time_prolongs_nothing(world: Any, make: Any) -> None:
    steps = {"rest": {"delay": {"for": "PT1H"}, "next": "hi"},
             "hi": {"message": {"channel": "email", "template": "mail"}, "next": "done"}}  # fmt: skip
    w = world(make(steps))
    w.event("go")
    w.now += HOUR // 2
    w.control("paused")
    w.touch()
    assert w.customer.core.wake_at == 0
    w.now += 2 * HOUR
    assert w.hand(TimerInput(w.now)).effects == []
    w.control("live")
    assert w.touch() == []
    assert w.customer.core.wake_at <= w.now
    w.wait(0)
    assert [made.kind for made in w.decisions()] == ["moved", "message", "moved", "ended"]
    assert {made.at for made in w.decisions()} == {w.now}, "what was held back happens on resume"


def test_r49_a_timer_hint_of_a_paused_journey_changes_only_the_wake_up(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.control("paused")
    w.now += 2 * HOUR
    w.hand(TimerInput(w.now))
    assert (w.effects, w.customer.core.wake_at, w.at) == ([], 0, "look")
    w.hand(TimerInput(w.now))
    assert w.effects == []


@pytest.mark.parametrize("how", ["touch", "timer", "event"])
def test_r49_on_resume_a_branch_satisfied_meanwhile_beats_its_timeout(
    world: Any, make: Any, wait_step: Any, how: str
) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.control("paused")
    w.event("buy", amount=3)
    assert (w.effects, w.at) == ([], "look")
    w.event("buy", amount=4)
    w.now += 2 * HOUR
    w.control("live")
    if how == "touch":
        w.touch()
    elif how == "timer":
        w.hand(TimerInput(w.now))
    else:
        w.event("unknown")
    assert (w.decision("moved").branch, w.decision("ended").outcome) == ("buy", "done")


def test_r49_while_paused_inputs_count_for_waits(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step(count=3)}))
    w.event("go")
    w.event("buy")
    w.control("paused")
    w.event("buy")
    w.control("live")
    w.event("buy")
    assert w.at == ""


def test_r49_while_paused_exits_and_deletions_act(world: Any, make: Any, wait_step: Any) -> None:
    body = make({"look": wait_step()}, exit=[{"event": {"name": "bye"}, "outcome": "gone"}])
    w = world(body, {**body, "id": "k", "exit": [{"event": {"name": "never"}, "outcome": "gone"}]})
    w.event("go")
    w.control("paused")
    w.control("paused", id="k")
    assert w.event("bye") == ["ended"]
    w.row(deleted=True)
    assert w.decision("ended").reason == "deleted"


def test_r49_a_delivery_that_comes_in_a_pause_moves_the_run_on_resume(world: Any, make: Any) -> None:
    step = {"message": {"channel": "email", "template": "mail"}, "next": {"sent": "done", "refused": "late"}}
    w = world(make({"hi": step}))
    w.event("go")
    (sent,) = w.sends()
    w.control("paused")
    w.deliver(sent, "refused", reason="suppressed")
    assert w.at == "hi"
    w.control("live")
    w.touch()
    assert w.decision("ended").outcome == "late"


def test_r7_stopped_ends_the_runs(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.now += 1
    w.control("stopped")
    assert w.touch() == ["ended"]
    assert (w.decision("ended").reason, w.decision("ended").step) == ("stopped", "look")
    assert w.customer.core.wake_at == 0
    assert w.event("go") == []


def test_r7_a_run_that_a_stop_has_not_reached_yet_ends_with_its_next_input(
    world: Any, make: Any, wait_step: Any
) -> None:
    always = [{"event": {"name": "go"}, "reentry": "always"}]
    w = world(make({"look": wait_step()}, entry=always))
    w.event("go")
    w.now += 1
    w.control("stopped")
    w.control("live")  # again, before anyone touched this customer
    w.event("buy")
    assert (w.decision("ended").reason, w.kinds()) == ("stopped", ["ended"])
    assert w.event("go") == ["entered"]


def test_r7_an_event_from_a_stop_enters_no_version_from_before_it(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.now += 1
    w.publish(make({"other": wait_step()}), version=2)
    w.now += 1
    w.control("stopped", version=2)
    w.now += 2
    w.control("live", version=2)
    w.now -= 1  # control is read first
    assert w.event("go") == []
    w.now += 1
    assert (w.event("go"), w.run.version) == (["entered"], 2)


def test_r49_draining_takes_no_entries_and_runs_go_on(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}, entry=[{"event": {"name": "go"}, "reentry": "always"}]))
    w.event("go")
    w.control("draining")
    w.event("go")
    assert w.decision("not_entered").reason == "draining"
    w.wait(HOUR)
    assert w.at == ""
