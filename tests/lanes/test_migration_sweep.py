"""A migration reaches everyone once, beside events and over restarts; a count says before what it will do (R48)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.lanes import round as rounds
from agents.lanes.sweep import Sweep, decode_sweeps, encode_sweeps
from laudstream.journey import migration
from laudstream.journey.presence import Cell, summed
from tests.lanes.kit import WORKSPACE, LaneKit, waiting

CUSTOMERS = [f"c{n:02}" for n in range(23)]
MOVES = {"look": "again"}
AT = 1_000


def second() -> dict[str, Any]:
    """Version 2: its people wait at another step."""
    body = waiting("PT1H")
    steps = {"again" if name == "look" else name: step for name, step in body["steps"].items()}
    return {**body, "start": "again", "steps": steps}


def peopled(most: int = len(CUSTOMERS)) -> LaneKit:
    lane = LaneKit()
    lane.slice = 4
    lane.publish(waiting("PT1H"), 5)
    for who in CUSTOMERS[:most]:
        lane.event(who, "purchase", 10)
    lane.round(50)
    return lane


def migrate(lane: LaneKit, steps: dict[str, str], at: int = AT, number: int = 1) -> None:
    """The body of version 2, and the map that leads to it, as one publish orders them."""
    body = second()
    lane.publish(body, at, version=2)
    lane.bodies[WORKSPACE, "migration", body["id"], number] = {"to": 2, "steps": steps}
    lane.control("migration", body["id"], "live", at, number)


def count(lane: LaneKit, at: int) -> None:
    lane.control("count", "wait-for-payment", "live", at)


def reopened(lane: LaneKit) -> None:
    lane.cache.clear()
    lane.lane = rounds.read_lane(0, lane.lane.head, lane.store, lane.body)


def finish(lane: LaneKit, now: int) -> int:
    for _ in range(60):
        if not lane.lane.sweeps and not any(lane.logs.values()):
            return now
        now += 1
        lane.round(now)
    raise AssertionError("the sweeps do not end")


def of_kind(lane: LaneKit, kind: str) -> list[Any]:
    return [made for made in lane.decisions() if made.kind == kind]


def cells(lane: LaneKit) -> tuple[Cell, ...]:
    (made,) = of_kind(lane, "counted")
    return summed(Cell(*row) for row in made.data["cells"])


_STEPS = st.one_of(
    st.sampled_from(CUSTOMERS), st.sampled_from(["round", "crash", "buy", "again", "count", "stop and go"])
)


@given(st.lists(_STEPS, max_size=30))
def test_r48_each_run_of_before_is_moved_once_whatever_comes_in_between(steps: list[str]) -> None:
    lane = peopled()
    migrate(lane, MOVES)
    now, fresh = AT + 1, 0
    for step in steps:
        now += 1
        if step == "crash":
            reopened(lane)
        elif step == "buy":
            fresh += 1
            lane.event(f"new{fresh}", "purchase", now)
        elif step == "again":  # another sweep of the workspace starts over
            lane.control("journey", "wait-for-payment", "paused", now, 2)
            lane.control("journey", "wait-for-payment", "live", now, 2)
        elif step == "count":
            count(lane, now)
        elif step != "round":
            lane.event(step, "look", now)
        if step == "round" or now % 3 == 0:
            lane.round(now + 1)
    finish(lane, now)
    assert sorted(made.customer for made in of_kind(lane, "migrated")) == CUSTOMERS
    assert {(made.data["of"], made.step, made.version, made.to) for made in of_kind(lane, "migrated")} == {
        (1, "look", 2, "again")
    }
    assert [made.version for made in of_kind(lane, "entered") if made.customer.startswith("new")] == [2] * fresh


@given(st.sets(st.sampled_from(CUSTOMERS)), st.sampled_from(["again", "paid", "exit", "stay"]), st.booleans())
def test_r48_what_a_count_said_is_what_the_migration_does(paid: set[str], to: str, crash: bool) -> None:
    lane = peopled()
    for who in sorted(paid):
        lane.event(who, "paid", 60)
    lane.round(70)
    count(lane, 80)
    lane.round(90)
    if crash:
        reopened(lane)
    finish(lane, 90)
    found = cells(lane)
    assert found == ((Cell(1, "look", False, 23 - len(paid), 23 - len(paid)),) if len(paid) < 23 else ())
    migrate(lane, {"look": to})
    finish(lane, AT)
    wanted = Counter(
        {(each.step, to): each.runs for each in found if migration.goes({"look": to}, each.step) != "stay"}
    )
    done = Counter((made.step, made.to) for made in of_kind(lane, "migrated"))
    done += Counter((made.step, "exit") for made in of_kind(lane, "ended") if made.reason == "migrated")
    assert done == wanted


def test_r48_a4_inputs_of_a_backlog_come_before_the_migration_that_was_read_first() -> None:
    lane = peopled(0)
    migrate(lane, MOVES)
    for n, who in enumerate(CUSTOMERS):
        lane.event(who, "purchase", 100 + n)  # they stood in the log before it
    lane.round(101, most=5)
    assert (len(lane.lane.sweeps), of_kind(lane, "migrated")) == (1, []), "nobody is swept before its time"
    while any(lane.logs.values()):
        lane.round(lane.lane.head.lane_time, most=5)
    lane.event("late", "purchase", AT)
    finish(lane, AT)
    assert Counter(made.version for made in of_kind(lane, "entered")) == {1: len(CUSTOMERS), 2: 1}
    assert sorted(made.customer for made in of_kind(lane, "migrated")) == CUSTOMERS


def test_a9_the_same_control_record_again_changes_nothing() -> None:
    lane = peopled()
    migrate(lane, MOVES)
    finish(lane, AT)
    lane.seq -= 1
    lane.control("migration", "wait-for-payment", "live", AT + 50, 1)
    lane.event("c00", "look", AT + 60)
    assert lane.round(AT + 70).swept == 0
    assert len(of_kind(lane, "migrated")) == len(CUSTOMERS)


def test_a10_a_count_is_told_once_a_lane_also_where_nobody_is() -> None:
    lane = LaneKit()
    count(lane, 10)
    count(lane, 11)
    finish(lane, 20)
    assert [(made.data["seq"], made.data["cells"]) for made in of_kind(lane, "counted")] == [(1, []), (2, [])]
    assert {made.journey for made in of_kind(lane, "counted")} == {"wait-for-payment"}


def test_a10_a_stop_does_not_take_a_count_away() -> None:
    lane = peopled()
    count(lane, 60)
    lane.round(61)
    lane.control("journey", "wait-for-payment", "stopped", 62)
    finish(lane, 62)
    (found,) = cells(lane)
    assert (found.version, found.step, found.runs) == (1, "look", 4), "whom it had counted before"


def test_a13_a_round_that_is_run_again_gives_the_same_digests() -> None:
    lane = peopled()
    migrate(lane, MOVES)
    count(lane, AT)
    finish(lane, AT)
    again = LaneKit()
    again.bodies = lane.bodies
    for result, taken in zip(lane.results, lane.taken, strict=True):
        clock = result.lane_time
        plan = rounds.Plan(
            [record for records in taken for record in records], result.lane_time, clock, 1000, 1000, result.swept
        )
        twin = again.run(taken, plan)
        assert twin.out.state_digest() == result.out.state_digest()


def test_a13_a_sweep_that_counts_nothing_has_the_bytes_of_the_releases_before() -> None:
    import msgspec

    plain = Sweep(3, WORKSPACE, b"x")
    assert encode_sweeps((plain,)) == msgspec.msgpack.encode([(3, WORKSPACE, b"x", False)])
    counting = Sweep(4, WORKSPACE, b"", counts="j", cells=(Cell(1, "look", False, 2, 1),))
    assert decode_sweeps(encode_sweeps((plain, counting))) == (plain, counting)
