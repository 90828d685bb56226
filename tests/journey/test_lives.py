"""A deletion begins another life of a customer: messages of the life before it change nothing there (R15), nor do
events that its runs emit (R52, R54)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.customers.event import DELETE, Event
from laudstream.customers.row import Alias, Row
from laudstream.journey.handoff import Emitted
from laudstream.journey.identity import Identity
from laudstream.journey.inputs import AliasInput, EventInput, RowInput
from laudstream.journey.write import Write
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


def told(w: World, born: int = 1, revision: int = 500, void: bool = False) -> list[str]:
    """The API has deleted the row, and says so before it answers."""
    cause, row = w.cause(), Row(born, revision, {}, deleted=True, at=w.now, void=void)
    w.hand(EventInput(cause, Event(f"gone{cause[2]}", DELETE, timestamp=w.now, received=w.now, row=row)))
    return w.kinds()


def by_cdc(w: World, born: int = 1, revision: int = 500, at: int = 0) -> list[str]:
    w.hand(RowInput(w.cause("laudstream.rows"), Row(born, revision, {}, 0, deleted=True, at=at or w.now)))
    return w.kinds()


REST = {"rest": {"delay": {"for": "P9D"}, "next": "done"}}


def test_r54_what_comes_after_the_answer_is_of_a_new_customer_whether_or_not_the_row_has_told() -> None:
    w = World(journey(REST))
    w.event("go", id="before")
    assert told(w) == ["ended", "deleted"]
    first = w.decision("ended")
    w.now += 1
    assert w.event("go", id="after") == ["Write", "entered"]
    assert w.run.id != first.run
    state = w.customer
    assert (by_cdc(w, at=w.now + 5), w.customer is state) == ([], True)


def test_r54_a_deletion_that_the_row_has_told_already_ends_nothing_twice() -> None:
    w = World(journey(REST))
    w.event("go")
    assert by_cdc(w) == ["ended"]
    w.now += 1
    assert told(w) == ["deleted"]  # so that who looks sees nothing from before
    w.now += 1
    w.event("go")
    run = w.run.id
    assert (told(w), w.run.id) == ([], run)  # it is of the life before


def test_r54_who_is_deleted_before_the_row_has_come_is_gone_and_the_row_brings_nobody_back() -> None:
    w = World(journey(REST), row=False)
    w.event("go")
    assert told(w, 7, 8) == ["ended", "deleted"]
    w.now += 1
    w.event("go")
    run = w.run.id
    for revision in (7, 8):
        w.row(born=7, revision=revision, email="ann@example.org")
    by_cdc(w, 7, 8)
    assert (w.run.id, w.customer.attributes) == (run, {})
    w.row(born=9, revision=9, email="new@example.org")
    assert w.customer.attributes == {"email": "new@example.org"}


def test_r54_who_comes_back_before_the_deletion_is_told_stays() -> None:
    """CDC was first, and somebody began anew since."""
    w = World(journey(REST), row=False)
    w.event("go")
    w.row(born=7, revision=8)
    by_cdc(w, 7, 8)
    w.now += 1
    w.event("go")
    run = w.run.id
    assert told(w, 7, 8) == []
    assert w.run.id == run


def test_r54_an_id_that_was_an_alias_is_somebody_new_after_the_deletion_and_late_rows_change_nothing() -> None:
    w = World(journey(REST))
    w.hand(AliasInput(w.cause("laudstream.rows"), Alias("bob", 20)))
    assert w.customer.identity == Identity("bob", 20)
    assert told(w, 30, 30) == ["deleted"]  # its root was merged on meanwhile, which CDC tells later
    w.now += 1
    assert w.event("go") == ["Write", "entered"]
    for late in (Alias("eve", 30), Alias("eve", 30, deleted=True, at=w.now)):
        w.hand(AliasInput(w.cause("laudstream.rows"), late))
        assert (w.effects, w.customer.identity, w.at) == ([], Identity(), "rest")


def test_r54_nobody_is_told_of_who_was_never_here() -> None:
    w = World(journey(REST), row=False)
    assert told(w, 7, 8) == []
    assert not w.customer.core.decisions


def forgotten(w: World) -> list[int]:
    return [made.born for made in w.effects if isinstance(made, Write) and made.op == "forgotten"]


def test_r54_who_is_deleted_before_there_is_a_row_is_gone_and_comes_back_as_another_one() -> None:
    """The lane says so behind what it has written for that life."""
    w = World(journey(REST), row=False)
    assert w.event("go") == ["Write", "entered"]
    run = w.run.id
    assert told(w, 0, 40) == ["ended", "deleted", "Write"]
    assert forgotten(w) == [40]
    assert w.event("go", id="received before") == []
    w.row(born=30, revision=30)  # CDC of before
    assert w.customer.core.row.born == 0
    w.now += 1
    assert w.event("go") == ["Write", "entered"]
    assert w.run.id != run
    w.row(born=50, revision=50, plan="pro")
    assert w.customer.attributes == {"plan": "pro"}


def test_r54_of_nobody_and_of_who_has_a_row_a_deletion_without_one_changes_nothing() -> None:
    w = World(journey(REST), row=False)
    state = w.customer
    assert told(w, 0, 40) == ["Write"]
    assert (w.customer, forgotten(w)) == (state, [40])
    w = World(journey(REST))
    w.event("go")
    assert told(w, 0, 40) == ["Write"]  # CDC will tell of the end of that row
    assert w.run.step == "rest"


def test_r54_the_lane_says_behind_what_it_wrote_before_the_row_came_that_it_knows_of_the_deletion() -> None:
    w = World(journey(REST), row=False)
    w.event("go")
    assert told(w, 7, 8, void=True) == ["ended", "deleted", "Write"]
    assert forgotten(w) == [8]
    w.hand(AliasInput(w.cause("laudstream.rows"), Alias("bob", 20)))
    assert told(w, 20, 20, void=True)[-1] == "Write"
    assert forgotten(w) == [20]
    w = World(journey(REST), row=False)
    told(w, 7, 8, void=True)  # nobody was ever here
    assert forgotten(w) == [8]


@pytest.mark.parametrize("born", [0, 30])
def test_r54_who_came_back_before_the_deletion_is_told_has_written_too_early_and_writes_again(born: int) -> None:
    """Until the lane says that it knows, nothing is carried out; CDC was first."""
    mark = {"update": {"set": {"plan": "'pro'"}}, "next": "rest"}
    w = World(journey({"mark": mark, **REST}), row=False)
    w.row(born=7, revision=8)
    by_cdc(w, 7, 8)
    w.now += 1
    w.event("go")
    early = [made for made in w.effects if isinstance(made, Write)]
    assert [made.op for made in early] == ["first_sight", "set"]
    if born:
        w.row(born=born, revision=born)
    told(w, 7, 8, void=True)
    _, *again = [made for made in w.effects if isinstance(made, Write)]
    assert forgotten(w) == [8]
    assert [(made.op, made.number, made.attributes, made.born) for made in again] == [
        (made.op, made.number, made.attributes, born) for made in early
    ]
