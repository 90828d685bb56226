"""The first customers of each arm over several lanes, in every interleaving of rounds (A11, R45)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from laudstream.ids import partition_of, share
from tests.lanes.cluster import LANES, Cluster
from tests.lanes.kit import WORKSPACE, key

MINIMUM = 2
CUSTOMERS = [f"c{n}" for n in range(12)]
ARM_OF = {who: "a" if share(WORKSPACE, "j/test", who) < 5_000 else "b" for who in CUSTOMERS}
JOURNEY = {
    "id": "j",
    "entry": [{"event": {"name": "go", "key": "k"}, "reentry": "always"}],
    "exit": [{"event": {"name": "leave", "any_key": True}, "outcome": "left"}],
    "goal": {"event": {"name": "buy"}, "within": "P7D"},
    "start": "test",
    "steps": {
        "test": {
            "experiment": {
                "arms": {"a": 50, "b": 50},
                "winner": {"metric": "goal", "minimum": MINIMUM, "hold_rest": True},
            },
            "next": {"a": "a", "b": "b"},
        },
        "a": {"exit": {"outcome": "a"}},
        "b": {"exit": {"outcome": "b"}},
    },
}
STEPS = st.one_of(
    st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(["go", "go", "go", "again", "leave"])),
    st.integers(0, LANES - 1),
)


def branches(cluster: Cluster) -> dict[str, set[str]]:
    """Customer -> arms that their runs went."""
    went: dict[str, set[str]] = {}
    for made in cluster.decisions():
        if made.kind == "moved" and made.step == "test":
            went.setdefault(made.customer, set()).add(made.branch)
    return went


@given(st.lists(STEPS, min_size=5, max_size=60), st.integers(0, 200))
@hypothesis_settings(max_examples=150, deadline=None)
def test_r45_never_more_than_the_first_of_each_arm_and_all_others_go_with_the_winner(
    steps: list[Any], wins: int
) -> None:
    cluster = Cluster(JOURNEY)
    came: dict[str, None] = {}
    gone: set[str] = set()
    for n, step in enumerate(steps):
        if n == wins:
            cluster.control("winner", "j/test", "b")
        if isinstance(step, int):
            cluster.round(step)
        else:
            who, what = step
            if what == "leave":
                gone.add(who)
                cluster.event(who, "leave", id=f"{n}")
            else:
                came[who] = None
                cluster.event(who, "go", id=f"{n}", k=what)
    cluster.settle()
    first = branches(cluster)
    assert all(len(arms) == 1 for arms in first.values())  # R9
    if wins >= len(steps):
        counted = Counter(arm for arms in first.values() for arm in arms)
        assert all(count <= MINIMUM for count in counted.values())
        for arm in ("a", "b"):
            mine = [who for who in came if ARM_OF[who] == arm]
            assert all(first.get(who, {arm}) == {arm} for who in mine)
            if not gone & set(mine):
                assert counted[arm] == min(MINIMUM, len(mine))
    cluster.control("winner", "j/test", "b")
    cluster.settle()
    everybody = branches(cluster)
    assert {who: everybody[who] for who in first} == first
    assert all(everybody[who] == {"b"} for who in everybody.keys() - first.keys())
    assert came.keys() - gone <= everybody.keys()  # nobody waits any more


def test_r45_a_place_that_nobody_used_goes_to_the_next_who_asks() -> None:
    cluster = Cluster(JOURNEY)
    mine = [who for who in CUSTOMERS if ARM_OF[who] == "a"]
    for who in mine[:MINIMUM]:
        cluster.event(who, "go", id=f"{who}go", k="1")
    cluster.round(partition_of(key(mine[0]), LANES))  # the question is out
    cluster.event(mine[0], "leave", id="leaves")
    cluster.settle()
    assert sorted(branches(cluster)) == sorted(mine[1:MINIMUM])
    for who in mine[MINIMUM:]:
        cluster.event(who, "go", id=f"{who}go", k="1")
    cluster.settle()
    assert len(branches(cluster)) == MINIMUM
