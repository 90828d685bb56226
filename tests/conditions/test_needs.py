"""What a condition needs decides what is counted, and what is asked anew when an input, time or a zone changes; what it
has looked at is small (R3, R31, R59)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.conditions import Condition, Scope, read
from laudstream.journey.reader import Reader

DAY = "P1D"
LAST = {"name": "buy", "last": {"event.n": {"equals": 1}}}
PRO = {"equals": "pro"}


def compiled(condition: dict[str, Any]) -> Condition:
    reader = Reader()
    made = read(reader, condition, "", ("customer",))
    assert reader.problems == []
    return made


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        ({"customer.id": {"equals": "ann"}}, ""),
        ({"customer.plan": PRO}, "attribute plan"),
        ({"customer.home.city": {"exists": True}}, "attribute home"),
        ({"customer.at": {"on": "2026-01-01"}}, "attribute at, zone"),
        ({"customer.at": {"before": "2026-01-01"}}, "attribute at, zone"),
        ({"customer.at": {"within_last": DAY}}, "attribute at, time, zone"),
        ({"customer.at": {"within_next": DAY}}, "attribute at, time, zone"),
        ({"customer.at": {"anniversary": "today"}}, "attribute at, time, zone"),
        ({"customer.plan": {"changed_within": DAY}}, "attribute plan, tracker plan, time, zone"),
        ({"customer.plan": {**PRO, "held_for": DAY}}, "attribute plan, tracker plan holds, time, zone"),
        ({"segment": "vip"}, "segment vip"),
        ({"segment": {"in": "vip", "held_for": DAY}}, "segment vip, time, zone"),
        ({"consent": {"channel": "email", "is": "subscribed"}}, "consent email/"),
        ({"consent": {"channel": "email", "subscription": "news", "is": "unknown"}}, "consent email/news"),
        ({"bucket": {"salt": "x", "from": 0, "to": 50}}, ""),
        ({"event": {"name": "buy"}}, "event buy"),
        ({"event": {"name": "buy", "within": DAY}}, "event buy, time, zone"),
        ({"event": {"name": "buy", "since": "2026-01-01T00:00:00Z"}}, "event buy"),
        ({"event": {"name": "buy", "since": "2026-01-01"}}, "event buy, zone"),
        ({"event": LAST}, "event buy"),
        ({"event": {**LAST, "within": DAY}}, "event buy, time, zone"),
        ({"event": {**LAST, "since": "2026-01-01"}}, "event buy, zone"),
        ({"run": {"journey": "j", "is": "active"}}, "journey j"),
        ({"run": {"journey": "j", "was": "entered"}}, "run entered"),
        ({"run": {"journey": "j", "was": "completed", "within": DAY}}, "run completed, time, zone"),
        ({"message": {"is": "sent"}}, "message sent"),
        ({"message": {"is": "opened", "within": DAY}}, "message opened, time, zone"),
        ({"all": [{"customer.plan": PRO}, {"any": [{"segment": "vip"}]}]}, "attribute plan, segment vip"),
        ({"none": [{"customer.at": {"within_last": DAY}}]}, "attribute at, time, zone"),
    ],
)
def test_r3_r31_what_a_condition_needs(condition: dict[str, Any], needs: str) -> None:
    found = compiled(condition).needs
    trackers = [f"tracker {each.attribute}{' holds' if each.holds else ''}" for each in found.trackers]
    said = [
        *(f"attribute {name}" for name in sorted(found.attributes)),
        *(f"segment {name}" for name in found.segments),
        *(f"consent {name}" for name in found.consents),
        *(f"journey {name}" for name in found.journeys),
        *(f"{each.kind} {each.name}" for each in found.queries),
        *trackers,
        *(["time"] if found.timed else []),
        *(["zone"] if found.zoned else []),
    ]
    assert ", ".join(said) == needs
    assert found.stateful is any(not word.startswith(("attribute", "time", "zone")) for word in said)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200),
        ([1, 2, 3], "list of 3"),
        ({}, "dict of 0"),
        ({"a": 1, "b": 2}, "dict of 2"),
        ({"count": 1, "a": 2, "b": 3, "c": 4}, "dict of 4"),
        (17, 17),
        (None, None),
    ],
)
def test_r59_what_was_looked_at_is_shown_small(value: Any, shown: Any) -> None:
    made = compiled({"customer.x": {"exists": True}})
    assert made.looked_at(Scope("ann", {"x": value}, {})) == {"customer.x": shown}
