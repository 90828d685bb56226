"""The pace of a journey over several lanes, in every interleaving of rounds, with clocks that stand still (A11)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from laudstream.ids import partition_of
from tests.lanes.cluster import LANES, Cluster
from tests.lanes.kit import TEMPLATE, key

LIMIT, MINUTE = 3, 60_000
CUSTOMERS = [f"c{n}" for n in range(20)]
JOURNEY: dict[str, Any] = {
    "id": "j",
    "entry": [{"event": {"name": "go"}}],
    "settings": {"pace": {"limit": LIMIT, "per": "minute"}},
    "start": "hi",
    "steps": {
        "hi": {"message": {"channel": "email", "template": "hello", "class": "transactional"}, "next": "done"},
        "done": {"exit": {"outcome": "done"}},
    },
}


class Paced(Cluster):
    def __init__(self) -> None:
        super().__init__()
        self.now = 10 * MINUTE
        self.publish(TEMPLATE, 1, "template")
        self.publish(JOURNEY, 1)

    def come(self, who: str) -> None:
        lane = self.lanes[partition_of(key(who), LANES)]
        lane.row(who, self.tick(), email=f"{who}@example.org")
        self.event(who, "go")

    def sent(self) -> list[int]:
        """Clocks of the rounds in which messages went."""
        return sorted(request.requested_at for lane in self.lanes for request in lane.sends())


_STEPS = st.one_of(
    st.sampled_from(CUSTOMERS), st.integers(0, LANES - 1), st.sampled_from([MINUTE // 4, MINUTE, 5 * MINUTE]).map(str)
)


@given(st.lists(_STEPS, min_size=5, max_size=80))
@hypothesis_settings(max_examples=150, deadline=None)
def test_no_minute_of_the_clock_has_more_than_the_pace_and_everyone_gets_a_message(steps: list[int | str]) -> None:
    cluster = Paced()
    came: set[str] = set()
    for step in steps:
        if isinstance(step, int):
            cluster.round(step)
        elif step.isdigit():
            cluster.now += int(step)
        elif step not in came:
            came.add(step)
            cluster.come(step)
    for _ in range(400):
        if len(cluster.sent()) == len(came):
            break
        cluster.settle()
        cluster.now += MINUTE // 3
    cluster.settle()
    assert len(cluster.sent()) == len(came)
    assert all(count <= LIMIT for count in Counter(at // MINUTE for at in cluster.sent()).values())


def test_a_pace_is_used_to_the_full_and_evenly() -> None:
    cluster = Paced()
    for who in CUSTOMERS[:12]:
        cluster.come(who)
    for _ in range(5 * 60):
        cluster.settle()
        cluster.now += 1_000
    assert list(Counter(at // MINUTE for at in cluster.sent()).values()) == [LIMIT] * 4
    assert max(b - a for a, b in zip(cluster.sent(), cluster.sent()[1:], strict=False)) < MINUTE / LIMIT + 2_000


def test_a_new_pace_begins_after_the_slots_that_are_given() -> None:
    cluster = Paced()
    for who in CUSTOMERS[:6]:
        cluster.come(who)
    cluster.settle()
    slower = {**JOURNEY, "settings": {"pace": {"limit": 1, "per": "minute"}}}
    cluster.publish(slower, 2)
    for who in CUSTOMERS[6:9]:
        cluster.come(who)
    for _ in range(10 * 20):
        cluster.settle()
        cluster.now += 3_000
    counts = Counter(at // MINUTE for at in cluster.sent())
    assert sorted(counts.values(), reverse=True) == [LIMIT, LIMIT, 1, 1, 1]
