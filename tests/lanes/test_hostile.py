"""Records that nobody should have written: they stop no lane (A6)."""

from __future__ import annotations

import pytest

from laudstream import topics
from laudstream.customers.event import Event
from laudstream.ids import MAX_CUSTOMER_ID
from laudstream.journey.handoff import PACE, Ask, Emitted, Forwarded, Grant, Handoff, Merged, Release
from laudstream.records import codec
from tests.lanes.cluster import Cluster
from tests.lanes.kit import WORKSPACE, LaneKit, key, waiting

STRANGE = ("ann\u00a0lee", "ann\tlee", "\U0001f469\u200d\U0001f680", "\n", "x" * MAX_CUSTOMER_ID)
"""Ids that the API refuses and PostgreSQL takes: from there they come by SQL."""


@pytest.mark.parametrize("customer", STRANGE)
def test_a_customer_whose_id_the_api_would_refuse_goes_through_journeys_like_others(customer: str) -> None:
    """What such a customer asked of a quota closed its lane, at each try anew."""
    cluster = Cluster(waiting(max_entries=1))
    cluster.event(customer, "purchase")
    cluster.settle()
    (lane,) = [lane for lane in cluster.lanes if lane.decisions() and any(d.customer for d in lane.decisions())]
    assert [d.kind for d in lane.decisions() if d.customer == customer] == ["entered"]


@pytest.mark.parametrize(
    "handoff",
    [
        Emitted(WORKSPACE, "", Event("m", "track", "purchase"), "run"),
        Emitted("w", "ada", Event("m", "track", "purchase"), "run"),
        Forwarded(WORKSPACE, "", 1),
        Merged(WORKSPACE, "ada", 1, "bob", b"\xc1"),
        Merged(WORKSPACE, "ada", 1, "bob", b""),
        Grant(WORKSPACE, "sale", (("", "run"),), 1, 1),
        Grant(WORKSPACE, "sale", (("ada", "run"),), 1, 0, of=PACE, period=1),
        Ask(WORKSPACE, "\0", (("", "run"),)),
        Release("", "", ""),
    ],
    ids=lambda handoff: type(handoff).__name__,
)
def test_a_handoff_that_no_lane_writes_is_a_dead_letter_or_nothing_and_the_next_one_is_handled(
    handoff: Handoff,
) -> None:
    lane = LaneKit()
    lane.publish(waiting(), at=1)
    lane.round(bound=2)
    lane.put(topics.HANDOFFS, 3, key("ada"), codec.encode(handoff))
    good = Emitted(WORKSPACE, "eve", Event("m2", "track", "purchase"), "run")
    lane.put(topics.HANDOFFS, 3, key("eve"), codec.encode(good))
    result = lane.round(bound=4)
    assert [d.kind for d in lane.decisions([result]) if d.customer == "eve"] == ["entered"]
    assert len(result.skipped) <= 1
