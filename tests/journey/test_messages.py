"""Messages: what a send request carries, gates, refusals, deliveries (R12, R13, R37, R38, R40, R42, A20)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.customers.row import Consent
from laudstream.journey.inputs import RowInput
from tests.journey.mailing import DAY, HOUR, mail

NAMED = {
    "named": {
        "channel": "email",
        "subject": "Hi {{ customer.first_name }}",
        "html": "<p>{{ entry.cds }} {{ customer.plan | default: 'x' }}</p>",
    }
}


def test_r40_a_send_request_carries_all_that_a_delivery_and_the_template_need(world: Any, make: Any) -> None:
    w = world(make({"hi": mail("named")}), templates=NAMED)
    w.row(email="ann@example.org", first_name="Ann", secret="s", plan="pro")
    w.event("go", cds=3, amount=9)
    (sent,) = w.sends()
    assert (sent.to, sent.template, sent.template_version, sent.message_class) == (
        "ann@example.org",
        "named",
        1,
        "marketing",
    )
    assert (sent.step, sent.visit, sent.attempt, sent.on_unknown) == ("hi", 1, 1, "hold")
    assert sent.context == {"customer": {"first_name": "Ann", "plan": "pro"}, "entry": {"cds": 3}}
    assert sent.send_before == w.now + DAY


def test_r40_send_before_is_the_expiry_of_the_step(world: Any, make: Any) -> None:
    w = world(make({"hi": mail(expires_after="PT2H")}))
    w.event("go")
    assert w.sends()[0].send_before == w.now + 2 * HOUR


def test_r37_a_message_that_comes_too_late_is_expired(world: Any, make: Any) -> None:
    w = world(make({"hi": mail(expires_after="PT2H")}))
    w.lag = 2 * HOUR
    w.event("go")
    assert w.decision("message").reason == "expired"
    assert w.sends() == []


def test_r37_the_first_gate_gives_the_reason_and_all_results_are_recorded(world: Any, make: Any) -> None:
    w = world(make({"hi": mail("named", expires_after="PT1H")}), templates=NAMED)
    w.row(first_name="Ann")
    w.consent("unsubscribed")
    w.suppress()
    w.lag = HOUR
    w.event("go")
    made = w.decision("message")
    assert made.reason == "suppressed"
    assert made.data["gates"] == {
        "held_out": "pass", "suppression": "suppressed", "consent": "unsubscribed", "address": "no_address",
        "values": "missing_value", "expired": "expired", "quiet_hours": "pass", "caps": "pass",
        "missing": ["entry.cds"],
    }  # fmt: skip


@pytest.mark.parametrize("address", [None, "", "nobody", "@x", 17])
def test_r37_a_customer_without_an_address_gets_nothing(world: Any, make: Any, address: Any) -> None:
    w = world(make({"hi": mail()}))
    w.row(email=address)
    w.event("go")
    assert w.decision("message").reason == "no_address"


def test_r13_a_message_whose_template_lacks_a_value_is_refused(world: Any, make: Any) -> None:
    w = world(make({"hi": mail("named")}), templates=NAMED)
    w.event("go", cds=1)
    made = w.decision("message")
    assert (made.reason, made.data["gates"]["missing"]) == ("missing_value", ["customer.first_name"])


def test_r48_the_live_template_is_used(world: Any, make: Any) -> None:
    w = world(make({"rest": {"delay": {"for": "PT1H"}, "next": "hi"}, "hi": mail()}))
    w.event("go")
    w.publish(
        {"channel": "email", "subject": "New", "html": "<p>{{ customer.x }}</p>"}, kind="template", id="mail", version=2
    )
    w.row(email="ann@example.org", x=1)
    w.wait(HOUR)
    assert w.sends()[0].template_version == 2


@pytest.mark.parametrize(
    ("status", "reason"),
    [("unsubscribed", "unsubscribed"), ("pending", "pending"), ("subscribed", ""), ("unknown", "")],
)
def test_r44_marketing_needs_consent(world: Any, make: Any, status: str, reason: str) -> None:
    w = world(make({"hi": mail()}))
    w.consent(status)
    w.event("go")
    assert w.decision("message").reason == reason


def test_r12_an_older_consent_changes_nothing(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}))
    w.consent("unsubscribed", revision=50)
    w.consent("subscribed", revision=49)
    w.event("go")
    assert w.decision("message").reason == "unsubscribed"


@pytest.mark.parametrize("status", ["subscribed", "pending", "unknown"])
@pytest.mark.parametrize("first", [True, False])
def test_r12_at_the_same_place_an_unsubscribe_beats_whatever_else_is_said(
    world: Any, make: Any, status: str, first: bool
) -> None:
    w = world(make({"hi": mail()}))
    for each in (status, "unsubscribed") if first else ("unsubscribed", status):
        w.consent(each, revision=50)
    w.event("go")
    assert w.decision("message").reason == "unsubscribed"
    w.hand(RowInput(w.cause("laudstream.rows"), Consent("email", "", "subscribed", 50, deleted=True)))
    assert w.customer.core.consents == {}


def test_r42_transactional_passes_opt_outs_caps_and_quiet_hours_but_obeys_suppression(world: Any, make: Any) -> None:
    settings = {"class": "transactional", "caps": [{"limit": 1, "per": "day", "counts": "all"}],
                "quiet_hours": {"from": "08:00", "to": "20:00"}, "holdout": 100}  # fmt: skip
    steps = {"one": mail(next="two"), "two": mail()}
    w = world(make(steps, settings=settings, entry=[{"event": {"name": "go"}, "reentry": "always"}]))
    w.consent("unsubscribed")
    w.event("go")
    assert [made.on_unknown for made in w.sends()] == ["retry", "retry"]
    w.suppress()
    w.event("go")
    assert {made.reason for made in w.decisions("message")} == {"suppressed"}


def test_r38_without_a_refused_branch_sent_means_requested_and_a_refusal_is_skipped(world: Any, make: Any) -> None:
    w = world(make({"hi": mail()}))
    assert w.event("go") == ["entered", "message", "SendRequest", "moved", "ended"]
    other = world(make({"hi": mail()}), row=False)
    other.event("go")
    assert other.kinds() == ["Write", "entered", "message", "moved", "ended"]
    assert (other.decision("moved").branch, other.decision("moved").data) == ("refused", {"reason": "no_address"})


def test_r38_on_refusal_exit_ends_the_run(world: Any, make: Any) -> None:
    w = world(make({"hi": mail(on_refusal="exit")}), row=False)
    w.event("go")
    made = w.decision("ended")
    assert (made.step, made.reason, made.outcome) == ("hi", "refused", "")


@pytest.mark.parametrize(
    ("kind", "reason", "outcome"),
    [("sent", "", "done"), ("delivered", "", "done"), ("bounced", "", "done"), ("failed", "bad", "late"),
     ("refused", "suppressed", "late")],
)  # fmt: skip
def test_r38_with_a_refused_branch_the_step_waits_for_the_delivery(
    world: Any, make: Any, kind: str, reason: str, outcome: str
) -> None:
    w = world(make({"hi": mail(next={"sent": "done", "refused": "late"})}))
    w.event("go")
    (sent,) = w.sends()
    assert (w.at, w.run.status) == ("hi", "requested")
    assert w.deliver(sent, "unknown") == []
    assert w.at == "hi"
    assert w.deliver(sent, kind, reason=reason) == ["delivery", "moved", "ended"]
    assert w.decision("ended").outcome == outcome


def test_r38_a_gate_that_refuses_takes_the_refused_branch(world: Any, make: Any) -> None:
    w = world(make({"hi": mail(next={"sent": "done", "refused": "late"})}), row=False)
    w.event("go")
    assert w.decision("ended").outcome == "late"


def test_a22_a_repeated_delivery_changes_nothing(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"hi": mail(next="look"), "look": wait_step()}))
    w.event("go")
    (sent,) = w.sends()
    w.deliver(sent, "sent")
    before = w.customer
    w.deliver(sent, "sent")
    assert w.customer is before


def test_a20_a_delivery_that_never_comes_lets_the_run_go_on_by_sent(world: Any, make: Any) -> None:
    w = world(make({"hi": mail(next={"sent": "done", "refused": "late"})}))
    w.event("go")
    w.wait(2 * DAY - 1)
    assert w.at == "hi"
    w.wait(1)
    assert w.decision("moved").data == {"reason": "undelivered"}
    assert w.decision("ended").outcome == "done"


def test_a20_a_late_refusal_is_decided_again_where_the_run_waits_for_it(world: Any, make: Any) -> None:
    w = world(make({"hi": mail(next={"sent": "done", "refused": "late"})}))
    w.event("go")
    (first,) = w.sends()
    w.deliver(first, "refused", reason="expired")
    (second,) = w.sends()
    assert (second.attempt, second.send_id != first.send_id, w.at) == (2, True, "hi")
    w.deliver(first, "sent")
    assert w.at == "hi"  # of the first attempt
    w.deliver(second, "sent")
    assert w.at == ""
