"""A run of very many messages forgets what is settled, never what still waits (A20, R38)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from laudstream.journey.case import MESSAGES, note
from laudstream.journey.customer import Message
from tests.journey.mailing import HOUR, QUIET, mail

MANY = MESSAGES + 5


@pytest.fixture
def late(world: Any, make: Any, wait_step: Any) -> Any:
    """A message was refused late, in quiet hours, and its run has gone on to an hour's rest before very many more."""
    names = [f"m{number}" for number in range(MANY)]
    more = {name: mail(next=following, **{"class": "transactional"})
            for name, following in zip(names, [*names[1:], "look"], strict=True)}  # fmt: skip
    steps = {"hi": mail(next="rest"), "rest": {"delay": {"for": "PT1H"}, "next": "m0"}, **more}
    w = world(make({**steps, "look": wait_step(after="P3D")}, **QUIET))
    w.wait(12 * HOUR - 1000)
    w.event("go")
    (first,) = w.sends()
    w.now = first.send_before + 1000
    w.deliver(first, "refused", reason="expired")
    assert w.decision("message").reason == "quiet_hours"
    return w


def test_a20_a_message_that_waits_behind_its_run_is_not_forgotten_for_very_many_more(late: Any) -> None:
    late.wait(HOUR)
    assert (len(late.sends()), late.at, len(late.run.messages)) == (MANY, "look", MESSAGES)
    late.wait(11 * HOUR)
    (again,) = late.sends()
    assert (again.step, again.attempt) == ("hi", 2)


@pytest.mark.parametrize(
    ("states", "forgotten"),
    [
        (["late", "requested", "sent", "refused"], "m2"), (["late", "unknown", "requested", "late_paced"], "m1"),
        (["failed", "sent", "requested"], "m0"), (["requested"], "m0"),
    ],
)  # fmt: skip
def test_a20_what_is_settled_is_forgotten_before_what_no_delivery_has_told_of(
    late: Any, states: list[str], forgotten: str
) -> None:
    run = replace(late.run)
    states += ["requested"] * (MESSAGES - len(states))
    run.messages = tuple(Message(f"m{number}", 1, 1, state) for number, state in enumerate(states))
    before = [message.step for message in run.messages]
    note(run, Message("new", 1, 1, "requested"))
    before.remove(forgotten)
    assert [message.step for message in run.messages] == [*before, "new"]


def test_a20_all_that_wait_are_kept_and_so_is_the_newest(late: Any) -> None:
    run = replace(late.run)
    run.messages = tuple(Message(f"m{number}", 1, 1, "late", due=number + 1) for number in range(MESSAGES))
    note(run, Message("new", 1, 1, "requested"))
    assert len(run.messages) == MESSAGES + 1
    assert (run.messages[-1].step, run.late_at) == ("new", 1)
