"""The virtual sender: what becomes of messages, by seed and send id (R40, A21)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.simulate.listener import Listener
from laudstream.simulate.plan import Plan, run
from laudstream.simulate.sender import Sender
from tests.simulate.conftest import DAY, HOUR, MINUTE, START, journey, post, waiting
from tests.simulate.test_order import world_of


class Deliveries(Listener):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []

    def delivered(self, delivery: Any) -> None:
        self.seen.append((delivery.customer, delivery.kind, delivery.at))


def played(people: int = 2_000, **sender: Any) -> Deliveries:
    posts = [post(START, f"c{n}", "purchase", n) for n in range(people)]
    customers = {f"c{n}": {"email": "a@example.org"} for n in range(people)}
    found = Deliveries()
    plan = Plan(definitions=[journey(waiting())], customers=customers, posts=posts, begin=START,
                until=START + 30 * MINUTE, sender=Sender(**sender))  # fmt: skip
    if sender.get("opened"):
        plan.until = START + 2 * DAY
    run(plan, found)
    return found


def test_every_message_is_sent_after_the_time_that_was_set() -> None:
    assert {(kind, at - START) for _, kind, at in played(50, after_ms=7_000).seen} == {("sent", 7_000)}


def test_rates_are_kept_and_what_happens_comes_in_its_order() -> None:
    seen = played(delivered=0.5, opened=0.4, clicked=0.1, bounced=0.1).seen
    count = Counter(kind for _, kind, _ in seen)
    messages = count["sent"]
    assert messages > 2_000
    for kind, rate in (("bounced", 0.1), ("opened", 0.36), ("clicked", 0.09)):
        assert abs(count[kind] / messages - rate) < 0.03, (kind, count)
    steps: dict[str, list[str]] = {}
    for customer, kind, _ in sorted(seen, key=lambda one: one[2]):
        steps.setdefault(customer, []).append(kind)
    assert all("clicked" not in kinds or kinds.index("opened") < kinds.index("clicked") for kinds in steps.values())
    assert not any("bounced" in kinds[:2] and "opened" in kinds[:2] for kinds in steps.values())


def test_the_same_seed_gives_the_same_fates_and_another_seed_others() -> None:
    one, same, other = (played(300, opened=0.5, seed=seed).seen for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_r40_after_send_before_nothing_is_handed_over() -> None:
    body = waiting()
    body["steps"]["hello"]["message"]["expires_after"] = "PT1M"
    world, _ = world_of(body)
    world.sender = Sender(after_ms=HOUR)
    seen: list[tuple[str, str]] = []
    world.delivered = lambda one: seen.append((one.kind, one.reason))
    world.play([post(START, "ann", "purchase", 1)])
    world.until(START + HOUR)
    assert seen[0] == ("refused", "expired")


@pytest.mark.parametrize(("status", "reason"), [("stopped", "journey_stopped"), ("paused", "paused")])
def test_a21_a_stopped_or_paused_journey_sends_nothing_more(status: str, reason: str) -> None:
    world, _ = world_of(waiting())
    seen: list[tuple[str, str]] = []
    world.delivered = lambda one: seen.append((one.kind, one.reason))
    world.play([post(START, "ann", "purchase", 1)])
    world.definitions.control("journey", "pay", status)
    world.until(START + MINUTE)
    assert seen == [("refused", reason)]


@pytest.mark.parametrize(
    "wrong", [{"opened": 1.5}, {"bounced": -0.1}, {"after_ms": -1}, {"opened": 0.1, "clicked": 0.2}]
)
def test_rates_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Sender(**wrong)
