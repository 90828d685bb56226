"""A round on its own: order, lane time, units of failure, sweeps (A4–A6, A8–A10, R30)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agents.lanes import round as rounds
from agents.lanes.batches import MAX_BATCH, in_waves
from agents.lanes.wire import TP, ProducerId
from agents.lanes.writer import Out
from laudstream import topics
from laudstream.errors import Broken
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import Customer
from laudstream.journey.live import Status
from tables.layout import CATALOGUE_KEY, CORE, MAX_LANE_RECORD_BYTES, MAX_RECORD_BYTES
from tests.lanes.kit import LaneKit, at_work, key, waiting


@pytest.fixture
def lane() -> LaneKit:
    return at_work()


def test_R30_a_timer_does_not_overtake_an_input_that_was_in_the_log_before_it_was_due(lane: LaneKit) -> None:
    lane.event("ada", "purchase", at=2000)
    lane.round(bound=2001)
    lane.event("ada", "paid", at=21_999)  # one ms before the timeout; the worker is down for an hour
    lane.round(bound=3_600_000)
    assert lane.ends() == [("ada", "paid", 21_999)]


def test_R30_at_the_same_instant_the_input_comes_first(lane: LaneKit) -> None:
    lane.event("ada", "purchase", at=2000)
    lane.event("ada", "paid", at=22_000)
    lane.round(bound=3_600_000)
    assert lane.ends() == [("ada", "paid", 22_000)]


def test_A4_timers_of_a_customer_fire_before_its_next_input_and_as_of_when_they_were_due(lane: LaneKit) -> None:
    lane.event("ada", "purchase", at=2000)
    lane.event("ada", "paid", at=22_001)
    lane.round(bound=3_600_000)
    assert lane.ends() == [("ada", "late", 22_000)]


def test_A4_no_timer_fires_at_or_after_the_bound(lane: LaneKit) -> None:
    lane.event("ada", "purchase", at=2000)
    lane.round(bound=22_000)
    assert lane.ends() == []
    lane.round(bound=22_001)
    assert lane.ends() == [("ada", "late", 22_000)]


def test_R3_due_timers_fire_in_order_of_due_time_then_customer(lane: LaneKit) -> None:
    for at, customer in ((2001, "dora"), (2001, "ada"), (2002, "cleo")):
        lane.event(customer, "purchase", at=at)
    lane.round(bound=2003)
    lane.round(bound=100_000)
    assert [customer for customer, _, _ in lane.ends()] == ["ada", "dora", "cleo"]


def test_A8_more_due_timers_than_a_round_may_fire_come_in_the_next_rounds_in_order(lane: LaneKit) -> None:
    for n in range(10):
        lane.event(f"c{n}", "purchase", at=2000 + n)
    lane.round(bound=2011)
    fired = [lane.round(bound=100_000, timers=4).fired for _ in range(4)]
    assert fired == [4, 4, 2, 0]
    assert [customer for customer, _, _ in lane.ends()] == [f"c{n}" for n in range(10)]


def test_A5_control_of_the_same_round_acts_before_the_events(lane: LaneKit) -> None:
    lane.event("ada", "purchase", at=2000)
    lane.control("journey", "wait-for-payment", "paused", at=3000)
    lane.round(bound=3001)
    assert [(d.kind, d.reason) for d in lane.decisions() if d.customer] == [("not_entered", "paused")]


def test_A5_a_version_takes_no_entry_from_before_its_publishing() -> None:
    kit = LaneKit()
    kit.event("ada", "purchase", at=999)
    kit.event("bob", "purchase", at=1000)
    kit.publish(waiting(), at=1000)
    kit.round(bound=2000)
    assert [d.customer for d in kit.decisions() if d.kind == "entered"] == ["bob"]


def test_A6_a_record_that_cannot_be_read_is_a_dead_letter_and_disturbs_nothing(lane: LaneKit) -> None:
    bad = lane.put(topics.EVENTS, 2000, key("ada"), b"{not json")
    nobody = lane.put(topics.EVENTS, 2000, b"no colon", b"{}")
    lane.put(topics.EVENTS, 2000, None, b"{}")
    lane.event("ada", "purchase", at=2001)
    result = lane.round(bound=2002)
    assert result.skipped[:2] == [(topics.EVENTS, bad), (topics.EVENTS, nobody)]
    assert dict(result.out.letters[0][2])["origin"] == b"laudstream.events/0/%d" % bad
    assert len(result.out.letters) == 3
    assert [d.customer for d in lane.decisions() if d.kind == "entered"] == ["ada"]


def test_A6_a_run_that_raises_is_parked_and_everything_else_goes_on(lane: LaneKit) -> None:
    for customer in ("ada", "bob"):
        lane.event(customer, "purchase", at=2000)
    lane.round(bound=2001)
    ada = lane.cache.get(key("ada"))
    assert ada is not None
    run = ada.core.runs[0]
    astray = msgspec.structs.replace(run, step="no such step")  # a state that no code of ours writes
    lane.cache.update(
        {key("ada"): msgspec.structs.replace(ada, core=msgspec.structs.replace(ada.core, runs=(astray,)))}, 1
    )
    lane.event("ada", "paid", at=3000)
    lane.event("bob", "paid", at=3000)
    result = lane.round(bound=3001)
    assert result.parked == [("workspace1:ada", run.id)]
    assert [d.customer for d in lane.decisions() if d.kind == "failed"] == ["ada"]
    assert lane.ends() == [("bob", "paid", 3000)]


def test_A6_what_the_core_cannot_confine_to_a_run_parks_that_customer_alone(
    lane: LaneKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for customer in ("ada", "bob"):
        lane.event(customer, "purchase", at=2000)
    lane.round(bound=2001)
    real = rounds.advance

    def poisoned(customer: Customer, *rest: Any) -> Any:
        if customer.id == "ada":
            raise ZeroDivisionError("poison")
        return real(customer, *rest)

    monkeypatch.setattr(rounds, "advance", poisoned)
    lane.event("ada", "paid", at=3000)
    result = lane.round(bound=100_000)
    assert result.parked[0] == ("workspace1:ada", "")
    failed = [d for d in lane.decisions() if d.kind == "failed"]
    assert failed[0].data == {"error": "ZeroDivisionError: poison", "input": [topics.EVENTS, 0, 2]}
    assert lane.ends() == [("bob", "late", 22_000)]
    assert lane.round(bound=200_000).fired == 0  # nor does it come back for ever


def test_A9_an_older_or_repeated_control_record_changes_nothing(lane: LaneKit) -> None:
    lane.control("journey", "wait-for-payment", "paused", at=2000)
    lane.seq -= 1
    lane.control("journey", "wait-for-payment", "live", at=2001)  # the same number again
    lane.event("ada", "purchase", at=2002)
    lane.round(bound=2003)
    assert [(d.kind, d.reason) for d in lane.decisions() if d.customer] == [("not_entered", "paused")]


def test_A9_a_body_that_is_not_here_yet_stops_the_round_before_anything_happened(lane: LaneKit) -> None:
    lane.control("journey", "unknown", "live", at=2000)
    with pytest.raises(KeyError):
        lane.round(bound=2001)
    assert lane.lane.head.seq == 1


def test_A10_a_stop_ends_all_runs_slice_by_slice_while_live_events_go_on(lane: LaneKit) -> None:
    lane.slice = 4
    for n in range(10):
        lane.event(f"c{n}", "purchase", at=2000)
    lane.round(bound=2001)
    lane.control("journey", "wait-for-payment", "stopped", at=3000)
    lane.event("late", "purchase", at=3001)
    swept = [lane.round(bound=4000 + n).swept for n in range(4)]
    assert swept == [4, 4, 3, 0]  # `late` is a customer too, refused
    assert sorted(customer for customer, _, _ in lane.ends()) == [f"c{n}" for n in range(10)]
    assert {reason for _, reason, _ in lane.ends()} == {"stopped"}
    assert lane.lane.sweeps == ()


def test_A13_a_round_gives_the_same_bytes_when_customers_come_from_the_cache_or_from_the_store(lane: LaneKit) -> None:
    other = LaneKit()
    other.publish(waiting(), at=1000)
    other.round(bound=1001)
    for kit in (lane, other):
        for n in range(30):
            kit.event(f"c{n}", "purchase", at=2000 + n)
        kit.round(bound=2100)
    other.cache.clear()
    for kit in (lane, other):
        for n in range(30):
            kit.event(f"c{n}", "paid", at=3000)
        kit.round(bound=4000)
    assert lane.results[-1].out.out_digest() == other.results[-1].out.out_digest()
    assert lane.results[-1].out.state_digest() == other.results[-1].out.state_digest()


def test_A9_a_catalogue_of_more_definitions_than_a_customer_has_room_for_stops_no_lane(lane: LaneKit) -> None:
    """It is one record, of all workspaces: at 512 KB, as of a customer, some 5,000 definitions closed every lane."""
    many = {(f"workspace{n // 50}", "template", f"t{n % 50}"): Status("live", 1, ((1, n),)) for n in range(20_000)}
    lane.lane = lane.lane._replace(catalog=Catalog(many, lane.lane.catalog.spaces))
    lane.publish(waiting(id="another"), at=2000)
    result = lane.round(bound=2001)
    catalogue = dict(result.out.records)[CATALOGUE_KEY]
    assert catalogue is not None
    assert MAX_RECORD_BYTES < len(catalogue) < MAX_BATCH * 2
    assert lane.decisions([result])
    sequences: dict[TP, int] = {}
    waves = in_waves({("laudstream.state", 0): (1, result.out.records)}, ProducerId(1, 1), sequences)
    assert sum(count for wave in waves for count, _ in wave.values()) == len(result.out.records)


def test_A7_a_customer_of_more_is_none(lane: LaneKit) -> None:
    out = Out(0)
    out.records = [(key("ada") + CORE, bytes(MAX_RECORD_BYTES))]
    out.finish(0)
    out.records.append((key("bob") + CORE, bytes(MAX_RECORD_BYTES + 1)))
    with pytest.raises(Broken, match="bob"):
        out.finish(0)
    out.records[-1] = (CATALOGUE_KEY, bytes(MAX_LANE_RECORD_BYTES + 1))
    with pytest.raises(Broken, match="catalogue"):
        out.finish(0)
