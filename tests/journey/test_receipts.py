"""A delivery that moves nobody takes the short way; the long way gives the same bytes (A20, R41)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laudstream.journey import receipts
from laudstream.journey.advance import advance
from laudstream.journey.codec import encode
from laudstream.journey.inputs import DeliveryInput, Input, Moment, Outcome
from laudstream.messages.request import SendRequest
from tests.journey.conftest import HOUR, MINUTE, World, journey, wait_for

MAIL = {"message": {"channel": "email", "template": "mail"}, "next": "look"}
OPENED = {"branches": [{"message": {"of": ["mail"], "is": "opened"}, "next": "done"}]}
TIMEOUT = {"timeout": {"after": "PT5H", "next": "late"}}
STEPS: dict[str, dict[str, Any]] = {
    "plain": {"mail": MAIL, "look": wait_for(after="PT3H")},
    "twice": {"mail": MAIL, "look": {"delay": {"for": "PT1H"}, "next": "again"}, "again": {**MAIL, "next": "done"}},
    "answered": {"mail": {**MAIL, "next": {"sent": "look", "refused": "late"}}, "look": wait_for()},
    "told": {"mail": MAIL, "look": {"wait": {**OPENED, **TIMEOUT}}},
    "since": {"mail": {**MAIL, "next": "hour"}, "hour": {"delay": {"for": "PT1H"}, "next": "look"},
              "look": {"wait": {**OPENED, **TIMEOUT, "since": "entry"}}},
    "ends": {"mail": {**MAIL, "next": "done"}},
}  # fmt: skip


class Both(World):
    """Hands each delivery over both ways."""

    short = 0

    def hand(self, input: Input) -> Outcome:
        if isinstance(input, DeliveryInput):
            space = self.catalog.spaces[self.customer.workspace]
            self.short += receipts.noted(self.customer, input.delivery, space) is not None
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(receipts, "noted", lambda *_: None)
                long = self._handed(input)
            assert self._handed(input) == long
        return super().hand(input)

    def _handed(self, input: Input) -> tuple[Any, ...]:
        before = self.customer
        made = advance(before, input, Moment(self.now, self.now + self.lag), self.catalog)
        parts = encode(before, made.customer)
        return made.customer, parts, made.customer is before, made.effects, list(made.parked)


def bodies(names: list[str], caps: bool) -> list[dict[str, Any]]:
    made = []
    for name in names:
        more: dict[str, Any] = {"settings": {"caps": [{"limit": 1, "per": "PT2H"}], "defer": {"caps": True}}}
        body = journey(STEPS[name], id=name, **(more if caps else {}))
        body["entry"][0]["reentry"] = "always"
        made.append(body)
    return made


MOVES = st.one_of(
    st.tuples(st.just("event"), st.sampled_from(["go", "buy"]), st.just(0)),
    st.tuples(
        st.just("deliver"), st.sampled_from(["sent", "opened", "bounced", "failed", "unknown"]), st.integers(0, 3)
    ),
    st.tuples(st.just("refuse"), st.sampled_from(["expired", "paused", "suppressed"]), st.integers(0, 3)),
    st.tuples(st.just("control"), st.sampled_from(["paused", "live", "stopped"]), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from(["minute", "hour"]), st.just(0)),
)


@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=3, unique=True), st.booleans(),
    st.lists(MOVES, max_size=25),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_a20_the_short_way_of_a_delivery_does_what_the_long_way_does(
    names: list[str], caps: bool, moves: list[tuple[str, str, int]]
) -> None:
    world, sent = Both(*bodies(names, caps)), list[SendRequest]()
    for move, what, which in [("event", "go", 0), *moves]:
        if move == "event":
            world.event(what)
        elif move == "control":
            world.control(what, id=names[which % len(names)])
        elif move == "wait":
            world.wait(MINUTE if what == "minute" else HOUR)
        elif sent and move == "deliver":
            world.deliver(sent[-1 - which % len(sent)], what)
        elif sent:
            world.deliver(sent[-1 - which % len(sent)], "refused", reason=what)
        sent += world.sends()


def test_a20_the_short_way_is_taken() -> None:
    world = Both(*bodies(["plain", "ends"], False))
    world.event("go")
    for request in world.sends():
        world.deliver(request, "sent")
    assert world.short == 2
    assert world.run.messages[0].state == "sent"
    assert [slot.open for slot in world.customer.core.slots] == [False, False]


@pytest.mark.parametrize("name", ["answered", "told", "since"])
def test_a20_a_delivery_that_may_move_its_run_goes_the_long_way(name: str) -> None:
    world = Both(*bodies([name], False))
    world.event("go")
    for request in world.sends():
        world.deliver(request, "sent")
    assert world.short == 0
