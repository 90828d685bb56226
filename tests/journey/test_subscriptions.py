"""Consent by subscription, pinned templates, global holdouts, winners and actions (R9, R12, R17, R42 to R48)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.customers.row import Consent
from laudstream.errors import Invalid
from laudstream.ids import share
from laudstream.journey import subscriptions
from laudstream.journey.catalog import Catalog
from laudstream.journey.control import Control
from laudstream.journey.definition import parse
from laudstream.journey.inputs import RowInput
from laudstream.journey.parse_settings import workspace

HOUR, DAY = 3_600_000, 86_400_000
ALWAYS = [{"event": {"name": "go"}, "reentry": "always"}]


def mail(**more: Any) -> dict[str, Any]:
    return {"hi": {"message": {"channel": "email", "template": "mail", **more}, "next": "done"}}


def news(opt_in: str) -> dict[str, Any]:
    return {"id": "news", "name": "News", "channel": "email", "opt_in": opt_in}


def say(w: Any, status: str, subscription: str = "news") -> None:
    w.hand(RowInput(w.cause(), Consent("email", subscription, status, w.offset)))


@pytest.mark.parametrize(
    ("opt_in", "message_class", "own", "whole", "reason"),
    [
        ("implied", "marketing", "", "", ""),
        ("explicit", "marketing", "", "", "not_subscribed"),
        ("explicit", "marketing", "unknown", "", "not_subscribed"),
        ("implied", "marketing", "unknown", "", ""),
        ("explicit", "marketing", "subscribed", "", ""),
        ("implied", "marketing", "pending", "", "pending"),
        ("implied", "marketing", "unsubscribed", "", "unsubscribed"),
        ("explicit", "marketing", "subscribed", "unsubscribed", "unsubscribed"),
        ("explicit", "transactional", "", "", ""),
        ("explicit", "transactional", "pending", "", ""),
        ("explicit", "transactional", "", "unsubscribed", ""),
        ("implied", "transactional", "unsubscribed", "", "unsubscribed"),
    ],
)
def test_r44_consent_by_subscription(
    world: Any, make: Any, opt_in: str, message_class: str, own: str, whole: str, reason: str
) -> None:
    w = world(make(mail(subscription="news", **{"class": message_class})))
    w.publish(news(opt_in), kind="subscription")
    if own:
        say(w, own)
    if whole:
        say(w, whole, "")
    w.event("go")
    assert w.decision("message").reason == reason
    assert [request.subscription for request in w.sends()] == ([] if reason else ["news"])


def test_r44_without_a_definition_only_who_has_subscribed_gets_marketing(world: Any, make: Any) -> None:
    w = world(make(mail(subscription="news"), entry=ALWAYS))
    w.event("go")
    assert w.decision("message").reason == "not_subscribed"
    say(w, "subscribed")
    w.event("go", id="second")
    assert w.decision("message").reason == ""


def test_r48_a_subscription_is_live_and_survives_a_restart_of_the_lane(world: Any, make: Any) -> None:
    w = world(make(mail(subscription="news"), entry=ALWAYS))
    w.publish(news("explicit"), kind="subscription")
    w.publish(news("implied"), kind="subscription", version=2)
    w.catalog = Catalog.load(w.catalog.entries(), w.body_of)
    w.event("go")
    assert w.decision("message").reason == ""


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"id": "no name", "channel": "email"}, "/id"),
        ({"id": "news", "channel": "pigeon"}, "/channel"),
        ({"id": "news", "channel": "email", "opt_in": "perhaps"}, "/opt_in"),
        ({"id": "news", "channel": "email", "topic": "x"}, "/topic"),
    ],
)
def test_r60_a_wrong_subscription_is_refused_with_its_place(body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        subscriptions.parse(body)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_r44_a_subscription_has_a_channel_and_is_explicit_unless_it_says_so() -> None:
    plain = subscriptions.parse({"id": "news", "channel": "sms"})
    assert plain == subscriptions.Subscription("news", "news", "sms", False)
    named = subscriptions.parse({"id": "news", "name": "News", "channel": "email", "opt_in": "implied"})
    assert named == subscriptions.Subscription("news", "News", "email", True)


def test_r48_a_pinned_template_stays_while_the_live_one_moves_on(world: Any, make: Any) -> None:
    steps = {"hi": {"message": {"channel": "email", "template": "mail@1"}, "next": "ho"},
             "ho": {"message": {"channel": "email", "template": "mail"}, "next": "done"}}  # fmt: skip
    w = world(make(steps))
    body = {"channel": "email", "subject": "New {{ customer.city }}", "html": "<p>New</p>"}
    w.publish(body, kind="template", id="mail", version=2)
    w.row(email="ann@example.org", city="Bern")
    w.catalog = Catalog.load(w.catalog.entries(), w.body_of)
    w.event("go")
    assert [(one.template, one.template_version) for one in w.sends()] == [("mail", 1), ("mail", 2)]
    assert [one.context for one in w.sends()] == [{}, {"customer": {"city": "Bern"}}]
    assert [made.data["template"] for made in w.decisions("message")] == ["mail", "mail"]


@pytest.mark.parametrize(
    ("template", "known", "refused"),
    [
        ("mail@2", {"mail": [], "mail@1": [], "mail@2": []}, False),
        ("mail@3", {"mail": [], "mail@1": [], "mail@2": []}, True),
        ("mail@3", {"mail": []}, False),
        ("other@1", {"mail": []}, True),
        ("mail@0", None, True),
        ("mail@x", None, True),
        ("mail@", None, True),
        ("mail@2", None, False),
    ],
)
def test_r60_a_pin_names_a_version_that_there_is(make: Any, template: str, known: Any, refused: bool) -> None:
    body = make(mail(template=template))
    if not refused:
        parse(body, known)
        return
    with pytest.raises(Invalid) as caught:
        parse(body, known)
    assert [problem.pointer for problem in caught.value.problems] == ["/steps/hi/message/template"]


def test_r46_the_global_holdout_is_one_for_all_journeys_and_a_larger_share_only_adds(world: Any, make: Any) -> None:
    fall = share("holdout", "workspace1", "ann")
    for share_of_all, held in ((fall // 100, False), (fall // 100 + 1, True), (100, True)):
        w = world(make(mail(), id="a"), make(mail(), id="b"))
        w.publish({"holdout": share_of_all}, kind="workspace", id="workspace1")
        w.event("go")
        assert {made.reason for made in w.decisions("message")} == {"held_out" if held else ""}
        assert {made.outcome for made in w.decisions("ended")} == {"done"}
    assert workspace({"holdout": 2.5}).holdout == 250


def test_r42_transactional_messages_pass_the_global_holdout(world: Any, make: Any) -> None:
    w = world(make(mail(**{"class": "transactional"})))
    w.publish({"holdout": 100}, kind="workspace", id="workspace1")
    w.event("go")
    assert len(w.sends()) == 1


# Experiments


def arms(**more: Any) -> dict[str, Any]:
    following = {"a": "done", "b": "late", "holdout": "left"}
    return {"arms": {"experiment": {"arms": {"a": 45, "b": 45}, "holdout": 10, **more}, "next": following}}


def test_r9_a_holdout_arm_takes_its_share_and_goes_its_own_way(world: Any, make: Any) -> None:
    made = parse(make(arms())).steps["arms"]
    assert made.arms == (("a", 4_500), ("b", 4_500), ("holdout", 1_000))  # type: ignore[attr-defined]
    w = world(make(arms(arms={"a": 0, "b": 0}, holdout=100)))
    w.event("go")
    assert (w.decision("moved").branch, w.decision("ended").outcome) == ("holdout", "left")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"holdout": 11}, "/experiment/arms"),
        ({"holdout": -1}, "/experiment/holdout"),
        ({"arms": {"a": 50, "holdout": 40}}, "/experiment/arms/holdout"),
    ],
)
def test_r60_a_wrong_holdout_arm_is_refused_with_its_place(make: Any, change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make(arms(**change)))
    assert "/steps/arms" + pointer in [problem.pointer for problem in refused.value.problems]
    body = make(arms())
    body["steps"]["arms"]["next"] = "done"
    with pytest.raises(Invalid):
        parse(body)


def test_r45_a_winner_takes_all_who_were_not_assigned_from_its_place_in_the_log_on(world: Any, make: Any) -> None:
    halves = {"arms": {"experiment": {"arms": {"a": 50, "b": 50}}, "next": {"a": "done", "b": "late"}}}
    w = world(make(halves, entry=ALWAYS))
    w.event("go")
    kept = w.decision("moved").branch
    other = "b" if kept == "a" else "a"

    def wins(arm: str) -> None:
        w.seq += 1
        w.catalog = w.catalog.apply(Control(w.seq, "workspace1", "winner", "j/arms", 1, arm), w.now, w.body_of)

    wins(other)
    w.catalog = Catalog.load(w.catalog.entries(), w.body_of)
    w.event("go", id="second")
    assert w.decision("moved").branch == kept, "the first assignment is kept"
    new = world(make(halves, entry=ALWAYS))
    new.catalog = w.catalog
    new.event("go")
    assert new.decision("moved").branch == other
    assert new.customer.core.assignments == {"j/arms": other}
    wins("deleted")
    assert w.catalog.spaces["workspace1"].winners == {}


def test_an_arm_that_is_gone_wins_nobody(world: Any, make: Any) -> None:
    halves = {"arms": {"experiment": {"arms": {"a": 50, "b": 50}}, "next": {"a": "done", "b": "late"}}}
    w = world(make(halves))
    w.catalog = w.catalog.apply(Control(99, "workspace1", "winner", "j/arms", 1, "c"), w.now, w.body_of)
    w.event("go")
    assert w.decision("moved").branch in ("a", "b")


# Actions


def hook(**more: Any) -> dict[str, Any]:
    return {"call": {"message": {"channel": "webhook", "template": "mail", **more}, "next": "done"}}


QUIET = {"quiet_hours": {"from": "08:00", "to": "20:00"}, "holdout": 0}


def test_r43_an_action_asks_nobody(world: Any, make: Any) -> None:
    caps = [{"limit": 1, "per": "P1D", "counts": "all"}]
    settings = {**QUIET, "caps": caps, "holdout": 100}
    w = world(make(hook(subscription="news"), settings=settings, entry=ALWAYS))
    w.row()  # no address
    w.hand(RowInput(w.cause(), Consent("webhook", "news", "unsubscribed", 5)))
    for number in range(3):
        w.event("go", id=f"m-{number}")
        (request,) = w.sends()
        assert (request.channel, request.to, request.consent) == ("webhook", "", False)
        assert request.send_before == w.now + DAY, "quiet hours cut nothing off"
    assert w.customer.core.slots == ()


def test_r43_an_action_says_that_its_customer_has_no_row_yet(world: Any, make: Any) -> None:
    """Its sender would take it for deleted."""
    plain = {"channel": "webhook", "url": "https://shop.example/"}
    w = world(make(hook(), entry=ALWAYS), templates={"mail": plain}, row=False)
    w.event("go")
    assert w.sends()[-1].fresh
    w.row()
    w.event("go", id="second")
    assert not w.sends()[-1].fresh


@pytest.mark.parametrize(
    ("settings", "consent", "named", "reason"),
    [
        (QUIET, "", "", "quiet_hours"),
        ({"holdout": 100}, "", "", "held_out"),
        ({}, "unsubscribed", "news", "unsubscribed"),
        ({}, "unsubscribed", "", ""),
        ({}, "", "", ""),
    ],
)
def test_r43_a_customer_facing_action_is_asked_about_but_needs_no_address(
    world: Any, make: Any, settings: Any, consent: str, named: str, reason: str
) -> None:
    more = {"subscription": named} if named else {}
    w = world(make(hook(customer_facing=True, **more), settings=settings))
    w.row()
    if consent:
        w.hand(RowInput(w.cause(), Consent("webhook", "news", consent, 5)))
    w.event("go")
    assert w.decision("message").reason == reason
    assert len(w.customer.core.slots) == (0 if reason else 1)


def test_r43_publish_refuses_slack_as_long_as_nobody_sends_to_it(make: Any) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make(hook(channel="slack")))
    assert "does not run it yet" in refused.value.problems[0].message


def test_r60_a_mail_always_reaches_the_customer(make: Any) -> None:
    with pytest.raises(Invalid) as refused:
        parse(make(mail(customer_facing=False)))
    assert [problem.pointer for problem in refused.value.problems] == ["/steps/hi/message/customer_facing"]
