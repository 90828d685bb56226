"""What decisions, deliveries and writes come to, as rows (A19, A22, A23)."""

from __future__ import annotations

import json
from functools import reduce
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.projection import changes, fold
from agents.projection.counters import REQUESTED
from agents.projection.rows import ConsentRow, MemberRow, SeenRow, WriteRow
from laudstream.errors import Undecodable
from laudstream.journey.decision import Decision
from laudstream.journey.write import Write
from laudstream.messages.delivery import KINDS, Delivery

WORKSPACE = "testshop"
RAW = msgspec.Raw(b"{}")


def decision(n: int, kind: str, **fields: Any) -> Decision:
    given_ = {"journey": "cart", "version": 1, "run": "run-1", "at": 1000 + n, "clock": 2000 + n, **fields}
    return Decision(f"{n:032x}", kind, WORKSPACE, given_.pop("customer", "ann"), n=n, **given_)


def delivery(kind: str, at: int, send: str = "send-1", reason: str = "") -> Delivery:
    return Delivery(
        f"{send}/{kind}/{at}", send, WORKSPACE, "ann", kind, at, "email", "marketing", "cart", 1, "run-1", "mail", 1, 1,
        "reminder", 3, reason,
    )  # fmt: skip


def folded(*taken: Decision) -> fold.Decided:
    return fold.decisions((d, RAW) for d in taken)


def counters(rows: fold.Decided) -> dict[tuple[str, str], int]:
    return {(step, counter): amount for (_, _, _, step, counter), amount in rows.counts.items()}


STORY = (
    decision(1, "entered", to="arms"),
    decision(2, "moved", step="arms", to="mail", branch="plain", data={"experiment": "cart/arms"}),
    decision(3, "message", step="mail", data={"send_id": "send-1", "template": "reminder", "template_version": 3}),
    decision(4, "moved", step="mail", to="bye", branch="sent"),
    decision(5, "ended", step="bye", outcome="asked"),
)


def test_a_run_that_went_through_is_counted_at_each_step_it_came_to_and_left() -> None:
    assert counters(folded(*STORY)) == {
        ("", "entered"): 1,
        ("arms", "arrived"): 1,
        ("arms", "left:plain"): 1,
        ("mail", "arrived"): 1,
        ("mail", "requested"): 1,
        ("mail", "left:sent"): 1,
        ("bye", "arrived"): 1,
        ("bye", "ended:asked"): 1,
        ("", "ended:asked"): 1,
    }


def test_a_run_ends_where_its_last_decision_left_it_with_the_arms_it_passed() -> None:
    (run,) = folded(*STORY).runs.values()
    assert (run.step, run.outcome, run.reason, run.arms) == ("bye", "asked", None, {"arms": "plain"})
    assert (run.entered_at, run.moved_at, run.ended_at, run.last_n) == (1001, 1005, 1005, 5)


def test_a_step_that_adds_to_a_segment_named_experiment_is_none() -> None:
    (run,) = folded(decision(1, "moved", step="mark", branch="next", data={"experiment": True})).runs.values()
    assert run.arms == {}


def test_what_happens_to_a_run_after_its_end_does_not_open_it_again() -> None:
    (run,) = folded(*STORY, decision(6, "goal"), decision(7, "delivery", step="mail")).runs.values()
    assert (run.ended_at, run.last_n) == (1005, 5)


def test_a_parked_run_stays_open_where_it_is_and_says_why() -> None:
    rows = folded(STORY[0], decision(2, "failed", step="arms", reason="failed"))
    (run,) = rows.runs.values()
    assert (run.step, run.ended_at, run.reason) == ("arms", None, "failed")
    assert counters(rows)["arms", "parked"] == counters(rows)["", "parked"] == 1


def test_of_a_deleted_customer_only_counters_remain_and_what_a_new_life_brings() -> None:
    deleted = decision(4, "ended", step="mail", reason="deleted")
    rows = folded(*STORY[:3], decision(1, "entered", customer="bob", run="run-2", to="arms"), deleted)
    assert rows.gone == {(WORKSPACE, "ann")}
    assert {row.customer_id for row in (*rows.timeline, *rows.runs.values(), *rows.messages.values())} == {"bob"}
    assert counters(rows)["mail", "ended:deleted"] == counters(rows)["mail", "requested"] == 1
    again = folded(*STORY[:3], deleted, decision(5, "entered", run="run-3", to="arms"))
    assert [row.run_id for row in again.timeline] == [run.run_id for run in again.runs.values()] == ["run-3"]


