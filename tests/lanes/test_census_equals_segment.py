"""A census says of a condition what the segment says that is published with it right after, whoever the customers are
and whatever they did (A10, R35, R58)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from laudstream import topics
from tests.lanes.kit import LaneKit, key, waiting
from tests.lanes.test_backfill import members, settle, stored
from tests.lanes.test_census_sweep import crash, numbers, order, told

WHO = ("ann", "bob", "cleo", "dora")
HOUR = 3_600_000
PAID = {"event": {"name": "purchase", "where": {"event.total": {"at_least": 10}}}}
BASE = {"id": "base", "condition": {"customer.plan": {"equals": "gold"}}}
OTHER = {"id": "base", "condition": PAID}

_pick = st.sampled_from
RUN = {"journey": "wait-for-payment"}
_leaf = _pick(
    [
        BASE["condition"], PAID, {"customer.id": {"in": ["ann", "dora"]}}, {"customer.when": {"within_last": "P10D"}},
        {"customer.plan": {"equals": "gold", "held_for": "PT5H"}}, {"customer.plan": {"changed_within": "PT9H"}},
        {"consent": {"channel": "email", "is": ["subscribed", "unknown"]}},
        {"bucket": {"salt": "s", "from": 0, "to": 50}}, {"message": {"is": "sent"}},
        {"segment": "base"}, {"segment": "base@1"}, {"segment": "base@2"}, {"segment": "nested@1"},
        {"segment": {"in": "base", "held_for": "PT3H"}},
        *({"run": {**RUN, **asked}} for asked in (
            {"is": "active"}, {"was": "entered", "at_least": 2}, {"was": "entered", "within": "PT10H"},
            {"was": "completed"},
        )),
        *({"event": {"name": name, **asked}} for name, asked in (
            ("purchase", {"at_least": 2}), ("purchase", {"at_least": 2, "within": "PT8H"}),
            ("purchase", {"at_least": 3, "within": "PT12H"}), ("purchase", {"keyed": "total", "at_least": 2}),
            ("purchase", {"last": {"event.total": {"at_least": 10}}, "within": "PT12H"}),
            ("purchase", {"first": {"event.total": {"less_than": 10}}}), ("purchase", {"since": "1971-02-05"}),
            ("paid", {"exactly": 0, "within": "P1D"}), ("paid", {"at_most": 1}), ("never", {}),
        )),
    ]
)  # fmt: skip
CONDITIONS = st.recursive(
    _leaf,
    lambda inner: st.builds(
        lambda node, items: {node: items}, _pick(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
NESTED = [{"segment": "base@1"}, {"any": [{"segment": "base@2"}, {"event": {"name": "paid"}}]}, {"none": [PAID]}]

_happens = st.tuples(
    _pick(["purchase", "purchase", "paid", "row", "consent", "delete"]), _pick(WHO), st.integers(8, 12)
)
_step = st.one_of(_happens, _happens, _pick(["base", "other", "gone", "nested", "journey", "census", "crash", "round"]))


def row(lane: LaneKit, who: str, at: int, born: int, deleted: str, attributes: dict[str, Any]) -> None:
    record = {"__table": "customers", "__deleted": deleted, "born": 1 + born, "revision": at, "created_ms": at}
    lane.put(
        topics.ROWS, at, key(who), json.dumps({**record, "writes": 0, "attributes": json.dumps(attributes)}).encode()
    )


def _happen(lane: LaneKit, what: str, who: str, n: int, at: int, born: Counter[str]) -> None:
    """`born`: who -> how often."""
    if what == "row":
        attributes = {"plan": ("gold", "free")[n % 2], "when": f"1971-02-{n:02}", "timezone": "Europe/Berlin"}
        row(lane, who, at, born[who], "false", attributes)
    elif what == "consent":
        record = {"channel": "email", "subscription": "", "status": ("subscribed", "unsubscribed")[n % 2]}
        head = {"__table": "consents", "__deleted": "false", "revision": at}
        lane.put(topics.ROWS, at, key(who), json.dumps({**head, **record}).encode())
    elif what == "delete":
        row(lane, who, at, born[who], "true", {})
        born[who] += 1
    else:
        lane.event(who, what, at, total=n)


def _define(lane: LaneKit, what: str, at: int, versions: dict[str, int], nested: Any) -> None:
    """What names another segment comes after it, and keeps it from being deleted; a publish sees to that."""
    if (what == "nested" and versions.get("base", 0) < 2) or (what == "gone" and "nested" in versions):
        return
    kind, body = {
        "base": ("segment", BASE), "other": ("segment", OTHER), "gone": ("segment", BASE),
        "nested": ("segment", {"id": "nested", "condition": nested}), "journey": ("journey", waiting()),
    }[what]  # fmt: skip
    id = str(body["id"])
    if what == "gone" and versions.get(id):
        lane.control(kind, id, "deleted", at, versions[id])
    elif what != "gone":
        versions[id] = versions.get(id, 0) + 1
        lane.publish(body, at, kind, versions[id])


@given(CONDITIONS, st.lists(_step, max_size=40), st.integers(1, 5), _pick(NESTED))
def test_a_census_says_what_the_segment_says_that_is_published_then(
    condition: dict[str, Any], steps: list[Any], size: int, nested: dict[str, Any]
) -> None:
    lane, at = LaneKit(), 400 * 24 * HOUR
    lane.slice = size
    versions: dict[str, int] = {}
    born: Counter[str] = Counter()
    for who in WHO[:3]:
        row(lane, who, at, 0, "false", {"plan": "gold"})
    for step in steps:
        at += HOUR + 1
        if isinstance(step, tuple):
            _happen(lane, *step, at, born)
        elif step == "crash":
            crash(lane)
        elif step == "census":
            order(lane, condition, at)
        elif step != "round":
            _define(lane, step, at, versions, nested)
        if step == "round" or at % 2:
            lane.round(at + 1)
    settle(lane, at + 2)
    at += HOUR // 2
    number = order(lane, condition, at)
    settle(lane, at + 1)
    lane.publish({"id": "same", "condition": condition}, at + 2, kind="segment")
    settle(lane, at + 3)
    there = members(lane, "same")
    said = told(lane)[number]
    known = [who for who in WHO if (one := stored(lane, who)).core.row.born or one.core.writes]
    assert numbers(said) == (len(known), len(there), 0)
    assert {each["id"] for each in said["sample"]} == there
    assert len(said["sample"]) == len(there)


def asked(lane: LaneKit, condition: dict[str, Any], at: int) -> set[str]:
    """Who matches, by a census and by a segment that is published then."""
    number = order(lane, condition, at)
    settle(lane, at + 1)
    found = {each["id"] for each in told(lane)[number]["sample"]}
    lane.publish({"id": f"s{number}", "condition": condition}, at + 2, kind="segment")
    settle(lane, at + 3)
    assert members(lane, f"s{number}") == found
    return found


def bought(lane: LaneKit, often: dict[str, int], at: int) -> None:
    for who, n in often.items():
        row(lane, who, at, 0, "false", {"plan": "gold"})
        for k in range(n):
            lane.event(who, "purchase", at + 1 + k, total=10)
    lane.round(at + 20)


def test_a_question_that_needs_more_instants_than_are_kept_gets_them_from_the_past() -> None:
    lane = LaneKit()
    twice = {"event": {"name": "purchase", "at_least": 2, "within": "PT8H"}}
    lane.publish({"id": "twice", "condition": twice}, 1, "segment")
    bought(lane, {"ann": 3, "bob": 2}, HOUR)
    assert asked(lane, {"event": {"name": "purchase", "at_least": 3, "within": "PT8H"}}, 2 * HOUR) == {"ann"}


def test_runs_that_were_entered_are_known_though_nobody_asked() -> None:
    lane = LaneKit()
    lane.publish(waiting(timeout="PT1S"), 1)
    bought(lane, {"ann": 1, "bob": 0}, HOUR)
    assert asked(lane, {"run": {**RUN, "was": "entered", "within": "PT8H"}}, 2 * HOUR) == {"ann"}
    assert asked(lane, {"run": {**RUN, "was": "entered", "within": "PT8H"}}, 20 * HOUR) == set()


def test_a_pinned_version_that_names_another_one_is_judged_after_it() -> None:
    lane = LaneKit()
    lane.publish({"id": "z", "condition": PAID}, 1, "segment", 1)
    lane.publish({"id": "a", "condition": {"none": [{"segment": "z@1"}]}}, 2, "segment", 1)
    for id in "az":
        lane.publish({"id": id, "condition": BASE["condition"]}, 3, "segment", 2)
    bought(lane, {"ann": 1, "bob": 0}, HOUR)
    assert asked(lane, {"segment": "a@1"}, 2 * HOUR) == {"bob"}
    assert asked(lane, {"segment": "z@1"}, 3 * HOUR) == {"ann"}


def test_r58_the_past_goes_back_as_far_as_the_workspace_keeps_it() -> None:
    lane = LaneKit()
    bought(lane, {"ann": 1}, HOUR)
    bought(lane, {"bob": 1}, 50 * 24 * HOUR)
    assert asked(lane, {"event": {"name": "purchase"}}, 100 * 24 * HOUR) == {"bob"}


def test_who_was_not_looked_at_yet_for_a_new_segment_is_looked_at_first() -> None:
    lane = LaneKit()
    lane.slice = 1
    bought(lane, dict.fromkeys(WHO, 0), HOUR)
    number = order(lane, {"segment": "base"}, 2 * HOUR)
    lane.round(2 * HOUR + 1)
    lane.round(2 * HOUR + 2)
    lane.publish(BASE, 2 * HOUR + 3, "segment")
    lane.round(2 * HOUR + 4)
    assert members(lane, "base") == {"cleo"}
    settle(lane, 2 * HOUR + 5)
    assert numbers(told(lane)[number]) == (4, 2, 0)
