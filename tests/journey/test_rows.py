"""Rows, deletion and first sight (A16, A17, A19, R15, R54)."""

from __future__ import annotations

from typing import Any

from laudstream.customers.row import Row
from laudstream.journey.codec import empty, encode
from laudstream.journey.inputs import EventInput, RowInput, TimerInput
from laudstream.journey.write import Write

WEEK = 7 * 86_400_000


def test_a16_an_older_revision_changes_nothing(world: Any) -> None:
    w = world(row=False)
    w.row(revision=7, plan="pro")
    before = w.customer
    w.row(revision=6, plan="free")
    w.row(revision=7, plan="free")
    assert w.customer is before


def test_a16_a_row_of_another_birth_erases_the_state_first(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    w.row(born=900, revision=901, plan="new")
    assert w.decision("ended").reason == "deleted"
    assert (w.customer.attributes, w.customer.core.memory, w.customer.recent) == ({"plan": "new"}, {}, b"")
    assert w.event("go") == ["entered"]


def test_r2_the_identify_that_begins_another_life_is_remembered_in_it(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go", id="m1")
    again = Row(2, 90, {"email": "new@example.org"}, w.now)
    assert "ended" in w.event("", id="m2", row=again)
    before = w.customer
    w.event("", id="m2", row=Row(2, 91, {"email": "newer@example.org"}, w.now))
    assert w.customer is before
    assert w.event("go", id="m1") == ["entered"], "what the life before had seen is forgotten"


def test_a16_a_late_copy_of_an_earlier_life_changes_nothing(world: Any) -> None:
    w = world(row=False)
    w.row(born=5, revision=5, plan="old")
    w.row(born=5, revision=5, deleted=True)
    w.row(born=9, revision=9, plan="new")
    before = w.customer
    w.row(born=5, revision=5, plan="old")
    w.row(born=5, revision=5, deleted=True)
    assert w.customer is before


def test_a17_whichever_copy_of_the_row_comes_first_applies(world: Any, make: Any) -> None:
    split = {
        "split": {"branches": [{"condition": {"customer.plan": {"equals": "pro"}}, "next": "done"}], "else": "late"}
    }
    w = world(make({"kind": split}))
    w.event("", row=Row(1, 50, {"plan": "pro"}))
    before = w.customer
    w.row(revision=50, plan="pro")
    assert w.customer is before
    w.event("go")
    assert w.decision("ended").outcome == "done"


def test_a17_an_identify_with_an_older_row_leaves_the_newer_one(world: Any) -> None:
    w = world()
    w.row(revision=50, plan="pro")
    w.event("", row=Row(1, 49, {"plan": "free"}))
    assert w.customer.attributes == {"plan": "pro"}


def test_a19_the_first_sight_of_an_unknown_customer_is_written_once(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}), row=False)
    assert w.event("browse") == ["Write"]
    (write,) = w.effects
    assert isinstance(write, Write)
    assert (write.op, write.number, write.at) == ("first_sight", 1, w.now)
    assert w.event("go") == ["entered"]
    w.hand(RowInput(w.cause(), Row(3, 3, {}, w.now, writes=1)))
    assert w.customer.core.pending == ()
    assert w.at == "look", "the row that comes back starts no new life"


def test_a19_a_customer_whose_row_is_known_is_no_first_sight(world: Any) -> None:
    w = world()
    assert w.event("browse") == []


def test_r15_deleting_ends_runs_cancels_timers_and_erases_the_state(world: Any, make: Any, wait_step: Any) -> None:
    mail = {"message": {"channel": "email", "template": "mail"}, "next": "look"}
    w = world(make({"hi": mail, "look": wait_step()}))
    w.event("go", secret="x")
    (sent,) = w.sends()
    w.row(deleted=True)
    assert (w.decision("ended").reason, w.decision("ended").step) == ("deleted", "look")
    assert b"secret" not in b"".join(value or b"" for _, value in encode(None, w.customer))
    assert (w.customer.core.runs, w.customer.attributes, w.customer.recent) == ((), {}, b"")
    before = w.customer
    assert w.deliver(sent, "sent") == []
    assert w.customer is before


def test_r54_what_was_received_before_the_deletion_changes_nothing_and_later_makes_a_new_customer(
    world: Any, make: Any, wait_step: Any
) -> None:
    w = world(make({"look": wait_step()}))
    late = EventInput(w.cause(), _event(w.now))
    w.now += 1000
    w.row(deleted=True)
    before = w.customer
    assert w.hand(late).customer is before
    w.now += 1
    assert w.event("go") == ["Write", "entered"]
    w.row(born=900, revision=900)
    before = w.customer
    assert w.hand(late).customer is before, "also when the row of the new life has come"


def test_a18_the_marker_of_a_deletion_goes_after_seven_days(world: Any, make: Any, wait_step: Any) -> None:
    w = world()
    w.row(deleted=True)
    assert w.customer.core.wake_at == w.now + WEEK
    before = w.customer
    w.now += WEEK
    w.hand(TimerInput(w.now))
    assert w.customer == empty(w.customer.workspace, w.customer.id)
    assert encode(before, w.customer) == [(b"c", None)]


def test_a18_the_marker_of_a_customer_who_came_back_goes_without_taking_the_new_life_along(
    world: Any, make: Any, wait_step: Any
) -> None:
    w = world(make({"look": wait_step(after="P30D")}))
    w.row(deleted=True)
    w.now += 1
    w.event("go")
    w.wait(WEEK)
    assert w.at == "look"
    assert w.customer.core.wake_at == w.run.wake_at


def _event(received: int) -> Any:
    from laudstream.customers.event import Event

    return Event("late", "track", "go", {}, received, received)
