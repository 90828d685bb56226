"""Places of each signal over several lanes, in every interleaving of rounds (A11, R18, R34)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from laudstream.ids import partition_of
from tests.lanes.cluster import LANES, Cluster
from tests.lanes.kit import WORKSPACE, key, waiting

MOST = 4
PRESENT = [f"c{n}" for n in range(11)]
ENTRY = [{"audience": {"signal": "sale"}, "while_active": "restart"}]
JOURNEY = waiting(entry=ENTRY, max_entries={"n": MOST, "per": "occurrence"}, timeout="PT1S")


def there() -> Cluster:
    cluster = Cluster()
    for who in PRESENT:
        lane = cluster.lanes[partition_of(key(who), LANES)]
        lane.row(who, cluster.tick(), email=f"{who}@example.org")
    cluster.publish(JOURNEY, 1)
    return cluster


def send(cluster: Cluster, number: int) -> None:
    for lane in cluster.lanes:
        lane.bodies[WORKSPACE, "signal", "sale", number] = {"properties": {"number": number}}
    at = cluster.tick()
    for lane in cluster.lanes:
        lane.control("signal", "sale", "live", at, number)


@given(st.lists(st.one_of(st.integers(0, LANES - 1), st.just("signal")), max_size=40))
@hypothesis_settings(max_examples=100, deadline=None)
def test_r18_each_occurrence_has_its_places_exactly(steps: list[int | str]) -> None:
    cluster, sent = there(), 0
    for step in steps:
        if isinstance(step, int):
            cluster.round(step)
        else:
            cluster.settle()  # nobody asks still, so nobody is `already_in`
            cluster.now += 5_000
            cluster.settle()
            sent += 1
            send(cluster, sent)
    for _ in range(3):
        cluster.settle()
    entered = Counter(made.data["number"] for made in cluster.decisions() if made.kind == "entered")
    assert entered == dict.fromkeys(range(1, sent + 1), MOST)
