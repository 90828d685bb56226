"""A deletion begins another life of a customer: messages of the life before it change nothing there (R15), nor do
events that its runs emit (R52, R54)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.customers.row import Row
from laudstream.journey.handoff import Emitted
from laudstream.journey.inputs import EventInput, RowInput
from tests.journey.conftest import DAY, HOUR, World, journey, reread

MAIL = {"message": {"channel": "email", "template": "mail"}, "next": "look"}
LOOK = {"wait": {"branches": [{"message": {"of": ["mail"], "is": "opened"}, "next": "done"}],
                 "timeout": {"after": "P5D", "next": "late"}}}  # fmt: skip
OPENED = {"message": {"is": "opened"}}
HOOK = {"channel": "webhook", "url": "https://example.org/hook", "body": {"n": 1}}
CAPPED = {"settings": {"caps": [{"limit": 1, "per": "PT5H"}]}}
BY_ROW, BY_EVENT = "by its row", "by an event"


def mailed(back: str, after: int = 1000, **fields: Any) -> tuple[World, Any]:
    """Ann is mailed, deleted, and back; the segment `fans` are those who opened a mail."""
    w = World(journey({"mail": MAIL, "look": LOOK}, **fields))
    w.publish({"id": "fans", "condition": OPENED}, kind="segment")
    w.event("go")
    (request,) = w.sends()
    w.now += 1000
    w.row(deleted=True)
    w.wait(after)
    if back == BY_ROW:
        w.row(born=900, revision=900, email="ann@example.org")
    else:
        w.event("browse")
    return w, request


def changes_nothing(w: World, request: Any, kind: str, **more: Any) -> bool:
    before = w.customer
    return w.deliver(request, kind, **more) == [] and w.customer is before


@pytest.mark.parametrize("back", [BY_ROW, BY_EVENT])
@pytest.mark.parametrize("after", [1000, 8 * DAY], ids=["soon", "when the marker of the deletion is gone"])
def test_r15_a_message_of_the_life_before_is_in_no_history(back: str, after: int) -> None:
    w, request = mailed(back, after)
    for kind in ("sent", "opened", "failed"):
        assert changes_nothing(w, request, kind)
    assert w.customer.tallies == {}


def test_r15_a_message_of_this_life_is() -> None:
    w, old = mailed(BY_ROW)
    w.event("go")
    (request,) = w.sends()
    assert request.life != old.life
    assert w.deliver(request, "opened")[0] == "segment"


def hooked() -> tuple[World, Any]:
    """Nobody knew Ann when her first event called a webhook."""
    hook = {"message": {"channel": "webhook", "template": "hook"}, "next": "look"}
    w = World(journey({"mail": hook, "look": LOOK}), templates={"hook": HOOK}, row=False)
    w.publish({"id": "fans", "condition": {"message": {"is": "sent"}}}, kind="segment")
    w.event("go")
    (request,) = w.sends()
    return w, request


def test_r15_a_message_from_before_the_row_came_counts_when_it_is_there() -> None:
    w, request = hooked()
    w.row(born=900, revision=900)
    assert w.deliver(request, "sent") == ["segment"]


@pytest.mark.parametrize("row", [False, True])
def test_r15_a_message_from_before_the_row_came_counts_in_no_other_life(row: bool) -> None:
    w, old = hooked()
    w.row(born=900, revision=900)
    w.row(born=900, revision=901, deleted=True)
    w.now += 1
    w.event("go")
    (request,) = w.sends()
    if row:
        w.row(born=902, revision=902)
    assert changes_nothing(w, old, "sent")
    assert w.deliver(request, "sent") == ["segment"]


def test_r15_a_message_of_the_life_before_ends_no_wait_and_leaves_the_cap_as_it_is() -> None:
    w, old = mailed(BY_ROW, **CAPPED)
    assert w.customer.core.slots == ()
    w.event("go")
    (request,) = w.sends()
    for kind in ("opened", "failed", "refused"):
        assert changes_nothing(w, old, kind)
    (slot,) = w.customer.core.slots
    assert (slot.send_id, slot.open, w.at) == (request.send_id, True, "look")


def test_r15_a_message_of_the_life_before_reaches_no_goal() -> None:
    w, request = mailed(BY_ROW, goal={"condition": OPENED, "within": "P5D"})
    w.event("go")
    w.wait(HOUR)
    assert changes_nothing(w, request, "opened")


def test_r15_a_row_of_another_birth_begins_another_life_too() -> None:
    w, request = mailed(BY_ROW)
    w.event("go")
    (request,) = w.sends()
    w.row(born=901, revision=901, email="ann@example.org")
    assert changes_nothing(w, request, "opened")
    assert reread(w.customer).tallies == {}


def says(to: str = "", **entry: Any) -> World:
    """Ann's runs emit `vip` for her, or for whom `to` names; another journey waits for it."""
    emit = {"say": {"emit": {"event": "vip", **({"to": to} if to else {})}, "next": "done"}}
    always = {"reentry": "always"}
    other = journey({"rest": {"delay": {"for": "P9D"}, "next": "done"}}, id="other",
                    entry=[{"event": {"name": "vip"}, **always}])  # fmt: skip
    return World(journey(emit, entry=[{"event": {"name": "go"}, **always}]), other, **entry)


def emitted(w: World) -> Emitted:
    (one,) = [effect for effect in w.effects if isinstance(effect, Emitted)]
    return one


def arrives(w: World, one: Emitted) -> list[str]:
    w.hand(EventInput(w.cause("laudstream.handoffs"), one.event, one.life))
    return w.kinds()


def deleted_before(w: World) -> None:
    """PostgreSQL deleted the row a second ago, and the lane learns of it only now."""
    w.hand(RowInput(w.cause("laudstream.rows"), Row(1, 500, {}, 0, deleted=True, at=w.now - 1000)))


@pytest.mark.parametrize("to", ["", "customer.id"])
@pytest.mark.parametrize("back", [BY_ROW, BY_EVENT, "nobody"])
def test_r15_what_a_run_emits_between_the_deletion_and_its_row_revives_nobody(to: str, back: str) -> None:
    w = says(to)
    w.event("go")
    one = emitted(w)
    assert one.event.received == w.now
    deleted_before(w)
    if back == BY_ROW:
        w.row(born=900, revision=900)
    elif back == BY_EVENT:
        w.event("browse")
    before = w.customer
    assert (arrives(w, one), w.customer is before) == ([], True)


def test_r15_what_a_run_emits_in_this_life_is_an_input_of_it() -> None:
    w = says()
    w.event("go")
    old = emitted(w)
    deleted_before(w)
    w.event("go")
    one = emitted(w)
    assert arrives(w, old) == []
    w.row(born=900, revision=900)
    assert arrives(w, one) == ["entered"]


def test_r15_what_a_run_emitted_before_the_row_came_is_an_input_when_it_is_there_and_of_no_other_life() -> None:
    w = says(row=False)
    w.event("go")
    one = emitted(w)
    w.row(born=1, revision=1)
    deleted_before(w)
    assert arrives(w, one) == []
    w = says(row=False)
    w.event("go")
    one = emitted(w)
    w.row(born=1, revision=1)
    assert arrives(w, one) == ["entered"]


def test_r54_an_event_of_another_customer_counts_from_the_deletion_on() -> None:
    w = says("entry.friend")
    w.event("go", friend="bob")
    one = emitted(w)
    assert one.life is None
    deleted_before(w)
    assert arrives(w, one) == ["Write", "entered"]
