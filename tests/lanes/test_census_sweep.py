"""A census counts everybody once, in slices, over restarts, and holds nobody up (A10)."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from agents.lanes import round as rounds
from agents.lanes.census import EVENTS_A_SLICE
from agents.lanes.history import MOST_EVENTS
from agents.lanes.replay import Replay
from agents.lanes.sweep import Sweep, decode_sweeps, encode_sweeps
from laudstream import topics
from laudstream.errors import Invalid
from laudstream.journey import census
from laudstream.journey.customer import Customer
from laudstream.journey.presence import Cell
from laudstream.journey.preview import Question
from tables.store import LaneStore
from tests.lanes.kit import WORKSPACE, LaneKit, key, waiting
from tests.lanes.test_backfill import members, settle, stored
from tests.lanes.test_checkpoints import MEMORY, ORIGIN, Disk

GOLD = {"customer.plan": {"equals": "gold"}}
BOUGHT = {"event": {"name": "buy", "at_least": 2, "where": {"event.total": {"at_least": 10}}}}


def order(lane: LaneKit, condition: dict[str, Any], at: int) -> int:
    """Asks for a census; its number."""
    id = census.id_of(condition)
    lane.bodies[WORKSPACE, census.CENSUS, id, 1] = {"condition": condition}
    lane.control(census.CENSUS, id, "live", at)
    return lane.seq


def told(lane: LaneKit) -> dict[int, dict[str, Any]]:
    """What was counted, by number."""
    return {made.data["seq"]: made.data for made in lane.decisions() if made.kind == "counted"}


def numbers(said: dict[str, Any]) -> tuple[int, int, int]:
    return said["looked_at"], said["matching"], said["failed"]


def crash(lane: LaneKit) -> None:
    """All that is not in the store is gone."""
    lane.cache.clear()
    lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)


def crowd(lane: LaneKit, many: int, at: int = 10) -> None:
    for n in range(many):
        lane.row(f"c{n:03}", at, plan="gold" if n % 2 else "free")
    lane.round(at + 1)


def test_everybody_is_counted_once_in_slices_over_restarts() -> None:
    lane = LaneKit()
    lane.slice = 4
    crowd(lane, 23)
    lane.event("nobody", "look", 50)  # is seen, so there is a customer
    number = order(lane, GOLD, 100)
    for now in range(101, 110):
        assert not told(lane) or not lane.lane.sweeps
        lane.round(now)
        crash(lane)
    said = told(lane)[number]
    assert (numbers(said), said["partition"], said["unseen"]) == ((24, 11, 0), 0, [])
    assert len(said["sample"]) == census.SAMPLE
    assert {each["looked_at"]["customer.plan"] for each in said["sample"]} == {"gold"}
    assert [each["mark"] for each in said["sample"]] == sorted(each["mark"] for each in said["sample"])
    assert lane.lane.sweeps == ()


def delete(lane: LaneKit, customer: str, at: int) -> None:
    record = {"__table": "customers", "__deleted": "true", "born": 1, "revision": 9, "created_ms": 1, "writes": 0}
    lane.put(topics.ROWS, at, key(customer), json.dumps({**record, "attributes": "{}"}).encode())


def test_who_was_deleted_is_not_counted_and_who_goes_meanwhile_is_not_named() -> None:
    lane = LaneKit()
    lane.slice = 3
    crowd(lane, 6)
    delete(lane, "c005", 20)
    lane.round(30)
    number = order(lane, GOLD, 100)
    lane.round(101)
    assert [sweep.count.matching for sweep in lane.lane.sweeps] == [1]
    delete(lane, "c001", 110)
    lane.round(120)
    assert numbers(told(lane)[number]) == (5, 2, 0)
    assert [each["id"] for each in told(lane)[number]["sample"]] == ["c003"]


def test_a6_who_cannot_be_asked_does_not_match_and_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = LaneKit()
    crowd(lane, 4)
    scope = Question.scope

    def fails(question: Question, customer: Customer, *rest: Any) -> Any:
        if customer.id == "c001":
            raise ValueError("no such thing")
        return scope(question, customer, *rest)

    monkeypatch.setattr(Question, "scope", fails)
    number = order(lane, GOLD, 100)
    settle(lane, 101)
    assert numbers(told(lane)[number]) == (4, 1, 1)


def test_a_slice_ends_early_where_much_has_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.lanes.census.EVENTS_A_SLICE", 5)
    lane = LaneKit()
    crowd(lane, 9)
    for n in range(9):
        for total in (10, 20):
            lane.event(f"c{n:03}", "buy", 20 + n, total=total)
    lane.round(40)
    number = order(lane, BOUGHT, 100)
    swept = [lane.round(101).swept for _ in range(4)]
    assert (swept, numbers(told(lane)[number])) == ([3, 3, 3, 0], (9, 9, 0))
    assert EVENTS_A_SLICE >= MOST_EVENTS


def test_what_is_asked_of_the_past_is_found_and_kept_nowhere() -> None:
    lane = LaneKit()
    for customer, totals in {"ann": (10, 20), "bob": (10, 5), "cleo": ()}.items():
        lane.row(customer, 20)
        for n, total in enumerate(totals):
            lane.event(customer, "buy", 100 + n, total=total)
    lane.round(200)
    number = order(lane, BOUGHT, 300)
    settle(lane, 301)
    said = told(lane)[number]
    assert numbers(said) == (3, 1, 0)
    (one,) = said["sample"]
    assert (one["id"], one["looked_at"]) == ("ann", {"event:buy": {"count": 2, "last": 101}})
    assert not stored(lane, "ann").tallies
    assert not [made for made in lane.decisions() if made.kind not in ("counted", "control")]


def test_what_only_a_publish_begins_to_keep_is_named() -> None:
    lane = LaneKit()
    crowd(lane, 2)
    condition = {
        "any": [
            {"message": {"is": "opened"}}, {"customer.plan": {"changed_within": "P1D"}},
            {"run": {"journey": "j", "was": "completed"}}, {"run": {"journey": "j", "was": "entered"}}, BOUGHT,
        ]
    }  # fmt: skip
    number = order(lane, condition, 100)
    settle(lane, 101)
    assert told(lane)[number]["unseen"] == ["customer.plan", "message:opened", "run:j"]
    lane.publish({"id": "s", "condition": condition}, 200, kind="segment")
    again = order(lane, condition, 201)
    settle(lane, 202)
    assert told(lane)[again]["unseen"] == []


def test_a9_a_lane_that_comes_back_waits_for_the_condition_that_it_counts_by() -> None:
    lane = LaneKit()
    lane.slice = 1
    crowd(lane, 3)
    order(lane, GOLD, 100)
    lane.round(101)
    bodies, lane.bodies = lane.bodies, {}
    with pytest.raises(KeyError):
        crash(lane)
    lane.bodies = bodies
    crash(lane)
    settle(lane, 102)
    assert [numbers(said) for said in told(lane).values()] == [(3, 1, 0)]


def test_a_census_and_other_sweeps_take_turns() -> None:
    lane = LaneKit()
    lane.slice = 10
    crowd(lane, 100)
    lane.publish({"id": "gold", "condition": GOLD}, 100, kind="segment")
    lane.round(101)
    number = order(lane, GOLD, 102)
    other = order(lane, {"customer.plan": {"equals": "free"}}, 102)
    lane.round(103)
    while number not in told(lane):
        before = {(sweep.seq, sweep.cursor) for sweep in lane.lane.sweeps}
        lane.round(104)
        assert len(before - {(sweep.seq, sweep.cursor) for sweep in lane.lane.sweeps}) == 1
    progress = {sweep.seq: sweep.cursor for sweep in lane.lane.sweeps}
    assert progress.get(other, b"~") > b"workspace1:c080"
    settle(lane, 105)
    assert members(lane, "gold") == {f"c{n:03}" for n in range(1, 100, 2)}
    assert (numbers(told(lane)[number]), numbers(told(lane)[other])) == ((100, 50, 0), (100, 50, 0))


def test_a_publish_in_between_begins_no_census_anew() -> None:
    lane = LaneKit()
    lane.slice = 10
    crowd(lane, 30)
    number = order(lane, GOLD, 100)
    lane.round(101)
    lane.publish({"id": "gold", "condition": GOLD}, 102, kind="segment")
    lane.publish(waiting(entry=[{"audience": {}}]), 103)
    for now in range(104, 110):
        lane.round(now)
    assert numbers(told(lane)[number]) == (30, 15, 0)
    settle(lane, 120)
    assert len([made for made in lane.decisions() if made.kind == "entered"]) == 30


def test_sweeps_that_are_no_census_keep_the_bytes_of_the_releases_before() -> None:
    old = (Sweep(1, "w", b"k"), Sweep(0, "", trims=True), Sweep(2, "w", counts="j", cells=(Cell(1, "s", False, 1, 1),)))
    rows = [(1, "w", b"k", False), (0, "", b"", True), (2, "w", b"", False, "j", [[1, "s", False, 1, 1]])]
    assert encode_sweeps(old) == msgspec.msgpack.encode(rows)
    new = (*old, Sweep(3, "w", census="x", count=census.Count(3, 2, 1, ((b"12345678", "ann"),))))
    assert decode_sweeps(encode_sweeps(new)) == new
    assert encode_sweeps(()) is None


def test_a_body_that_cannot_be_read_or_is_too_large_is_refused() -> None:
    for body in ({"condition": {}}, {"condition": {"customer.a": {"like": 1}}}, {}, {"condition": GOLD, "more": 1}):
        with pytest.raises(Invalid):
            census.parse(body)
    with pytest.raises(Invalid, match="64 KB"):
        census.id_of({"customer.a": {"in": ["x" * 100] * 1000}})
    assert census.id_of({"a": 1, "b": 2}) == census.id_of({"b": 2, "a": 1})
    assert census.shown({"a": 1, "b": "x" * 1_000, "c": 2}) == {"a": 1}


def test_a13_a_replay_counts_the_same_in_the_same_rounds(tmp_path: Path) -> None:
    lane = Disk(LaneStore(tmp_path / "lane-0", MEMORY, ORIGIN, now=1, max_age_ms=1000))
    lane.slice = 4
    crowd(lane, 20)
    for n in range(20):
        lane.event(f"c{n:03}", "buy", 30 + n, total=5 + n)
        lane.event(f"c{n:03}", "buy", 60 + n, total=5 + n)
    lane.round(100)
    number = order(lane, BOUGHT, 101)
    lane.publish({"id": "gold", "condition": GOLD}, 102, kind="segment")
    for now in range(103, 118):
        lane.slice = 0 if now % 3 else 4  # in some rounds it is the turn of another lane
        lane.round(now)
    settle(lane, 200)
    assert numbers(told(lane)[number]) == (20, 15, 0)
    replay = Replay(0, SimpleNamespace(body=lane.body))
    for entry, taken in zip(lane.journals, lane.taken, strict=True):
        replay.step(entry, taken)
    assert (replay.result.mismatches, replay.result.first, replay.result.rounds) == (0, "", len(lane.journals))
    lane.disk.close()
