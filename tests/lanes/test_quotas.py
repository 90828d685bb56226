"""Places of a journey over several lanes, in every interleaving of rounds (A11, R18)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agents.lanes.quotas import Quotas
from laudstream import topics
from laudstream.journey.handoff import Ask
from laudstream.records import codec
from tests.lanes.cluster import LANES, Cluster
from tests.lanes.kit import WORKSPACE, LaneKit, key, waiting

MOST = 7
JOURNEY = waiting(max_entries=MOST, exit=[{"event": {"name": "leave"}, "outcome": "left"}])
CUSTOMERS = [f"c{n}" for n in range(24)]


class Sale(Cluster):
    def __init__(self) -> None:
        super().__init__(JOURNEY)

    def taken(self) -> int:
        """Places that are given out."""
        owner = self.owner(f"{WORKSPACE}:!quota/{JOURNEY['id']}")
        grant = Quotas(owner.store).ask(
            Ask(WORKSPACE, JOURNEY["id"], tuple((str(n), "") for n in range(MOST))), owner.lane.catalog, 0
        )
        return MOST - grant.granted


@given(st.lists(st.one_of(st.sampled_from(CUSTOMERS), st.integers(0, LANES - 1)), max_size=80), st.randoms())
@hypothesis_settings(max_examples=150)
def test_r18_never_more_than_there_are_places_and_never_one_unused(steps: list[str | int], random: Any) -> None:
    cluster = Sale()
    asked: list[str] = []
    for step in steps:
        if isinstance(step, int):
            cluster.round(step)
        elif step not in asked:
            cluster.event(step, "purchase")
            asked.append(step)
            if random.random() < 0.3:
                cluster.event(step, "leave")
    cluster.settle()
    entered, full = cluster.named("entered"), cluster.named("not_entered", "full")
    gone = cluster.named("not_entered", "already_out")
    assert sorted(entered + full + gone) == sorted(asked)  # each has its answer, once
    assert len(entered) <= MOST
    assert cluster.taken() == len(entered)  # what was given to who had gone is free again
    if full and not gone:
        assert len(entered) == MOST
    late = [who for who in CUSTOMERS if who not in asked][: MOST - len(entered)]
    for who in late:
        cluster.event(who, "purchase")
    cluster.settle()
    assert len(cluster.named("entered")) == len(entered) + len(late)


def test_r18_a_new_version_may_give_more_places() -> None:
    cluster = Sale()
    for who in CUSTOMERS[:10]:
        cluster.event(who, "purchase")
    cluster.settle()
    assert (len(cluster.named("entered")), len(cluster.named("not_entered", "full"))) == (7, 3)
    cluster.publish({**JOURNEY, "max_entries": 9}, 2)
    for who in CUSTOMERS[10:20]:
        cluster.event(who, "purchase")
    cluster.settle()
    assert (len(cluster.named("entered")), len(cluster.named("not_entered", "full"))) == (9, 11)


def test_a11_one_question_a_round_and_one_answer() -> None:
    cluster = Sale()
    for who in CUSTOMERS:
        cluster.event(who, "purchase")
    cluster.settle()
    lanes = [result.out.topics.get(topics.HANDOFFS, ()) for lane in cluster.lanes for result in lane.results]
    kinds = [json.loads(value)["type"] for pairs in lanes for _, value in pairs if value]
    assert sorted(kinds) == ["ask"] * LANES + ["grant"] * LANES


def test_a_question_for_a_journey_that_is_gone_is_answered_with_no() -> None:
    lane = LaneKit()
    ask = Ask(WORKSPACE, "nowhere", (("ann", "r1"),))
    lane.put(topics.HANDOFFS, 5, f"{WORKSPACE}:!quota/nowhere".encode(), codec.encode(ask))
    result = lane.round(10)
    ((where, value),) = result.out.topics[topics.HANDOFFS]
    assert where == key("ann")
    assert codec.handoff(value).granted == 0  # type: ignore[union-attr]
