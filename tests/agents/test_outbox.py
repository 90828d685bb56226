"""Which orders of the outbox go out, and as what (A9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents import outbox
from agents.outbox import MAX_BODY_BYTES, Order, review
from laudstream.journey.control import LEVEL
from laudstream.messages import template
from laudstream.records import codec
from laudstream.records import head as heads

WORKSPACE = "testshop"
JOURNEY = {
    "id": "cart",
    "entry": [{"event": {"name": "cart_updated"}}],
    "start": "done",
    "steps": {"done": {"exit": {"outcome": "asked"}}},
}
TEMPLATE = {"channel": "email", "subject": "Hi {{ customer.name }}", "html": "<p>{{ customer.city | default: '' }}</p>"}


def order(at: int, body: Any = None, *, known: bool | None = None, workspace: str = WORKSPACE, **fields: Any) -> Order:
    values = {"kind": "journey", "id": "cart", "version": 1, "status": "live", "control_seq": None, **fields}
    return Order(
        at, workspace, values["kind"], values["id"], values["version"], values["status"], body, 1_000,
        values["control_seq"], body is not None if known is None else known,
    )  # fmt: skip


def test_orders_go_out_in_the_order_of_the_outbox() -> None:
    orders = [order(4, TEMPLATE, kind="template", id="mail"), order(5, JOURNEY), order(7, status="paused", known=True)]
    assert review(orders) == ([4, 5, 7], {})


def test_a_body_that_does_not_compile_is_refused_with_place_and_reason() -> None:
    accepted, refused = review(
        [order(1, {**JOURNEY, "start": "nowhere"}), order(2, {"channel": "fax"}, kind="template")]
    )
    assert accepted == []
    assert "/start" in refused[1]
    assert "/channel" in refused[2]


def test_a_status_of_a_version_that_was_refused_is_refused_too() -> None:
    """Lanes would wait for its body for ever."""
    accepted, refused = review(
        [order(1, {**JOURNEY, "start": "nowhere"}), order(2, status="paused"), order(3, JOURNEY)]
    )
    assert (accepted, sorted(refused)) == ([3], [1, 2])
    assert "never published" in refused[2]


def test_a_status_that_follows_its_body_in_the_same_reading_goes_out() -> None:
    assert review([order(1, JOURNEY), order(2, status="paused", known=False)]).accepted == [1, 2]


def test_a_body_for_another_id_too_large_or_of_an_unknown_kind_is_refused() -> None:
    large = {**TEMPLATE, "text": "x" * (MAX_BODY_BYTES // 2), "html": "x" * MAX_BODY_BYTES}
    orders = [order(1, JOURNEY, id="other"), order(2, large, kind="template"), order(3, JOURNEY, kind="signal")]
    assert sorted(review(orders).refused) == [1, 2, 3]


def test_a_segment_goes_out_under_its_own_id() -> None:
    body = {"id": "vip", "condition": {"customer.plan": {"equals": "gold"}}}
    orders = [order(1, body, kind="segment", id="vip"), order(2, body, kind="segment", id="other")]
    accepted, refused = review([*orders, order(3, {"id": "vip"}, kind="segment", id="vip")])
    assert accepted == [1]
    assert "'vip'" in refused[2]
    assert "manual" in refused[3]


def test_a_body_that_breaks_the_compiler_is_refused_and_stops_nobody() -> None:
    deep: Any = "x"
    for _ in range(20_000):
        deep = [deep]
    body = {**JOURNEY, "entry": [{"event": {"name": "a"}, "where": {"customer.a": {"equals": deep}}}]}
    accepted, refused = review([order(1, body), order(2, JOURNEY)])
    assert (accepted, list(refused)) == ([2], [1])


def test_a_published_template_says_what_it_reads_and_still_compiles() -> None:
    body = json.loads(outbox.definition(order(1, TEMPLATE, kind="template", id="mail")))
    assert body["requires"] == ["customer.name"]
    assert body["reads"] == ["customer.city", "customer.name"]
    assert template.compile(body).requires == ("customer.name",)


def test_a_control_record_carries_the_number_and_what_was_ordered() -> None:
    record = codec.control(outbox.control(order(1, JOURNEY, control_seq=9, status="paused", version=2)))
    assert (record.seq, record.workspace, record.kind, record.id) == (9, WORKSPACE, "journey", "cart")
    assert (record.version, record.status, record.at) == (2, "paused", 1_000)


def test_r48_a_trial_carries_its_share_and_a_count_has_no_body() -> None:
    trial = codec.control(outbox.control(order(1, control_seq=9, status="trial", version=2)._replace(share=1_250)))
    assert (trial.status, trial.version, trial.share) == ("trial", 2, 1_250)
    assert b"share" not in outbox.control(order(1, control_seq=9))
    assert review([order(1, kind="count", known=False)]).accepted == [1]


def test_r48_a_map_that_nobody_could_follow_is_refused() -> None:
    good = {"to": 2, "steps": {"look": "again", "rest": "exit"}}
    orders = [order(1, good, kind="migration"), order(2, {"to": 0, "steps": {}}, kind="migration", version=2)]
    orders.append(order(3, {"to": 1, "steps": {"look": 3}}, kind="migration", version=3))
    accepted, refused = review(orders)
    assert (accepted, sorted(refused)) == ([1], [2, 3])
    assert ("/to" in refused[2], "/steps/look" in refused[3]) == (True, True)
    assert json.loads(outbox.definition(orders[0])) == good


def test_a_number_of_all_lanes_goes_out_if_this_release_knows_it_a14(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "CORE_LEVEL", 2)
    good = order(1, kind=LEVEL, id="core_level", version=2, workspace="", known=False)
    wrong = [
        order(2, kind=LEVEL, id="core_level", version=3, workspace=""),
        order(3, kind=LEVEL, id="core_level", version=0, workspace=""),
        order(4, kind=LEVEL, id="colour", version=1, workspace=""),
        order(5, kind=LEVEL, id="core_level", version=2),
    ]
    accepted, refused = review([good, *wrong])
    assert (accepted, sorted(refused)) == ([1], [2, 3, 4, 5])
    assert "core_level 3: the control agent is of a release that knows level 2, format" in refused[2]
    record = codec.control(outbox.control(good._replace(control_seq=8)))
    assert (record.seq, record.workspace, record.kind, record.id, record.version) == (8, "", LEVEL, "core_level", 2)
