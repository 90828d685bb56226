"""Caps: how many messages a customer gets, and what becomes of a slot (R10, R41)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journey.mailing import DAY, HOUR, capped, mail


def test_r10_a_cap_is_never_exceeded_by_messages_of_one_input(world: Any, make: Any) -> None:
    fields = capped({"limit": 2, "per": "PT24H"})
    w = world(*(make({"hi": mail()}, id=f"j{number}", **fields) for number in range(5)))
    w.event("go")
    assert len(w.sends()) == 2
    assert [made.reason for made in w.decisions("message")] == ["", "", "cap", "cap", "cap"]


def test_r41_a_slot_counts_at_send_before_until_the_delivery_gives_the_true_time(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}, **capped({"limit": 1, "per": "PT24H"})))
    w.event("go")
    (sent,) = w.sends()
    w.now += DAY + 1
    w.event("go")
    assert w.decision("message").reason == "cap"  # it may have left as late as send_before
    w.deliver(sent, "sent", at=sent.requested_at + 1)
    w.event("go")
    assert len(w.sends()) == 1


@pytest.mark.parametrize(
    ("kind", "sends"), [("refused", 1), ("failed", 1), ("unknown", 0), ("bounced", 0), ("sent", 0)]
)
def test_r41_a_slot_returns_only_if_a_delivery_proves_that_nothing_left(
    world: Any, make: Any, kind: str, sends: int
) -> None:
    w = world(make({"hi": mail()}, **capped({"limit": 1, "per": "PT24H"})))
    w.event("go")
    w.deliver(w.sends()[0], kind, reason="suppressed")
    w.event("go")
    assert len(w.sends()) == sends


def test_r10_a_calendar_cap_goes_by_the_customers_day(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}, **capped({"limit": 1, "per": "day"})))
    w.row(email="ann@example.org", timezone="Asia/Tokyo")  # 18:00 there
    w.event("go")
    w.deliver(w.sends()[0], "sent")
    w.now += 6 * HOUR - 1
    w.event("go")
    assert w.decision("message").reason == "cap"
    w.now += 1
    w.event("go")
    assert len(w.sends()) == 1


def test_r10_a_cap_of_a_tag_counts_messages_of_that_tag_only(world: Any, make: Any) -> None:
    steps = {
        "one": mail(next="two", tags=["news"]),
        "two": mail(next="three", tags=["tips"]),
        "three": mail(tags=["news"]),
    }
    w = world(make(steps, **capped({"limit": 1, "per": "P1D", "tag": "news"})))
    w.event("go")
    assert [made.step for made in w.sends()] == ["one", "two"]