def test_r15_who_had_no_run_when_deleted_is_gone_from_what_is_shown_too() -> None:
    deleted = decision(6, "deleted", run="", journey="", version=0)
    fold.check_decision(deleted)
    rows = folded(*STORY, deleted, decision(7, "entered", run="run-3", to="arms"))
    assert rows.gone == {(WORKSPACE, "ann")}
    assert ([row.n for row in rows.timeline], list(rows.runs), rows.messages) == ([7], [(WORKSPACE, "run-3")], {})
    assert counters(rows) == {**counters(folded(*STORY)), ("arms", "arrived"): 2, ("", "entered"): 2}


def test_r48_a_run_that_went_to_another_version_is_counted_out_of_the_old_one_and_into_the_new_one() -> None:
    moved = decision(3, "migrated", version=2, step="mail", to="again", data={"of": 1, "migration": 1})
    rows = folded(*STORY[:2], moved)
    (run,) = rows.runs.values()
    assert (run.version, run.step, run.ended_at, run.arms) == (2, "again", None, {"arms": "plain"})
    found = {(version, step, counter): n for (_, _, version, step, counter), n in rows.counts.items()}
    assert {key: found[key] for key in found if key not in counters_of(STORY[:2])} == {
        (1, "", "moved_out"): 1, (1, "mail", "left:migrated"): 1, (2, "", "moved_in"): 1, (2, "again", "arrived"): 1,
    }  # fmt: skip
    with pytest.raises(Undecodable):
        fold.check_decision(decision(3, "migrated", data={}))


def counters_of(taken: tuple[Decision, ...]) -> set[tuple[int, str, str]]:
    return {(version, step, counter) for _, _, version, step, counter in folded(*taken).counts}


def test_r48_what_a_lane_counted_is_a_row_and_no_line_of_a_timeline() -> None:
    data = {"seq": 7, "partition": 3, "cells": [[1, "look", False, 4, 3]]}
    told = decision(0, "counted", customer="", run="", version=0, data=data)
    fold.check_decision(told)
    rows = folded(told, told)
    ((key, row),) = rows.presence.items()
    assert (key, row.journey_id, bytes(row.cells)) == ((7, 3), "cart", b'[[1,"look",false,4,3]]')
    assert (rows.timeline, rows.counts, rows.runs) == ([], {}, {})


CENSUS = {
    "seq": 7, "partition": 3, "census": "c", "looked_at": 9, "matching": 4, "failed": 1, "unseen": ["message:sent"],
    "sample": [{"mark": "00ff", "id": "ann", "looked_at": {"customer.plan": "gold"}}],
}  # fmt: skip


def test_a10_what_a_lane_counted_of_a_condition_is_a_row_and_no_line_of_a_timeline() -> None:
    told = decision(0, "counted", customer="", journey="", run="", version=0, data=CENSUS)
    fold.check_decision(told)
    rows = folded(told, told)
    ((key, row),) = rows.censuses.items()
    assert (key, row[3:6], json.loads(bytes(row.unseen))) == ((7, 3), (9, 4, 1), ["message:sent"])
    assert json.loads(bytes(row.sample)) == CENSUS["sample"]
    assert (rows.timeline, rows.counts, rows.presence) == ([], {}, {})


@pytest.mark.parametrize("data", [{"census": "c"}, {**CENSUS, "sample": [1]}])
def test_a10_a_census_that_says_nothing_is_undecodable(data: dict[str, Any]) -> None:
    with pytest.raises(Undecodable):
        fold.check_decision(decision(0, "counted", data=data))


@pytest.mark.parametrize("data", [{}, {"seq": 7, "partition": 3}, {"seq": 7, "partition": 3, "cells": [["x"]]}])
def test_a_count_that_says_nothing_is_undecodable(data: dict[str, Any]) -> None:
    with pytest.raises(Undecodable):
        fold.check_decision(decision(0, "counted", data=data))


def test_an_entry_that_failed_makes_no_run() -> None:
    rows = folded(decision(1, "failed", run="", reason="failed"))
    assert not rows.runs
    assert counters(rows) == {("", "parked"): 1}


def test_a_requested_message_is_a_row_and_a_refused_or_deferred_one_is_a_counter() -> None:
    rows = folded(
        STORY[2],
        decision(4, "message", step="mail", reason="no_address", data={"gates": {}}),
        decision(5, "message", step="mail", reason="quiet_hours", data={"deferred_until": 9}),
    )
    (message,) = rows.messages.values()
    assert (message.status, message.template_id, message.template_version) == ("requested", "reminder", 3)
    assert (message.requested_at, message.kinds) == (2003, 0)
    assert counters(rows) == {
        ("mail", "requested"): 1,
        ("mail", "refused:no_address"): 1,
        ("mail", "deferred:quiet_hours"): 1,
    }


def test_refused_entries_are_counted_by_reason() -> None:
    rows = folded(decision(1, "not_entered", run="", reason="already_in"))
    assert counters(rows) == {("", "not_entered:already_in"): 1}
    assert not rows.runs


def test_of_the_lanes_the_greatest_control_seq_counts_and_no_timeline_gets_it() -> None:
    rows = folded(*(decision(0, "control", customer="", data={"partition": 3, "seq": seq}) for seq in (2, 5, 4)))
    assert (rows.lanes, rows.timeline, rows.counts) == ({3: 5}, [], {})


@pytest.mark.parametrize("bad", [decision(1, "guessed"), decision(0, "control", data={"partition": "3", "seq": 1})])
def test_a_decision_that_cannot_be_placed_is_undecodable(bad: Decision) -> None:
    with pytest.raises(Undecodable):
        fold.check_decision(bad)


def test_every_kind_of_delivery_has_a_rank_and_a_bit_of_its_own() -> None:
    assert set(fold.RANK) == {REQUESTED, *KINDS}
    assert len(set(fold.RANK.values())) == len(fold.RANK)
    assert sum(fold.BIT.values()) == (1 << len(KINDS)) - 1


def test_a_repeated_delivery_is_one_mark_and_the_greatest_rank_is_the_status() -> None:
    rows = fold.deliveries(
        [delivery("clicked", 30), delivery("sent", 10), delivery("sent", 10), delivery("opened", 20)]
    )
    (message,) = rows.messages.values()
    assert (message.status, message.status_at, message.sent_at) == ("clicked", 30, 10)
    assert sorted(mark.counter for mark in rows.marks.values()) == ["clicked", "opened", "sent"]


def test_a_refused_delivery_counts_under_its_reason() -> None:
    (mark,) = fold.deliveries([delivery("refused", 5, reason="expired")]).marks.values()
    assert mark.counter == "refused:expired"


def test_a_write_is_one_row_an_attribute_and_a_first_sight_one_without_a_name() -> None:
    made = changes.writes(
        [
            Write(WORKSPACE, "ann", 1, "first_sight", 10),
            Write(WORKSPACE, "ann", 2, "set", 11, {"city": "Bern", "gone": None}),
            Write(WORKSPACE, "ann", 3, "unset", 12, names=["city"], born=7),
            Write(WORKSPACE, "ann", 4, "increment", 13, {"n": 2.5}),
        ]
    )
    assert made.seen == [SeenRow(WORKSPACE, "ann", 1, 10)]
    assert made.writes == [
        WriteRow(WORKSPACE, "ann", 1, 0, None, None),
        WriteRow(WORKSPACE, "ann", 2, 0, "city", msgspec.Raw(b'"Bern"')),
        WriteRow(WORKSPACE, "ann", 2, 0, "gone", msgspec.Raw(b"null")),
        WriteRow(WORKSPACE, "ann", 3, 7, "city", None),
        WriteRow(WORKSPACE, "ann", 4, 0, "n", msgspec.Raw(b"2.5"), True),
    ]


def test_consents_and_members_are_rows_of_their_own_and_raise_the_number() -> None:
    made = changes.writes(
        [
            Write(WORKSPACE, "ann", 1, "consent", 10, {"email/": "unsubscribed", "sms/news": "subscribed"}, born=7),
            Write(WORKSPACE, "ann", 2, "member", 11, {"vip": True}),
        ]
    )
    assert made.consents == [
        ConsentRow(WORKSPACE, "ann", 1, 7, "email", "", "unsubscribed"),
        ConsentRow(WORKSPACE, "ann", 1, 7, "sms", "news", "subscribed"),
    ]
    assert made.members == [MemberRow(WORKSPACE, "ann", 2, 0, "vip", True)]
    assert made.writes == [
        WriteRow(WORKSPACE, "ann", 1, 7, None, None),
        WriteRow(WORKSPACE, "ann", 2, 0, None, None),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        Write(WORKSPACE, "ann", 1, "drop", 1),
        Write(WORKSPACE, "ann", 0, "set", 1),
        Write(WORKSPACE, "ann", 1, "increment", 1, {"n": "one"}),
        Write(WORKSPACE, "ann", 1, "consent", 1, {"email": "subscribed"}),
        Write(WORKSPACE, "ann", 1, "consent", 1, {"email/": "perhaps"}),
        Write(WORKSPACE, "ann", 1, "member", 1, {"vip": 1}),
    ],
)
def test_a_write_that_nobody_can_carry_out_is_undecodable(bad: Write) -> None:
    with pytest.raises(Undecodable):
        changes.check_write(bad)


@st.composite
def logs(draw: st.DrawFn) -> list[Decision]:
    """Decisions of two customers with two runs each, numbered as a lane numbers them; an arm is kept (R45)."""
    numbers = {"ann": 0, "bob": 0}
    log = []
    for _ in range(draw(st.integers(0, 40))):
        customer = draw(st.sampled_from(sorted(numbers)))
        n = numbers[customer] = numbers[customer] + 1
        kinds = [
            "entered",
            "moved",
            "moved",
            "migrated",
            "message",
            "ended",
            "failed",
            "goal",
            "not_entered",
            "segment",
        ]
        kind = draw(st.sampled_from([*kinds, "segment"]))
        step = draw(st.sampled_from("xyz"))
        data: dict[str, Any] = {"experiment": step} if draw(st.booleans()) else {}
        if kind == "message":
            data = {"send_id": f"{customer}-{n}"}
        if kind == "migrated":
            data = {"of": 1, "migration": 1}
        if kind == "segment":
            data = {"segment": step, "change": draw(st.sampled_from(["entered", "left"]))}
        log.append(
            decision(
                n, kind, customer=customer, run=f"{customer}-{draw(st.sampled_from('12'))}", step=step,
                to=draw(st.sampled_from("xyz")) if kind in ("entered", "moved", "migrated") else "",
                version=2 if kind == "migrated" else 1, branch=f"arm-{step}",
                reason="" if kind != "failed" else "failed", data=data,
            )
        )  # fmt: skip
    return log


def together(a: fold.Decided, b: fold.Decided) -> fold.Decided:
    runs, messages, counts, segments = dict(a.runs), dict(a.messages), dict(a.counts), dict(a.segments)
    for place, row in b.segments.items():
        segments[place] = fold.merged_segment(segments[place], row) if place in segments else row
    for key, run in b.runs.items():
        runs[key] = fold.merged_run(runs[key], run) if key in runs else run
    for key, message in b.messages.items():
        messages[key] = fold.merged_message(messages[key], message) if key in messages else message
    for counter, amount in b.counts.items():
        counts[counter] = counts.get(counter, 0) + amount
    timeline = sorted(a.timeline + b.timeline, key=lambda row: row[:5])
    return fold.Decided(timeline, runs, messages, counts, segments=segments)


@given(logs(), st.lists(st.integers(0, 40)), st.randoms(use_true_random=False))
def test_any_split_of_a_log_merged_in_any_order_gives_the_rows_of_the_whole(
    log: list[Decision], cuts: list[int], order: Random
) -> None:
    edges = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
    parts = [folded(*log[a:b]) for a, b in pairwise(edges)]
    order.shuffle(parts)
    assert reduce(together, parts, fold.Decided()) == together(folded(*log), fold.Decided())


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 5), st.sampled_from("ab"))), st.randoms())
def test_deliveries_come_to_the_same_in_any_order_and_however_often_repeated(
    told: list[tuple[str, int, str]], order: Random
) -> None:
    log = [delivery(kind, at, send) for kind, at, send in told]
    again = log + [d for d in log if order.random() < 0.5]
    order.shuffle(again)
    assert fold.deliveries(again).messages == fold.deliveries(log).messages
    assert set(fold.deliveries(again).marks) == set(fold.deliveries(log).marks)
